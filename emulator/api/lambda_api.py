"""Invoke, as a plain ASGI route: bytes pass through, nothing is built that is not sent.

Source: the Lambda API reference (Invoke) and botocore's service model 2015-03-31.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

import msgspec
from starlette.routing import BaseRoute, Match, NoMatchFound

from emulator.core.model import Failure, ThrottleReason
from emulator.errors import (
    InvalidParameterValueError,
    InvalidRequestContentError,
    RequestTooLargeError,
    ResourceNotFoundError,
    ServiceError,
    TooManyRequestsError,
)
from emulator.live.environment import function_arn

if TYPE_CHECKING:
    from starlette.datastructures import URLPath
    from starlette.types import Receive, Scope, Send

    from emulator.core.profile import Profile
    from emulator.live.call import Outcome
    from emulator.live.engine import Engine

Headers = list[tuple[bytes, bytes]]

_PREFIX = "/2015-03-31/functions/"
_SUFFIX = "/invocations"
_JSON = (b"content-type", b"application/json")
# the function's name alone, a partial ARN or a whole one, each with or without a qualifier
_FUNCTION = re.compile(
    r"(?:arn:aws[\w-]*:lambda:[a-z0-9-]+:\d{12}:function:|(?:\d{12}:)?function:|\d{12}:)?"
    r"(?P<name>[\w-]{1,64})(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)
_syntax = msgspec.json.Decoder(msgspec.Raw)
_NOT_OURS = {
    "Event": "asynchronous invocation (InvocationType=Event) is not emulated yet",
}


class InvokeRoute(BaseRoute):
    """POST /2015-03-31/functions/{FunctionName}/invocations."""

    def __init__(self, engine: Engine, profile: Profile) -> None:
        self._engine = engine
        self._profile = profile

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and scope["path"].startswith(_PREFIX)
            and scope["path"].endswith(_SUFFIX)
        ):
            return Match.FULL, {}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._invoke(scope, receive, send)
        except ServiceError as error:
            await _send_error(send, error)

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        invocation_type, client_context = _options(scope)
        key = self._key(scope)
        payload = await read_body(receive, self._profile.request_limit)
        check_json(payload)
        if invocation_type == "DryRun":
            self._check_deployed(key)
            await respond(send, 204, b"", [])
            return
        if invocation_type != "RequestResponse":
            raise InvalidParameterValueError(
                _NOT_OURS.get(invocation_type, f"Invalid InvocationType: {invocation_type}")
            )
        outcome = await self._engine.invoke(key, payload or b"{}", client_context=client_context)
        raise_refusal(outcome)
        headers = [_JSON, *outcome_headers(outcome)]
        headers.append((b"x-amz-executed-version", outcome.version.encode()))
        if outcome.function_error:
            headers.append((b"x-amz-function-error", outcome.function_error.encode()))
        await respond(send, 200, outcome.payload, headers)

    def _key(self, scope: Scope) -> str:
        raw = scope["path"][len(_PREFIX) : -len(_SUFFIX)]
        found = _FUNCTION.fullmatch(unquote(raw))
        if found is None:
            raise InvalidParameterValueError(
                f"1 validation error detected: Value '{raw}' at 'functionName' failed to satisfy "
                f"constraint: Member must satisfy regular expression pattern: {_FUNCTION.pattern}"
            )
        qualifier = found["qualifier"]
        if scope["query_string"]:
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("Qualifier")
            qualifier = asked[0] if asked else qualifier
        return f"{found['name']}:{qualifier or '$LATEST'}"

    def _check_deployed(self, key: str) -> None:
        if key not in self._engine.functions:
            arn = function_arn(key.removesuffix(":$LATEST"))
            raise ResourceNotFoundError(f"Function not found: {arn}")


def _options(scope: Scope) -> tuple[str, str]:
    invocation_type, client_context = "RequestResponse", ""
    for name, value in scope["headers"]:
        if name == b"x-amz-invocation-type":
            invocation_type = value.decode("latin-1")
        elif name == b"x-amz-client-context":
            client_context = _client_context(value)
    return invocation_type, client_context


def _client_context(header: bytes) -> str:
    """The JSON in it: a runtime gets it decoded.

    Raises:
        InvalidRequestContentError: it is not JSON in base64.
    """
    try:
        decoded = base64.b64decode(header, validate=True)
        _syntax.decode(decoded)
        return decoded.decode()
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidRequestContentError(
            "Client context must be a valid Base64-encoded JSON object."
        ) from error


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
    if len(body) > limit:
        raise RequestTooLargeError(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )
    return body


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


def raise_refusal(outcome: Outcome) -> None:
    """Turns what never reached a handler, and is no fault of it, into the service's error."""
    if outcome.throttle is not None:
        reason = outcome.throttle
        if reason is ThrottleReason.HOST_MEMORY:
            reason = ThrottleReason.ACCOUNT_CONCURRENCY
        raise TooManyRequestsError(reason.value)
    if outcome.failure is Failure.START_FAILED:
        raise ServiceError("The sandbox could not be started; the emulator's log says why.")


def outcome_headers(outcome: Outcome) -> Headers:
    """What tells a client which request it was, and a cold start from a warm one."""
    headers = [
        (b"x-amzn-requestid", outcome.request_id.encode()),
        (b"x-testbed-request-id", outcome.request_id.encode()),
    ]
    if outcome.start is not None:
        headers.append((b"x-testbed-start", outcome.start.value.encode()))
    if outcome.sandbox is not None:
        headers.append((b"x-testbed-sandbox", b"%d" % outcome.sandbox))
    return headers


async def respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_error(send: Send, error: ServiceError) -> None:
    members = {"Type": "User" if error.status < 500 else "Service", "message": str(error)}  # noqa: PLR2004
    if isinstance(error, TooManyRequestsError):
        members["Reason"] = error.reason
    headers = [_JSON, (b"x-amzn-errortype", error.code.encode())]
    await respond(send, error.status, json.dumps(members).encode(), headers)
