"""Finds the HTTP API route that serves a request, and checks the paths of routes.

Knows nothing of HTTP but methods and paths.

Sources: API Gateway developer guide, "Create routes for HTTP APIs" (a full match, then a greedy
one, then `$default`); AWS's Lambda Test Tool v2 (aws/aws-lambda-dotnet) for what a variable and a
greedy variable take. Paths are compared as they are: case and a trailing slash count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT = "$default"
ANY = "ANY"
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", ANY})

_VARIABLE = re.compile(r"\{([A-Za-z0-9._:-]+)(\+?)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~:@!$&'()*+,;=%-]+")


class RouteAuth(StrEnum):
    """Says who may call a route."""

    NONE = "NONE"
    AWS_IAM = "AWS_IAM"


class PayloadFormat(StrEnum):
    """Names the forms of event in which API Gateway tells a function of a request."""

    V1 = "1.0"
    V2 = "2.0"


@dataclass(frozen=True, slots=True)
class Route:
    """Holds one route of an HTTP API, or one method of a REST API."""

    method: str
    """Upper case; `ANY` takes every method."""
    path: str
    """`/items/{id}`, `/files/{proxy+}`, or `$default`, which takes what no other route does."""
    function: str
    auth: RouteAuth = RouteAuth.NONE
    payload_format: PayloadFormat = PayloadFormat.V2
    """Form of the events; a REST API knows format 1.0 alone."""

    @property
    def key(self) -> str:
        """Returns API Gateway's route key: `POST /predict`, `$default`."""
        return DEFAULT if self.path == DEFAULT else f"{self.method} {self.path}"

    @property
    def shape(self) -> str:
        """Returns a text that is equal for two routes that take the same requests."""
        return _VARIABLE.sub(r"{\2}", self.key)


def path_fault(path: str) -> str:
    """Returns the sentence in which a route's path is refused; empty where the path is right."""
    if not path.startswith("/"):
        return f"the path '{path}' must begin with '/'"
    segments = path[1:].split("/")
    names: list[str] = []
    for position, segment in enumerate(segments, 1):
        variable = _VARIABLE.fullmatch(segment)
        if variable:
            names.append(variable[1])
            if variable[2] and position < len(segments):
                return f"'{segment}' in the path '{path}' must be its last part"
        elif not _LITERAL.fullmatch(segment) and (segment or position < len(segments)):
            return f"'{segment}' in the path '{path}' is neither a word nor a {{variable}}"
    if len(set(names)) < len(names):
        return f"the path '{path}' uses a variable's name twice"
    return ""


class RouteTable:
    """Finds the route of a request.

    A route whose whole path matches goes before a greedy one, that before `$default`; then a
    route of this method before an `ANY` route; then, from the left, a word before a variable
    before a greedy variable.

    Raises:
        ValueError: two routes take the same requests.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._default: Route | None = None
        self._exact: dict[tuple[str, str], Route] = {}
        patterns: list[_Pattern] = []
        seen: set[str] = set()
        for route in self.routes:
            if route.shape in seen:
                raise ValueError(f"two routes take {route.key}")
            seen.add(route.shape)
            if route.path == DEFAULT:
                self._default = route
            elif route.method != ANY and "{" not in route.path:
                # nothing goes before it, so that most requests end here
                self._exact[route.method, route.path] = route
            else:
                patterns.append(_Pattern(route))
        self._patterns = sorted(patterns, key=lambda pattern: pattern.rank)

    def match(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Returns a request's route and path parameters; None where no route takes it (404).

        `path` is percent-decoded, as API Gateway matches it.
        """
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact, {}
        segments = path.removeprefix("/").split("/")
        for pattern in self._patterns:
            if pattern.method in (method, ANY):
                parameters = pattern.take(segments)
                if parameters is not None:
                    return pattern.route, parameters
        return None if self._default is None else (self._default, {})


class _Pattern:
    """Holds a route's path taken apart."""

    __slots__ = ("_count", "_greedy", "_parts", "method", "rank", "route")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.method = route.method
        self._parts: list[tuple[str, bool]] = []
        """Pairs of a word and False, or of a variable's name and True."""
        self._greedy = ""
        kinds: list[int] = []
        for segment in route.path[1:].split("/"):
            variable = _VARIABLE.fullmatch(segment)
            if variable and variable[2]:
                self._greedy = variable[1]
                kinds.append(2)
            else:
                self._parts.append((variable[1] if variable else segment, bool(variable)))
                kinds.append(1 if variable else 0)
        self._count = len(kinds)
        self.rank = (bool(self._greedy), route.method == ANY, kinds)

    def take(self, segments: list[str]) -> dict[str, str] | None:
        """Returns the path parameters; None where the path does not match.

        A variable takes one part that is not empty; a greedy one takes the rest, even when
        nothing follows the slash.
        """
        if len(segments) < self._count or (len(segments) > self._count and not self._greedy):
            return None
        taken: dict[str, str] = {}
        for (text, variable), segment in zip(self._parts, segments, strict=False):
            if variable and segment:
                taken[text] = segment
            elif variable or text != segment:
                return None
        if self._greedy:
            taken[self._greedy] = "/".join(segments[self._count - 1 :])
        return taken
