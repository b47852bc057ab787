"""Makes HTTP responses of functions' results, as payload format 2.0 reads them. Pure.

Sources: API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs" (what is
inferred of a result); the answers of real API Gateway that AWS recorded for its Lambda Test Tool
v2 (aws/aws-lambda-dotnet, Tools/LambdaTestTool-v2/tests/…/Snapshots), where the guide is wrong:

- a result that is no JSON is a body too, and a result that is a JSON string is that string;
- a result with a status and no content type is `text/plain; charset=utf-8`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from emulator.api.asgi import HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_FOUND = json_response(404, b'{"message":"Not Found"}')
"""The answer to a request that no route takes."""
INTERNAL_SERVER_ERROR = json_response(500, b'{"message":"Internal Server Error"}')
"""The answer where the function failed, or its result cannot be made a response."""
BODILESS = frozenset({204, 304})
"""The statuses of responses that have no body."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that no header's value may have (RFC 9110, 5.5)."""
_CONNECTION = frozenset(
    {b"connection", b"content-length", b"keep-alive", b"transfer-encoding", b"upgrade"}
)
"""Headers about one connection, which is the gateway's."""
_GATEWAYS = frozenset({b"date", b"apigw-requestid", b"x-amzn-requestid"})
_TESTBEDS = b"x-testbed-"
"""With `_GATEWAYS`, the headers that the gateway adds: two of a name would contradict."""


class MalformedError(Exception):
    """Means that a result has a statusCode, and a member that cannot be followed."""


def response(result: bytes) -> HttpResponse:
    """Returns what a client of an HTTP API gets for a function's result.

    An object with a `statusCode` says all of its response itself, and is an Internal Server Error
    where API Gateway could not follow it; anything else is the body of a 200.
    """
    return inferred(result, structured, INTERNAL_SERVER_ERROR)


def inferred(
    result: bytes, read: Callable[[dict[str, Any]], HttpResponse], broken: HttpResponse
) -> HttpResponse:
    """Returns the response for a result, with a reader for objects that have a `statusCode`.

    `broken` is the response for an object that the reader cannot follow.
    """
    try:
        value = decoded(result)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return json_response(200, result)
    if isinstance(value, dict) and "statusCode" in value:
        try:
            return read(value)
        except MalformedError:
            return broken
    return json_response(200, as_bytes(value) if isinstance(value, str) else result)


def decoded(text: bytes) -> Any:
    """Parses JSON, also with escapes of half a surrogate pair, as Java's parsers do.

    Raises:
        msgspec.DecodeError, ValueError, RecursionError: the text is no JSON, or nested too deeply.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        if b"\\u" not in text:
            raise
        return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def as_bytes(text: str) -> bytes:
    """Encodes as Java does: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace")


def structured(
    value: dict[str, Any], untyped: bytes = b"text/plain; charset=utf-8"
) -> HttpResponse:
    """Returns the response that an object with a `statusCode` says.

    `untyped` is the content type where the object names none. Headers about the connection and
    those of the gateway's own are left out, since the gateway says them.

    Raises:
        MalformedError: a member is not as it must be.
    """
    status = value["statusCode"]
    # a float or a text is refused: recorded with 200.5 (StatusCodeAsFloat in the snapshots)
    if not isinstance(status, int) or not 200 <= status <= 599:  # noqa: PLR2004
        raise MalformedError
    headers = _headers(value.get("headers") or {})
    if not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", untyped))
    cookies = value.get("cookies") or ()
    if not isinstance(cookies, (list, tuple)):
        raise MalformedError
    headers += [(b"set-cookie", header_value(cookie)) for cookie in cookies]
    body = stated_body(value)
    if status in BODILESS:
        return HttpResponse(status, tuple(headers), b"")
    headers.append((b"content-length", b"%d" % len(body)))
    return HttpResponse(status, tuple(headers), body)


def header_value(value: object) -> bytes:
    """Encodes a header's value; numbers and booleans are written as JSON writes them.

    Raises:
        MalformedError: the value is of another type, or has a character that no header may have.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, (bool, int, float)):
        text = _encode(value).decode()
    else:
        raise MalformedError
    if _CONTROL.search(text):
        raise MalformedError
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise MalformedError from error


def _headers(stated: object) -> list[tuple[bytes, bytes]]:
    if not isinstance(stated, dict):
        raise MalformedError
    named = [(header_name(name), value) for name, value in stated.items()]
    return [(name, header_value(value)) for name, value in named if is_functions(name)]


def is_functions(name: bytes) -> bool:
    """Returns whether a header is a function's to say, and not the gateway's."""
    return name not in _CONNECTION and name not in _GATEWAYS and not name.startswith(_TESTBEDS)


@lru_cache(maxsize=256)
def header_name(name: str) -> bytes:
    """Returns a header's name in lower case.

    Raises:
        MalformedError: the text is no name of a header.
    """
    if not _NAME.fullmatch(name):
        raise MalformedError
    return name.lower().encode("ascii")


def stated_body(value: dict[str, Any]) -> bytes:
    """Returns the body that a result states, decoded where the result says that it must be.

    Raises:
        MalformedError: the body is no text, or not the base64 that it should be.
    """
    body, encoded = value.get("body"), value.get("isBase64Encoded")
    if body is None:
        return b""
    if not isinstance(body, str) or not (encoded is None or isinstance(encoded, bool)):
        raise MalformedError
    if not encoded:
        return as_bytes(body)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError from error
