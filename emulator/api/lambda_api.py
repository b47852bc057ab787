"""Invoke, as a plain ASGI route: bytes pass through, nothing is built that is not sent.

Source: the Lambda API reference (Invoke) and botocore's service model 2015-03-31.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Match, NoMatchFound

from emulator.api.invoke_request import check_json, function_key, options, read_body
from emulator.core.model import Failure, ThrottleReason
from emulator.errors import (
    InvalidParameterValueError,
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
JSON = (b"content-type", b"application/json")


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
            await send_error(send, error)

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = options(scope["headers"])
        key = function_key(scope, _PREFIX, _SUFFIX)
        payload = await read_body(receive, self._profile.request_limit)
        check_json(payload)
        if asked.invocation_type == "DryRun":
            await dry_run(self._engine, key, send)
            return
        if asked.invocation_type == "Event":
            raise InvalidParameterValueError(
                "asynchronous invocation (InvocationType=Event) is not emulated yet"
            )
        outcome = await self._engine.invoke(
            key,
            payload or b"{}",
            trace_id=asked.trace_id,
            client_context=asked.client_context,
            tail=asked.tail,
        )
        raise_refusal(outcome)
        headers = [JSON, *outcome_headers(outcome)]
        headers.append((b"x-amz-executed-version", outcome.version.encode()))
        if outcome.function_error:
            headers.append((b"x-amz-function-error", outcome.function_error.encode()))
        if asked.tail:
            headers.append((b"x-amz-log-result", base64.b64encode(outcome.log_tail)))
        await respond(send, 200, outcome.payload, headers)


async def dry_run(engine: Engine, key: str, send: Send) -> None:
    """Answers an invocation that is only to be checked.

    Raises:
        ResourceNotFoundError: no such version.
    """
    if key not in engine.functions:
        arn = function_arn(key.removesuffix(":$LATEST"))
        raise ResourceNotFoundError(f"Function not found: {arn}")
    await respond(send, 204, b"", [])


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


async def send_error(send: Send, error: ServiceError, more: Headers | None = None) -> None:
    """`more` headers go with the error's own."""
    members = {"Type": "User" if error.status < 500 else "Service", "message": str(error)}  # noqa: PLR2004
    if isinstance(error, TooManyRequestsError):
        members["Reason"] = error.reason
    headers = [JSON, (b"x-amzn-errortype", error.code.encode()), *(more or [])]
    await respond(send, error.status, json.dumps(members).encode(), headers)
