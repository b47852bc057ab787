"""Keeps the invocations that were accepted and have no outcome yet.

The engine owns an invocation, not its caller: a caller that leaves does not stop it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import structs

from emulator.core.model import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.model import Seconds, StartKind, ThrottleReason
    from emulator.live.invocation import Call, Outcome
    from emulator.live.platform_logger import PlatformLogger


class OpenInvocations:
    """Keeps calls by request id, from their acceptance to their outcome."""

    def __init__(self, logger: PlatformLogger, response_limit: int) -> None:
        self._logger = logger
        self._response_limit = response_limit
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def accept(self, call: Call, *, tail: bool) -> asyncio.Future[Outcome]:
        """Keeps a call; returns its outcome, with the end of its log where `tail` asks for that."""
        outcome = asyncio.ensure_future(self._with_log(call)) if tail else call.outcome
        self._calls[call.request_id] = call
        return outcome

    async def _with_log(self, call: Call) -> Outcome:
        log_tail = self._logger.tail(call.request_id)
        outcome = await call.outcome
        if outcome.throttle is not None or outcome.failure is Failure.START_FAILED:
            log_tail.cancel()  # nothing was run that could have logged
            return outcome
        return structs.replace(outcome, log_tail=await log_tail)

    def dispatched(
        self, request_id: str, start: StartKind, sandbox: int, deadline: Seconds
    ) -> Call:
        """Notes which sandbox runs a call from now; returns the call."""
        call = self._calls[request_id]
        call.start, call.sandbox, call.deadline = start, sandbox, deadline
        return call

    def answered(self, request_id: str, body: bytes, error_type: str, now: Seconds) -> None:
        """Gives the caller an answer, unless the call has failed or is about to."""
        call = self._calls.get(request_id)
        if call is not None and now < call.deadline:
            del self._calls[request_id]
            call.settle(body, "Unhandled" if error_type else "")

    def throttled(self, request_id: str, reason: ThrottleReason) -> Call:
        """Tells the caller that the call is throttled; returns the call."""
        call = self._calls.pop(request_id)
        call.settle(b"", throttle=reason)
        return call

    def failed(self, request_id: str, sandbox: int) -> Call | None:
        """Takes a call that has failed; None where it was answered before its sandbox failed."""
        call = self._calls.pop(request_id, None)
        if call is not None:
            call.sandbox = sandbox
        return call

    def begin_stream(
        self, request_id: str, content_type: str, hold: Callable[[bool], None]
    ) -> None:
        """Passes the head of a streamed answer on to the caller."""
        if (call := self._calls.get(request_id)) is not None:
            call.begin_stream(content_type, hold)

    def stream(self, request_id: str, piece: bytes) -> None:
        """Passes a piece of a streamed answer on, or keeps it where the caller wants the whole."""
        if (call := self._calls.get(request_id)) is not None:
            call.take(piece, self._response_limit)

    def end_stream(self, request_id: str, error_type: str, body: bytes) -> tuple[bytes, str]:
        """Returns the body and the error type with which a streamed answer ends."""
        call = self._calls.get(request_id)
        if call is not None and not error_type:
            return call.whole(self._response_limit)
        return body, error_type

    def close(self) -> None:
        """Answers every call that is left as a failed start."""
        for call in self._calls.values():
            call.settle(b"", "Unhandled", failure=Failure.START_FAILED)
