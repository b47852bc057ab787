"""Answers that invoking routes share: refusals, headers, and bodies of one piece."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from emulator.core.model import Failure, ThrottleReason
from emulator.errors import ResourceNotFoundError, ServiceError, TooManyRequestsError
from emulator.live.sandbox.environment import function_arn

if TYPE_CHECKING:
    from starlette.types import Send

    from emulator.core.model import VersionKey
    from emulator.live.engine import Engine
    from emulator.live.invocation import Outcome

Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
_AS_ACCOUNT_CONCURRENCY = frozenset({ThrottleReason.HOST_MEMORY, ThrottleReason.SCALE_OUT})
"""Reasons that AWS has no word for, or none that is documented."""


async def dry_run(engine: Engine, key: VersionKey, send: Send) -> None:
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
        if reason in _AS_ACCOUNT_CONCURRENCY:
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
