"""What an extension asks of the Telemetry API or of its predecessor, the Logs API.

Pure: a request's body becomes a `Subscription`, or a refusal in AWS's words. Limits, defaults and
words are those of the developer guide's "Lambda Telemetry API reference", "Accessing real-time
telemetry data for extensions using the Telemetry API" and "Using the Lambda Logs API". AWS shows
the words of two errors; the others are made like them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from emulator.live.runtime_api.http import Refusal
from emulator.telemetry.event_schemas import LOGS_SCHEMAS, TELEMETRY_SCHEMAS

TYPES = ("platform", "function", "extension")
SANDBOX_HOSTS = ("sandbox.localdomain", "sandbox")
"""Both mean the sandbox itself."""
RESERVED_PORT = 9001
_HIGHEST_PORT = 65_535
_IN_A_PATH = "/?%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Api:
    """One of the two APIs that subscribe."""

    name: str
    path: bytes
    schemas: tuple[str, ...]
    default_schema: str
    """Empty where one must be named."""
    validation_error: str
    methods: tuple[str, ...]
    """With which events can be asked for over HTTP; the first is the default."""


TELEMETRY = Api(
    "Telemetry", b"/2022-07-01/telemetry", TELEMETRY_SCHEMAS, "", "ValidationError", ("POST",)
)
LOGS = Api(
    "Logs",
    b"/2020-08-15/logs",
    LOGS_SCHEMAS,
    LOGS_SCHEMAS[0],
    "Logs.ValidationError",
    ("POST", "PUT"),
)
APIS = (TELEMETRY, LOGS)


@dataclass(frozen=True, slots=True)
class Buffering:
    """How much is kept back for how long before it is delivered."""

    max_items: int = 10_000
    max_bytes: int = 262_144
    timeout_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the subscriber listens within the sandbox; over TCP there is no path and no method."""

    protocol: str
    """`HTTP` or `TCP`."""
    port: int
    path: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Subscription:
    api: Api
    schema: str
    types: tuple[str, ...]
    destination: Destination
    buffering: Buffering


_LIMITS = {
    "maxItems": ("max_items", 1_000, 10_000),
    "maxBytes": ("max_bytes", 262_144, 1_048_576),
    "timeoutMs": ("timeout_ms", 25, 30_000),
}


def parse(api: Api, body: bytes) -> Subscription | Refusal:
    """All that is wrong is told at once, as AWS does."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        return Refusal(api.validation_error, f"Invalid JSON: {error}", 400)
    if not isinstance(document, dict):
        return Refusal(api.validation_error, "Invalid JSON: not an object", 400)
    faults: list[str] = []
    destination = _destination(document.get("destination"), api, faults)
    types = _types(document.get("types"), faults)
    buffering = _buffering(document.get("buffering"), faults)
    schema = _schema(document.get("schemaVersion"), api, faults)
    if faults:
        return Refusal(api.validation_error, "; ".join(faults), 400)
    return Subscription(api, schema, types, destination, buffering)


def _schema(asked: Any, api: Api, faults: list[str]) -> str:
    if asked is None and not api.default_schema:
        faults.append("schemaVersion is not provided")
    elif asked is not None and asked not in api.schemas:
        faults.append(f"schemaVersion should be one of {', '.join(api.schemas)}")
    return api.default_schema if asked is None else str(asked)


def _types(asked: Any, faults: list[str]) -> tuple[str, ...]:
    if not isinstance(asked, list) or not asked:
        faults.append("types should not be empty")
        return ()
    unknown = [str(kind) for kind in asked if kind not in TYPES]
    if unknown:
        known = ", ".join(TYPES)
        faults.append(f"types should be of {known} and not {', '.join(unknown)}")
        return ()
    return tuple(dict.fromkeys(asked))


def _buffering(asked: Any, faults: list[str]) -> Buffering:
    if asked is None:
        return Buffering()
    if not isinstance(asked, dict):
        faults.append("buffering should be an object")
        return Buffering()
    chosen: dict[str, int] = {}
    for name, (field, least, most) in _LIMITS.items():
        value = asked.get(name)
        if value is None:
            continue
        if type(value) is not int or not least <= value <= most:
            faults.append(f"{name} should be between {least} and {most}")
        else:
            chosen[field] = value
    return Buffering(**chosen)


def _destination(asked: Any, api: Api, faults: list[str]) -> Destination:
    nowhere = Destination("", 0)
    if not isinstance(asked, dict):
        faults.append("destination is not provided")
        return nowhere
    match asked.get("protocol"):
        case "HTTP":
            return _http_destination(asked, api, faults)
        case "TCP":
            port = asked.get("port")
            if type(port) is not int or not 0 < port <= _HIGHEST_PORT:
                faults.append("port is not provided")
                return nowhere
            _check_port(port, faults)
            return Destination("TCP", port)
        case _:
            faults.append("protocol should be one of HTTP, TCP")
            return nowhere


def _http_destination(asked: dict[str, Any], api: Api, faults: list[str]) -> Destination:
    try:
        uri = urlsplit(str(asked.get("URI", "")))
        host, port = uri.hostname, uri.port
    except ValueError as error:
        faults.append(f"URI is invalid: {error}")
        return Destination("", 0)
    if uri.scheme != "http":
        faults.append("URI scheme should be http")
    if host not in SANDBOX_HOSTS:
        faults.append(f"URI host should be {SANDBOX_HOSTS[0]}")
    if not port:
        faults.append("URI port is not provided")
    _check_port(port or 0, faults)
    method = asked.get("method", api.methods[0])
    if method not in api.methods:
        faults.append(f"method should be one of {', '.join(api.methods)}")
    path = (uri.path or "/") + (f"?{uri.query}" if uri.query else "")
    return Destination("HTTP", port or 0, quote(path, safe=_IN_A_PATH), str(method))


def _check_port(port: int, faults: list[str]) -> None:
    if port == RESERVED_PORT:
        faults.append(f"port {RESERVED_PORT} is reserved")
