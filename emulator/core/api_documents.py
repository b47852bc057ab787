"""Writes APIs as JSON documents and reads them again, for a wire and for a store.

A document has the members of `HttpApi` or `RestApi`, and says which in `kind`.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulator.core.apis import HttpApi, RestApi, RestCors
from emulator.core.function_url import Cors
from emulator.core.resources import ResourceTree
from emulator.core.routes import (
    DEFAULT,
    METHODS,
    PayloadFormat,
    Route,
    RouteAuth,
    RouteTable,
    path_fault,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.apis import Api

_FLAG = "allow_credentials"
_STAGE = re.compile(r"\$default|[A-Za-z0-9_-]{1,128}")
_KINDS = {"http": HttpApi, "rest": RestApi}


def document_of(api: Api) -> dict[str, Any]:
    """Returns an API as JSON has it."""
    kind = "rest" if isinstance(api, RestApi) else "http"
    document = {"kind": kind, **asdict(api), "variables": dict(api.variables)}
    return document | {"routes": [asdict(route) for route in api.routes]}


def api_of(document: Mapping[str, Any]) -> Api:
    """Reads a document.

    Raises:
        ValueError: the document is no API's, or its routes are at odds; says what is wrong.
    """
    try:
        members = dict(document)
        kind = _KINDS[members.pop("kind")]
        members["routes"] = tuple(_route(route) for route in members.get("routes", ()))
        if (cors := members.get("cors")) is not None:
            members["cors"] = _cors(cors) if kind is HttpApi else RestCors(**_checked(cors))
        if "binary_media_types" in members:
            members["binary_media_types"] = _words(members["binary_media_types"])
        members["variables"] = _texts(members.get("variables", {}))
        api: Api = kind(**members)
        if not _STAGE.fullmatch(api.stage) or not isinstance(api.id, str):
            raise TypeError("a stage is letters, digits, - and _")  # noqa: TRY301  # as the rest
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no API's document: {error}") from error
    # both refuse two routes that take the same requests
    if isinstance(api, RestApi):
        ResourceTree(api.routes)
    else:
        RouteTable(api.routes)
    return api


def _route(members: Mapping[str, Any]) -> Route:
    route = Route(
        str(members["method"]),
        str(members["path"]),
        str(members["function"]),
        RouteAuth(members.get("auth", RouteAuth.NONE)),
        PayloadFormat(members.get("payload_format", PayloadFormat.V2)),
    )
    if route.method not in METHODS:
        raise ValueError(f"'{route.method}' is no method of a route")
    if route.path != DEFAULT and (fault := path_fault(route.path)):
        raise ValueError(fault)
    return route


def _cors(members: Mapping[str, Any]) -> Cors:
    lists = {name: _words(value) for name, value in members.items() if isinstance(value, list)}
    checked = _checked({name: value for name, value in members.items() if name not in lists})
    named = [name for name in checked if name.startswith(("allow_", "expose_")) and name != _FLAG]
    if named:
        raise TypeError(f"{named[0]} is no list")
    return Cors(**{**checked, **lists})


def _checked(members: Mapping[str, Any]) -> dict[str, Any]:
    """Returns members that are texts, flags and numbers.

    Raises:
        TypeError: one is something else.
    """
    for name, value in members.items():
        wanted = bool if name == _FLAG else (str, int)
        if not isinstance(value, wanted):
            raise TypeError(f"{name} is {value!r}")
    return dict(members)


def _words(values: Any) -> tuple[str, ...]:
    if not isinstance(values, (list, tuple)) or not all(isinstance(one, str) for one in values):
        raise TypeError(f"{values!r} is no list of texts")
    return tuple(values)


def _texts(values: Any) -> dict[str, str]:
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise TypeError(f"{values!r} is no mapping to texts")
    return values
