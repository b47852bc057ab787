"""Makes HTTP responses of functions' results, as payload format 1.0 states them. Pure.

Sources: API Gateway developer guide, "Lambda proxy integrations in API Gateway" (output format;
where a header stands in both members, the values of `multiValueHeaders` count), "Create AWS Lambda
proxy integrations for HTTP APIs". Nothing is inferred in this format: what is not the stated form
is malformed. A status may be a text of digits (trust M).
"""

from __future__ import annotations

from typing import Any

import msgspec

from emulator.api.asgi import HttpResponse
from emulator.api.http_api.response import (
    BODILESS,
    INTERNAL_SERVER_ERROR,
    MalformedError,
    decoded,
    header_name,
    header_value,
    is_functions,
    stated_body,
)

Pairs = list[tuple[bytes, bytes]]

_STATUSES = range(200, 600)
_UNTYPED = b"text/plain; charset=utf-8"


def response_v1(result: bytes) -> HttpResponse:
    """Returns what a client of an HTTP API gets for a function's result in format 1.0."""
    try:
        value = stated(result)
        status, headers, body = status_of(value), headers_of(value), stated_body(value)
    except MalformedError:
        return INTERNAL_SERVER_ERROR
    kept = [(name, text) for name, text in headers if is_functions(name)]
    return whole(status, kept, body, _UNTYPED)


def stated(result: bytes) -> dict[str, Any]:
    """Returns a result's members.

    Raises:
        MalformedError: the result is no JSON object, or has no status.
    """
    try:
        value = decoded(result)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MalformedError from error
    if not isinstance(value, dict) or "statusCode" not in value:
        raise MalformedError
    return value


def status_of(value: dict[str, Any]) -> int:
    """Returns the stated status.

    Raises:
        MalformedError: the status is none of HTTP's, or neither an integer nor digits.
    """
    status = value["statusCode"]
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if not isinstance(status, int) or status not in _STATUSES:
        raise MalformedError
    return status


def headers_of(value: dict[str, Any]) -> Pairs:
    """Returns the stated headers, names in lower case, each of several values for itself.

    Raises:
        MalformedError: a member, a name or a value is not as it must be.
    """
    single, several = value.get("headers") or {}, value.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(several, dict):
        raise MalformedError
    found = {header_name(name): [text] for name, text in single.items()}
    for name, values in several.items():
        if not isinstance(values, list):
            raise MalformedError
        found[header_name(name)] = values
    return [(name, header_value(text)) for name, values in found.items() for text in values]


def whole(status: int, headers: Pairs, body: bytes, untyped: bytes) -> HttpResponse:
    """Returns a response with its length, of the type `untyped` where the headers name none."""
    if not any(name == b"content-type" for name, _ in headers):
        headers = [*headers, (b"content-type", untyped)]
    if status in BODILESS:
        return HttpResponse(status, tuple(headers), b"")
    return HttpResponse(status, (*headers, (b"content-length", b"%d" % len(body))), body)
