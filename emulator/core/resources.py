"""Finds the resource and the method of a REST API that serve a request.

A REST API is a tree of resources, each with methods, where an HTTP API is a list of routes: the
path decides first, and a resource without a request's method refuses the request, even where a
greedy resource beside it would have that method.

Sources: API Gateway developer guide, "Methods for REST APIs" (`ANY` stands for the methods that are
not defined, `{proxy+}` takes all of a path that nothing else takes and is no match for its own
parent). That a slash at the end of a path does not count is inferred (trust L).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.routes import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.routes import Route

_VARIABLE = re.compile(r"\{([A-Za-z0-9._:-]+)(\+?)\}")


@dataclass(slots=True)
class Resource:
    """Holds one path of a REST API and its methods."""

    path: str
    methods: dict[str, Route] = field(default_factory=dict)

    def route(self, method: str) -> Route | None:
        """Returns what serves a method: its own route before that of `ANY`."""
        return self.methods.get(method) or self.methods.get(ANY)


class ResourceTree:
    """Finds the resource of a path: from the left, a word before a variable before a greedy one.

    Raises:
        ValueError: two routes are one method of one path.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._resources: dict[str, Resource] = {}
        for route in routes:
            path = route.path.rstrip("/") or "/"
            resource = self._resources.setdefault(path, Resource(path))
            if route.method in resource.methods:
                raise ValueError(f"two routes take {route.key}")
            resource.methods[route.method] = route
        ranked = sorted(self._resources.values(), key=lambda resource: _rank(resource.path))
        self._patterns = [(resource, _segments(resource.path)) for resource in ranked]

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Returns every resource that has a method."""
        return tuple(self._resources.values())

    def find(self, path: str) -> tuple[Resource, Mapping[str, str]] | None:
        """Returns the resource of a path and its path parameters; None where there is none.

        `path` is percent-decoded and begins with a slash, without the stage.
        """
        segments = _segments(path.rstrip("/") or "/")
        for resource, parts in self._patterns:
            taken = _take(parts, segments)
            if taken is not None:
                return resource, taken
        return None


def _segments(path: str) -> list[str]:
    return path[1:].split("/") if path != "/" else []


def _rank(path: str) -> list[int]:
    kinds = []
    for part in _segments(path):
        variable = _VARIABLE.fullmatch(part)
        kinds.append(0 if variable is None else 2 if variable[2] else 1)
    return kinds


def _take(parts: list[str], segments: list[str]) -> dict[str, str] | None:
    """Returns what the variables take; None where the path does not match."""
    taken: dict[str, str] = {}
    for position, part in enumerate(parts):
        if position >= len(segments):
            return None
        variable = _VARIABLE.fullmatch(part)
        if variable is None:
            if part != segments[position]:
                return None
        elif variable[2]:
            taken[variable[1]] = "/".join(segments[position:])
            return taken
        elif segments[position]:
            taken[variable[1]] = segments[position]
        else:
            return None
    return taken if len(parts) == len(segments) else None
