"""Reads what a client of Invoke says: the function, the options and the payload. Pure.

Sources: the Lambda API reference (Invoke, InvokeWithResponseStream), botocore's service model
2015-03-31, and for the words of an option that is refused a recording (ex-aws/ex_aws, pull
request 442).
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from emulator.api import xray
from emulator.api.invoke.nesting import is_deeper
from emulator.core.constraints import constraint, too_long
from emulator.errors import (
    ConstraintError,
    InvalidRequestContentError,
)
from emulator.live.request_id import new_trace

if TYPE_CHECKING:
    from collections.abc import Iterable


INVOCATION_TYPES = ("Event", "RequestResponse", "DryRun")
STREAMED_INVOCATION_TYPES = ("RequestResponse", "DryRun")
_LOG_TYPES = ("None", "Tail")
_syntax = msgspec.json.Decoder(msgspec.Raw)
_SURROGATE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""The escape of half a surrogate pair, after escaped backslashes."""
_ANY_CHARACTER = rb"\1\\u0041"
_LONGEST_CONTEXT = 3583
"""Bytes of a client context in base64 (botocore's model, ClientContext).

How AWS refuses a longer one is not recorded; the sentence is the one of its other limits.
"""


_TENANT = re.compile(r"[a-zA-Z0-9\._:\/=+\-@ ]+")
_LONGEST_TENANT = 256
"""A tenant's id (botocore's model, TenantId)."""
_DEEPEST = 1000
"""Levels of nesting of a payload or a client context (see `check_json`)."""


class Options(NamedTuple):
    """Holds an invocation's options; a tuple, since every request makes one."""

    invocation_type: str
    tail: bool
    """Whether the client wants the end of the log."""
    client_context: str
    """The context as JSON; empty: none."""
    trace_id: str
    tenant: str
    """Tenant for whom the function is invoked; empty: none is named."""
    credential: bytes = b""
    """The first part of the signature, which names the access key and the region; empty: none."""


def options(
    headers: Iterable[tuple[bytes, bytes]], invocation_types: tuple[str, ...] = INVOCATION_TYPES
) -> Options:
    """Reads the options in a request's headers.

    Raises:
        ConstraintError: an option has a value that it may not have.
        InvalidRequestContentError: the client context is not JSON in base64.
    """
    invocation_type, log_type, client_context = "RequestResponse", "None", ""
    trace_id, tenant, credential = "", "", b""
    for name, value in headers:
        if not name.startswith((b"x-am", b"auth")):
            continue  # most are no option
        if name == b"x-amz-invocation-type":
            invocation_type = _one_of(invocation_types, value, "invocationType")
        elif name == b"x-amz-log-type":
            log_type = _one_of(_LOG_TYPES, value, "logType")
        elif name == b"x-amz-client-context":
            client_context = _client_context(value)
        elif name == b"authorization":
            credential = value.partition(b",")[0]
        elif name == b"x-amz-tenant-id":
            tenant = _tenant(value)
        elif name == xray.HEADER:
            trace_id = xray.continued(value.decode("latin-1"))
    return Options(
        invocation_type,
        log_type == "Tail",
        client_context,
        trace_id or new_trace(),
        tenant,
        credential,
    )


def _one_of(allowed: tuple[str, ...], header: bytes, member: str) -> str:
    value = header.decode("latin-1")
    if value not in allowed:
        rule = f"satisfy enum value set: [{', '.join(allowed)}]"
        raise ConstraintError(constraint(value, member, rule))
    return value


def _tenant(header: bytes) -> str:
    value = header.decode("latin-1")
    if not _TENANT.fullmatch(value):
        rule = f"satisfy regular expression pattern: {_TENANT.pattern}"
        raise ConstraintError(constraint(value, "tenantId", rule))
    if faults := too_long(value, "tenantId", _LONGEST_TENANT):
        raise ConstraintError(faults[0])
    return value


def _client_context(header: bytes) -> str:
    """Returns the JSON in the header, on one line: a runtime gets it decoded, in a header.

    Raises:
        ConstraintError: the header is too long.
        InvalidRequestContentError: the header is not JSON in base64.
    """
    if faults := too_long(header.decode("latin-1"), "clientContext", _LONGEST_CONTEXT):
        raise ConstraintError(faults[0])
    try:
        decoded = base64.b64decode(header, validate=True)
        _syntax.decode(decoded)
        _check_depth(decoded)
        return msgspec.json.format(decoded, indent=-1).decode()
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequestContentError(
            "Client context must be a valid Base64-encoded JSON object."
        ) from error


def check_json(payload: bytes) -> None:
    """Checks the syntax of a payload alone, and builds nothing.

    Lambda hands a payload on as it came, so that an escape of half a surrogate pair, which no
    strict parser takes, is no fault. Its parser is Jackson (recorded in
    ballerina-platform/module-ballerina-c2c, issue 15), which takes 1,000 levels of nesting unless
    told otherwise (StreamReadConstraints); the parser here takes some less on Python 3.11, whose
    stack it counts, and ten times as many on later ones, so that the levels are counted.

    Raises:
        InvalidRequestContentError: the payload is not JSON.
    """
    if not payload:
        return
    try:
        _check_syntax(payload)
        _check_depth(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestContentError(
            f"Could not parse request body into json: {error}"
        ) from error


def _check_depth(text: bytes) -> None:
    if is_deeper(text, _DEEPEST):
        raise RecursionError(f"more than {_DEEPEST} levels of nesting")


def _check_syntax(payload: bytes) -> None:
    try:
        _syntax.decode(payload)
    except msgspec.DecodeError:
        if b"\\u" not in payload:
            raise
        _syntax.decode(_SURROGATE.sub(_ANY_CHARACTER, payload))
    if not payload.isascii():
        payload.decode()
