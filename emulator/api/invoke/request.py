"""What a client of Invoke says, in one piece or as a stream: its function, options and payload.

Sources: the Lambda API reference (Invoke, InvokeWithResponseStream), botocore's service model
2015-03-31, and for the words of an option that is refused a recording (ex-aws/ex_aws, pull
request 442).
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from emulator.api import xray
from emulator.core.constraints import constraint
from emulator.core.model import LATEST, VersionKey
from emulator.errors import (
    ConstraintError,
    InvalidParameterValueError,
    InvalidRequestContentError,
    RequestTooLargeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Receive, Scope

INVOCATION_TYPES = ("Event", "RequestResponse", "DryRun")
STREAMED_INVOCATION_TYPES = ("RequestResponse", "DryRun")
_LOG_TYPES = ("None", "Tail")
# the function's name alone, a partial ARN or a whole one, each with or without a qualifier
_FUNCTION = re.compile(
    r"(?:arn:aws[\w-]*:lambda:[a-z0-9-]+:\d{12}:function:|(?:\d{12}:)?function:|\d{12}:)?"
    r"(?P<name>[\w-]{1,64})(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)
_syntax = msgspec.json.Decoder(msgspec.Raw)


class Options(NamedTuple):
    """A tuple, since it is made for every request."""

    invocation_type: str
    tail: bool
    """The end of the log is wanted."""
    client_context: str
    """JSON."""
    trace_id: str


def options(
    headers: Iterable[tuple[bytes, bytes]], invocation_types: tuple[str, ...] = INVOCATION_TYPES
) -> Options:
    """
    Raises:
        ConstraintError: an option has another value than it may have.
        InvalidRequestContentError: the client context is not JSON in base64.
    """
    invocation_type, log_type, client_context, trace_id = "RequestResponse", "None", "", ""
    for name, value in headers:
        if not name.startswith(b"x-am"):
            continue  # most are no option
        if name == b"x-amz-invocation-type":
            invocation_type = _one_of(invocation_types, value, "invocationType")
        elif name == b"x-amz-log-type":
            log_type = _one_of(_LOG_TYPES, value, "logType")
        elif name == b"x-amz-client-context":
            client_context = _client_context(value)
        elif name == xray.HEADER:
            trace_id = xray.continued(value.decode("latin-1"))
    return Options(
        invocation_type, log_type == "Tail", client_context, trace_id or xray.new_trace()
    )


def _one_of(allowed: tuple[str, ...], header: bytes, member: str) -> str:
    value = header.decode("latin-1")
    if value not in allowed:
        rule = f"satisfy enum value set: [{', '.join(allowed)}]"
        raise ConstraintError(constraint(value, member, rule))
    return value


def _client_context(header: bytes) -> str:
    """The JSON in it, on one line: a runtime gets it decoded, in a header.

    Raises:
        InvalidRequestContentError: it is not JSON in base64.
    """
    try:
        decoded = base64.b64decode(header, validate=True)
        _syntax.decode(decoded)
        return msgspec.json.format(decoded, indent=-1).decode()
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidRequestContentError(
            "Client context must be a valid Base64-encoded JSON object."
        ) from error


def function_key(scope: Scope, prefix: str, suffix: str) -> VersionKey:
    """`name:version` of the function that stands in the path between prefix and suffix.

    Raises:
        InvalidParameterValueError: it cannot be a function's name.
    """
    raw = scope["path"][len(prefix) : -len(suffix)]
    found = _FUNCTION.fullmatch(unquote(raw))
    if found is None:
        rule = f"satisfy regular expression pattern: {_FUNCTION.pattern}"
        raise InvalidParameterValueError(constraint(raw, "functionName", rule))
    qualifier = found["qualifier"]
    if scope["query_string"]:
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("Qualifier")
        qualifier = asked[0] if asked else qualifier
    return VersionKey.of(found["name"], qualifier or LATEST)


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole request body.

    Raises:
        RequestTooLargeError: it has more than `limit` bytes; the rest is not read.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        parts, size = [body], len(body)
        while message.get("more_body", False) and size <= limit:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    check_size(body, limit)
    return body


def check_size(payload: bytes, limit: int) -> None:
    """
    Raises:
        RequestTooLargeError: it has more than `limit` bytes.
    """
    if len(payload) > limit:
        raise RequestTooLargeError(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )


def check_json(payload: bytes) -> None:
    """Looks at the syntax alone, and builds nothing.

    Raises:
        InvalidRequestContentError: the payload is not JSON.
    """
    if not payload:
        return
    try:
        _syntax.decode(payload)
        if not payload.isascii():
            payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestContentError(
            f"Could not parse request body into json: {error}"
        ) from error
