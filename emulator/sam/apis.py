"""Reads APIs of a SAM template, and gathers the routes that functions' events give them.

Source: the AWS SAM specification 2016-10-31 (Api, HttpApi, and their events). An API that is
written down as OpenAPI is refused: routes stand in events here. So are authorizers but AWS_IAM.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.core.apis import DEFAULT_STAGE, Api, HttpApi, RestApi, RestCors
from emulator.core.function_url import Cors
from emulator.core.routes import Route, RouteAuth
from emulator.sam.loader import line_of
from emulator.sam.references import HTTP_API, REST_API, api_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.sam.nodes import Entry, NodeReader

REST_KIND = "AWS::Serverless::Api"
HTTP_KIND = "AWS::Serverless::HttpApi"
_IGNORED = ("Name", "Description", "Tags", "FailOnWarnings", "PropagateTags")
"""Properties that change nothing of what is served here."""
REST_PROPERTIES = (
    *("StageName", "Variables", "BinaryMediaTypes", "Cors", "Auth", "EndpointConfiguration"),
    *("TracingEnabled", "OpenApiVersion", "MethodSettings", "AlwaysDeploy", *_IGNORED),
)
HTTP_PROPERTIES = (
    *("StageName", "StageVariables", "CorsConfiguration", "Auth", "DefaultRouteSettings"),
    *("RouteSettings", "AccessLogSettings", *_IGNORED),
)
_REST_CORS = ("AllowMethods", "AllowHeaders", "AllowOrigin", "MaxAge", "AllowCredentials")
_HTTP_CORS = (
    *("AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigins"),
    *("ExposeHeaders", "MaxAge"),
)
_AUTH = ("DefaultAuthorizer", "EnableIamAuthorizer", "AddDefaultAuthorizerToCorsPreflight")


@dataclass(slots=True)
class _Draft:
    """Holds an API whose routes are still being gathered."""

    kind: str
    id: str
    stage: str
    variables: Mapping[str, str] = field(default_factory=dict)
    binary: tuple[str, ...] = ()
    rest_cors: RestCors | None = None
    http_cors: Cors | None = None
    auth: RouteAuth = RouteAuth.NONE
    routes: list[Route] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    """The line of each route, by its shape."""

    def made(self) -> Api:
        routes = tuple(self.routes)
        if self.kind == REST_KIND:
            return RestApi(self.id, routes, self.stage, self.variables, self.binary, self.rest_cors)
        return HttpApi(self.id, routes, self.stage, self.variables, self.http_cors)


class ApiReader:
    """Reads APIs, then takes routes, so that no two routes of an API take the same requests."""

    def __init__(
        self, nodes: NodeReader, shared: Mapping[str, Mapping[str, Entry]], stack: str
    ) -> None:
        """Takes what Globals state for `Api` and `HttpApi`, and the stack that ids begin with."""
        self._nodes = nodes
        self._stack = stack
        self._shared = shared
        self._drafts: dict[str, _Draft] = {}

    @property
    def apis(self) -> tuple[Api, ...]:
        """Returns the APIs that have a route, in the order of the template."""
        return tuple(draft.made() for draft in self._drafts.values() if draft.routes)

    def declare(self, kind: str, entry: Entry, section: Entry | None) -> None:
        """Reads an API that the template declares."""
        known = REST_PROPERTIES if kind == REST_KIND else HTTP_PROPERTIES
        own = self._nodes.entries(section.node, entry.key, known) if section else {}
        if kind == REST_KIND and "StageName" not in own:
            self._nodes.faults.add(entry.line, f"{entry.key} needs StageName")
        self._drafts[api_id(entry.key, self._stack)] = self._draft(kind, entry.key, own)

    def api(self, kind: str, named: Entry | None, what: str) -> str:
        """Returns the id of the API that an event names, or of the one that SAM makes itself."""
        if named is None:
            logical = REST_API if kind == REST_KIND else HTTP_API
            made = api_id(logical, self._stack)
            if made not in self._drafts:
                self._drafts[made] = self._draft(kind, logical, {})
            return made
        name = self._nodes.text(named.node, f"{what}: {named.key}")
        draft = self._drafts.get(name or "")
        if name is None:
            return ""
        if draft is None or draft.kind != kind:
            message = f"{what}: {named.key} must be !Ref to an {kind} of this template"
            self._nodes.faults.add(line_of(named.node), message)
            return ""
        return draft.id

    def auth(self, api: str, stated: str) -> RouteAuth:
        """Returns who may call a route that states an authorizer, or none at all."""
        if stated:
            return RouteAuth.AWS_IAM if stated == RouteAuth.AWS_IAM else RouteAuth.NONE
        return self._drafts[api].auth

    def add(self, api: str, route: Route, line: int, what: str) -> None:
        draft = self._drafts[api]
        if route.shape in draft.lines:
            message = (
                f"{what}: {route.key} is taken by the route in line {draft.lines[route.shape]}"
            )
            self._nodes.faults.add(line, message)
            return
        draft.lines[route.shape] = line
        draft.routes.append(route)

    # properties

    def _draft(self, kind: str, logical: str, own: Mapping[str, Entry]) -> _Draft:
        shared = self._shared.get("Api" if kind == REST_KIND else "HttpApi", {})
        stated = {**shared, **own}
        variables = "Variables" if kind == REST_KIND else "StageVariables"
        draft = _Draft(
            kind,
            api_id(logical, self._stack),
            self._text(logical, stated, "StageName")
            or ("Prod" if kind == REST_KIND else DEFAULT_STAGE),
            variables={
                name: str(value)
                for part in (shared, own)
                for name, value in self._mapping(logical, part.get(variables)).items()
            },
            binary=tuple(
                text.replace("~1", "/")
                for part in (shared, own)
                for text in self._words(logical, part.get("BinaryMediaTypes"))
            ),
            auth=self._auth(logical, stated.get("Auth")),
        )
        if kind == REST_KIND:
            draft.rest_cors = self._rest_cors(logical, stated.get("Cors"))
        else:
            draft.http_cors = self._http_cors(logical, stated.get("CorsConfiguration"))
        return draft

    def _auth(self, logical: str, section: Entry | None) -> RouteAuth:
        what = f"{logical}: Auth"
        parts = self._nodes.entries(section.node, what, _AUTH) if section else {}
        default = parts.get("DefaultAuthorizer")
        if default is None:
            return RouteAuth.NONE
        stated = self._nodes.text(default.node, f"{what}: DefaultAuthorizer")
        if stated not in (None, RouteAuth.AWS_IAM):
            message = f"{what}: DefaultAuthorizer '{stated}' is not supported, only AWS_IAM is"
            self._nodes.faults.add(line_of(default.node), message)
        return RouteAuth.AWS_IAM

    def _rest_cors(self, logical: str, section: Entry | None) -> RestCors | None:
        if section is None:
            return None
        stated = self._nodes.plain(section.node, f"{logical}: Cors")
        if isinstance(stated, str):
            return RestCors(_unquoted(stated))
        parts = self._nodes.entries(section.node, f"{logical}: Cors", _REST_CORS)
        texts = {name: _unquoted(self._text(logical, parts, name)) for name in parts}
        return RestCors(
            texts.get("AllowOrigin", "*"),
            texts.get("AllowMethods", ""),
            texts.get("AllowHeaders", ""),
            texts.get("MaxAge", ""),
            allow_credentials=texts.get("AllowCredentials") == "true",
        )

    def _http_cors(self, logical: str, section: Entry | None) -> Cors | None:
        if section is None:
            return None
        what = f"{logical}: CorsConfiguration"
        if self._nodes.plain(section.node, what) in (True, "true"):
            # what SAM writes for `true`
            return Cors(allow_headers=("*",), allow_methods=("*",), allow_origins=("*",))
        parts = self._nodes.entries(section.node, what, _HTTP_CORS)
        age = parts.get("MaxAge")
        credentials = self._text(logical, parts, "AllowCredentials")
        return Cors(
            allow_credentials=credentials == "true",
            allow_headers=self._words(logical, parts.get("AllowHeaders")),
            allow_methods=self._words(logical, parts.get("AllowMethods")),
            allow_origins=self._words(logical, parts.get("AllowOrigins")),
            expose_headers=self._words(logical, parts.get("ExposeHeaders")),
            max_age=(self._nodes.integer(age.node, f"{what}: MaxAge", 0) or 0) if age else 0,
        )

    def _text(self, logical: str, parts: Mapping[str, Entry], name: str) -> str:
        entry = parts.get(name)
        return (self._nodes.string(entry.node, f"{logical}: {name}") or "") if entry else ""

    def _words(self, logical: str, entry: Entry | None) -> tuple[str, ...]:
        if entry is None:
            return ()
        what = f"{logical}: {entry.key}"
        words = [self._nodes.text(node, what) for node in self._nodes.items(entry.node, what)]
        return tuple(word for word in words if word is not None)

    def _mapping(self, logical: str, entry: Entry | None) -> dict[str, Any]:
        if entry is None:
            return {}
        what = f"{logical}: {entry.key}"
        parts = self._nodes.entries(entry.node, what)
        return {name: self._nodes.string(e.node, f"{what}: {name}") for name, e in parts.items()}


def _unquoted(text: str) -> str:
    """Returns a value without the single quotes that API Gateway wants around constants."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text
