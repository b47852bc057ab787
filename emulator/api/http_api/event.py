"""Makes API Gateway's events of payload format 2.0 of HTTP requests. Pure: time and ids come in.

Sources: API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs"; the
requests that AWS recorded for its Lambda Test Tool v2 (aws/aws-lambda-dotnet,
Tools/LambdaTestTool-v2/tests/…/Snapshots), where the guide is silent: the path and its parameters
are percent-decoded, the raw query string is not.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import msgspec

from emulator.core.apis import DEFAULT_STAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import Scope

    from emulator.core.routes import Route


@dataclass(frozen=True, slots=True)
class Api:
    """Holds what the events of one API have in common."""

    account_id: str
    api_id: str
    domain_name: str
    port: int
    """The port that clients dial; stands in the x-forwarded headers, as `scheme` does."""
    scheme: str = "http"
    stage: str = DEFAULT_STAGE
    variables: Mapping[str, str] = field(default_factory=dict)
    """The stage's variables."""

    @property
    def domain_prefix(self) -> str:
        """Returns the first part of the API's host name."""
        return self.domain_name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Holds what an HTTP API's event tells of a request."""

    method: str
    path: str
    """The path, percent-decoded."""
    query: bytes
    """The query as the client sent it, without the question mark."""
    headers: Iterable[tuple[bytes, bytes]]
    body: bytes
    source_ip: str
    protocol: str = "HTTP/1.1"


_encode = msgspec.json.Encoder().encode


def request_of(scope: Scope, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> HttpRequest:
    """Returns the request of an ASGI connection, with these headers in the place of its own."""
    client = scope.get("client")
    return HttpRequest(
        scope["method"],
        scope["path"],
        scope["query_string"],
        headers,
        body,
        client[0] if client else "127.0.0.1",
        f"HTTP/{scope['http_version']}",
    )


def sent_path(scope: Scope) -> str:
    """Returns the path as the client sent it, not decoded."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.partition(b"?")[0].decode("latin-1")


def event(
    request: HttpRequest,
    route: Route,
    path_parameters: Mapping[str, str],
    *,
    api: Api,
    request_id: str,
    at_epoch: float,
    authorizer: Mapping[str, Any] | None = None,
) -> bytes:
    """Returns the event of a request that `route` takes, as JSON.

    Cookies, query and path parameters, stage variables and a body are left out where none is there.
    `at_epoch` is when the request arrived, in seconds; `authorizer` tells of its caller.
    """
    headers, cookies = _headers(request, api)
    built: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query.decode("latin-1"),
    }
    if cookies:
        built["cookies"] = cookies
    built["headers"] = headers
    if request.query and (parameters := _parameters(built["rawQueryString"])):
        built["queryStringParameters"] = parameters
    built["requestContext"] = context = {
        "accountId": api.account_id,
        "apiId": api.api_id,
        "domainName": api.domain_name,
        "domainPrefix": api.domain_prefix,
        "http": _http(request, headers.get("user-agent", "")),
        "requestId": request_id,
        "routeKey": route.key,
        "stage": api.stage,
        "time": common_log_time(int(at_epoch)),
        "timeEpoch": int(at_epoch * 1000),
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    if path_parameters:
        built["pathParameters"] = path_parameters
    if api.variables:
        built["stageVariables"] = dict(api.variables)
    encoded = False
    if request.body:
        built["body"], encoded = inferred_body(request.body, headers.get("content-type", ""))
    built["isBase64Encoded"] = encoded
    return _encode(built)


def _http(request: HttpRequest, user_agent: str) -> dict[str, str]:
    return {
        "method": request.method,
        "path": request.path,
        "protocol": request.protocol,
        "sourceIp": request.source_ip,
        "userAgent": user_agent,
    }


def is_text(content_type: str) -> bool:
    """Returns whether API Gateway hands on a body of this type as text, and not in base64.

    Measured on real API Gateway (ministackorg/ministack, pull request 766): text/*,
    application/json, application/javascript and application/xml are text; every other type,
    application/x-www-form-urlencoded among them, and no type at all are base64. That names no
    type with a +json or +xml suffix; they are taken for text here.
    """
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXTUAL or kind.endswith(("+json", "+xml"))


_TEXTUAL = frozenset({"application/json", "application/javascript", "application/xml"})
_is_text = lru_cache(maxsize=256)(is_text)


def _headers(request: HttpRequest, api: Api) -> tuple[dict[str, str], list[str]]:
    """Returns the event's headers, repeated ones joined with a comma, and the cookies."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "cookie":
            cookies += [cookie for part in value.split(";") if (cookie := part.strip())]
        elif name in headers:
            headers[name] += f",{value}"
        else:
            headers[name] = value
    earlier = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{earlier}, {request.source_ip}" if earlier else request.source_ip
    headers["x-forwarded-port"] = str(api.port)
    headers["x-forwarded-proto"] = api.scheme
    return headers, cookies


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def inferred_body(body: bytes, content_type: str) -> tuple[str, bool]:
    """Returns the body and whether it is in base64, as text that is not UTF-8 must be too."""
    if _is_text(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii"), True


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=8)
def common_log_time(at_epoch: int) -> str:
    """Formats a time as `12/Mar/2020:19:03:58 +0000`, whatever the locale."""
    at = time.gmtime(at_epoch)
    day = f"{at.tm_mday:02}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year}"
    return f"{day}:{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"
