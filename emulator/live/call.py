"""An invocation from its acceptance to its outcome, as the engine and its callers know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from emulator.core.model import Failure, StartKind, ThrottleReason


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended; a throttle or a failure is one as well."""

    request_id: str
    payload: bytes = b""
    function_error: str = ""
    """`Unhandled` or `Handled`, as X-Amz-Function-Error says it; empty for a success."""
    start: StartKind | None = None
    sandbox: int | None = None
    version: str = "$LATEST"
    throttle: ThrottleReason | None = None
    failure: Failure | None = None


@dataclass(slots=True)
class Call:
    """An accepted invocation that has no outcome yet. The engine owns it, not its caller."""

    request_id: str
    function: str
    version: str
    payload: bytes
    outcome: asyncio.Future[Outcome]
    trace_id: str = ""
    client_context: str = ""
    start: StartKind | None = None
    sandbox: int | None = None

    def settle(
        self,
        payload: bytes,
        function_error: str = "",
        *,
        throttle: ThrottleReason | None = None,
        failure: Failure | None = None,
    ) -> None:
        if self.outcome.done():  # its caller has gone
            return
        self.outcome.set_result(
            Outcome(
                self.request_id,
                payload,
                function_error,
                self.start,
                self.sandbox,
                self.version,
                throttle,
                failure,
            )
        )
