"""Holds an invocation from its acceptance to its outcome, as the engine and its callers know it.

Neither sandboxes nor HTTP are known here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from emulator.core.failure_bodies import RESPONSE_TOO_LARGE, too_large_body
from emulator.live.response_stream import StreamError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.model import Failure, Seconds, StartKind, ThrottleReason
    from emulator.live.response_stream import ResponseStream


class RestoreFailure(StrEnum):
    """Says how the restore ended that an invocation waited for, where that did not end well."""

    ERROR = "error"
    TIMEOUT = "timeout"


class Outcome(Struct, frozen=True, gc=False):
    """Holds how an invocation ended, be it with an answer, a throttle or a failure."""

    request_id: str
    payload: bytes = b""
    function_error: str = ""
    """The value of X-Amz-Function-Error, `Unhandled` or `Handled`; empty for a success."""
    start: StartKind | None = None
    sandbox: int | None = None
    version: str = "$LATEST"
    throttle: ThrottleReason | None = None
    failure: Failure | None = None
    restore_failure: RestoreFailure | None = None
    """Set where no sandbox came of the version's snapshot; `payload` is the hook's error then."""
    log_tail: bytes = b""
    """The end of the invocation's log, where the caller asked for it."""


@dataclass(slots=True)
class Call:
    """Holds an accepted invocation without an outcome. The engine owns it, not its caller."""

    request_id: str
    function: str
    version: str
    payload: bytes
    outcome: asyncio.Future[Outcome]
    trace_id: str = ""
    client_context: str = ""
    arn: str = ""
    """The ARN that the function was asked for by, qualified as its caller did."""
    tenant: str = ""
    start: StartKind | None = None
    sandbox: int | None = None
    deadline: Seconds = math.inf
    """When its timeout is over, on the engine's clock; infinite until it is dispatched."""
    stream: ResponseStream | None = None
    """Passes the response on in pieces, where the caller takes it so."""
    collected: bytearray | None = None
    """The pieces of a response whose caller wants it whole."""

    # a response in pieces

    def begin_stream(self, content_type: str, hold: Callable[[bool], None]) -> None:
        if self.stream is None:
            self.collected = bytearray()
        else:
            self.stream.begin(content_type, hold, self._outcome())

    def take(self, piece: bytes, limit: int) -> None:
        if self.stream is not None:
            self.stream.feed(piece)
        elif self.collected is not None and len(self.collected) <= limit:
            self.collected += piece

    def whole(self, limit: int) -> tuple[bytes, str]:
        """Returns the response for a caller who does not stream, and the error type if any."""
        if self.collected is None:
            return b"", ""
        if len(self.collected) > limit:
            return too_large_body(limit), RESPONSE_TOO_LARGE
        return bytes(self.collected), ""

    def settle(
        self,
        payload: bytes,
        function_error: str = "",
        failure: Failure | None = None,
        *,
        throttle: ThrottleReason | None = None,
        restore_failure: RestoreFailure | None = None,
    ) -> None:
        if self.stream is not None:
            # nothing of an error that was told in the pieces' place is told twice
            self.stream.end(StreamError(function_error, payload) if function_error else None)
        if self.outcome.done():  # its caller has gone
            return
        self.outcome.set_result(
            self._outcome(payload, function_error, throttle, failure, restore_failure)
        )

    def _outcome(
        self,
        payload: bytes = b"",
        function_error: str = "",
        throttle: ThrottleReason | None = None,
        failure: Failure | None = None,
        restore_failure: RestoreFailure | None = None,
    ) -> Outcome:
        return Outcome(
            self.request_id,
            payload,
            function_error,
            self.start,
            self.sandbox,
            self.version,
            throttle,
            failure,
            restore_failure,
        )
