"""Reads, refuses and answers requests for all routes that invoke functions.

Owns the shapes of the wire (ASGI messages, AWS's error body); knows no route and no event.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.model import Failure, ThrottleReason
from emulator.errors import (
    EventTooLargeError,
    RequestTooLargeError,
    ServiceError,
    SnapStartError,
    SnapStartTimeoutError,
    TooManyRequestsError,
)
from emulator.live.invocation import Outcome, RestoreFailure

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from starlette.types import Receive, Scope, Send

    from emulator.live.response_stream import ResponseStream

Headers = list[tuple[bytes, bytes]]
"""Headers as ASGI has them: names in lower case, names and values in Latin-1."""

JSON = (b"content-type", b"application/json")
_AS_ACCOUNT_CONCURRENCY = frozenset(
    {ThrottleReason.HOST_MEMORY, ThrottleReason.SCALE_OUT, ThrottleReason.TENANT_SANDBOXES}
)
"""Reasons of a throttle for which AWS has no word, or none that is documented."""
_FIRST_SERVER_FAULT = 500


class ClientLeftError(Exception):
    """Means that the client closed its connection before the whole request was there."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Holds a whole response, ready for the wire."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def json_response(status: int, body: bytes, *more: tuple[bytes, bytes]) -> HttpResponse:
    """Returns a response of the gateway's own, with `more` headers."""
    return HttpResponse(status, (JSON, (b"content-length", b"%d" % len(body)), *more), body)


# requests


def named_host(scope: Scope, mark: bytes, form: re.Pattern[str]) -> re.Match[str] | None:
    """Returns how a request's Host reads by a form; None where the name lacks the mark, too."""
    for name, value in scope["headers"]:
        if name == b"host":
            is_marked = mark in value.lower()
            return form.fullmatch(value.decode("latin-1").lower()) if is_marked else None
    return None


async def read_body(receive: Receive, limit: int) -> bytes:
    """Reads the whole request body.

    Raises:
        RequestTooLargeError: the body has more than `limit` bytes; the rest is not read.
        ClientLeftError: the body was cut short.
    """
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeftError
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        body = await _rest_of_body(receive, body, limit)
    check_size(body, limit)
    return body


async def read_event(receive: Receive, limit: int) -> bytes:
    """Reads the whole body of an asynchronous invocation.

    Raises:
        EventTooLargeError: the body has more than `limit` bytes.
        ClientLeftError: the body was cut short.
    """
    try:
        return await read_body(receive, limit)
    except RequestTooLargeError as error:
        raise EventTooLargeError(str(error)) from None


async def _rest_of_body(receive: Receive, first: bytes, limit: int) -> bytes:
    parts, size, more = [first], len(first), True
    while more and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


def check_size(payload: bytes, limit: int) -> None:
    """Refuses a payload of more than `limit` bytes, in AWS's words.

    Raises:
        RequestTooLargeError: the payload is larger.
    """
    if len(payload) > limit:
        raise RequestTooLargeError(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )


# outcomes


def raise_refusal(outcome: Outcome) -> None:
    """Turns what never reached a handler, and is no fault of it, into the service's error.

    Raises:
        TooManyRequestsError: the invocation was throttled.
        ServiceError: no sandbox could be started.
    """
    if outcome.throttle is not None:
        reason = outcome.throttle
        if reason in _AS_ACCOUNT_CONCURRENCY:
            reason = ThrottleReason.ACCOUNT_CONCURRENCY
        raise TooManyRequestsError(reason.value)
    if outcome.failure is Failure.START_FAILED:
        raise ServiceError("The sandbox could not be started; the emulator's log says why.")


def raise_failed_restore(outcome: Outcome) -> None:
    """Turns the end of a restore into the error that Invoke answers; URLs and APIs answer 502.

    Raises:
        SnapStartError: a hook failed, or its sandbox ended.
        SnapStartTimeoutError: it took too long.
    """
    if outcome.restore_failure is RestoreFailure.ERROR:
        raise SnapStartError
    if outcome.restore_failure is RestoreFailure.TIMEOUT:
        raise SnapStartTimeoutError


def outcome_headers(outcome: Outcome) -> Headers:
    """Returns headers that name the request, and tell a cold start from a warm one."""
    headers = [
        (b"x-amzn-requestid", outcome.request_id.encode()),
        (b"x-testbed-request-id", outcome.request_id.encode()),
    ]
    if outcome.start is not None:
        headers.append((b"x-testbed-start", outcome.start.value.encode()))
    if outcome.sandbox is not None:
        headers.append((b"x-testbed-sandbox", b"%d" % outcome.sandbox))
    return headers


async def first_news(outcome: asyncio.Future[Outcome], stream: ResponseStream) -> Outcome:
    """Waits until a streamed response begins, or a whole one has come.

    Returns:
        What is known when a stream begins, or the whole outcome.
    """
    await asyncio.wait((outcome, stream.began), return_when=asyncio.FIRST_COMPLETED)
    return stream.began.result() if stream.began.done() else outcome.result()


# responses


async def begin(send: Send, status: int, headers: Headers) -> None:
    """Sends a response's head; its body follows by `send_piece`."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_piece(send: Send, piece: bytes, *, more: bool) -> None:
    """Sends a piece of a response's body; `more` says whether others follow."""
    await send({"type": "http.response.body", "body": piece, "more_body": more})


async def respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Sends a whole response; `headers` gets the body's length."""
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_response(
    send: Send, response: HttpResponse, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Sends a whole response with `more` headers."""
    await begin(send, response.status, [*response.headers, *more])
    await send_piece(send, response.body, more=False)


async def send_error(send: Send, error: ServiceError, more: Headers | None = None) -> None:
    """Sends an error as Lambda's API does; `more` headers go with the error's own."""
    kind = "User" if error.status < _FIRST_SERVER_FAULT else "Service"
    members = {"Type": kind, "message": str(error)}
    if isinstance(error, TooManyRequestsError):
        members["Reason"] = error.reason
    headers = [JSON, (b"x-amzn-errortype", error.code.encode()), *(more or [])]
    await respond(send, error.status, json.dumps(members).encode(), headers)
