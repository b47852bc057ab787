"""Defines what polls an event source, and what a poller tells of itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from emulator.core.asynchronous.lineage import EndlessChainError, continued
from emulator.core.model import Failure
from emulator.errors import ServiceError
from emulator.live.request_id import new_trace

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from emulator.core.event_sources.mapping import SourceMapping
    from emulator.live.asynchronous.invoker import Invoker
    from emulator.live.invocation import Outcome

NO_RECORDS = "No records processed"
OK = "OK"
FAILED = "PROBLEM: Function call failed"


@dataclass(slots=True)
class Status:
    """Holds what a mapping's owner is told about its poller."""

    last_result: str = NO_RECORDS
    """AWS's LastProcessingResult."""
    has_begun: bool = False
    """Whether the source was asked for the first time, whatever came of it."""

    def tell(self, result: str) -> None:
        self.last_result = result
        self.has_begun = True


class Poller(Protocol):
    """Polls one source for one mapping."""

    @property
    def status(self) -> Status: ...

    async def run(self) -> None:
        """Polls until `leave` or a cancellation; faults of the source are told in the status."""

    def leave(self) -> None:
        """Begins the end of `run`, which takes no record that would have to come again."""

    async def drain(self) -> None:
        """Returns when every batch that was begun has ended; call after `run`."""

    async def close(self) -> None:
        """Ends the batches that run; their records come again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Holds what an invocation with a batch came to."""

    succeeded: bool
    refused: bool = False
    """Whether the function did not run."""
    outcome: Outcome | None = None


@dataclass(slots=True)
class Batches:
    """Owns the tasks of the batches that a poller has begun."""

    running: set[asyncio.Task[None]] = field(default_factory=set)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the end of each batch; the poller clears it."""

    def begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self.ended.set()

    async def wait(self) -> None:
        await asyncio.gather(*self.running, return_exceptions=True)

    async def cancel(self) -> None:
        for task in self.running:
            task.cancel()
        await self.wait()


async def attempt(
    invoker: Invoker,
    mapping: SourceMapping,
    payload: bytes,
    status: Status,
    *,
    trace_id: str = "",
    most_in_a_loop: int = 0,
) -> Attempt:
    """Invokes a mapping's function with a batch; what came of it is told in the status."""
    try:
        trace = continued(trace_id or new_trace(), mapping.function_arn, most_in_a_loop)
        outcome = await invoker.invoke(mapping.function_arn, payload, trace_id=trace)
    except EndlessChainError:
        status.tell("PROBLEM: The function is being invoked in a recursive loop")
        return Attempt(succeeded=False)
    except ServiceError as error:
        status.tell(f"PROBLEM: {error}")
        return Attempt(succeeded=False, refused=True)
    if outcome.throttle is not None or outcome.failure is Failure.START_FAILED:
        status.tell("PROBLEM: Function is throttled" if outcome.throttle else FAILED)
        return Attempt(succeeded=False, refused=True, outcome=outcome)
    status.tell(FAILED if outcome.function_error else OK)
    return Attempt(succeeded=not outcome.function_error, outcome=outcome)
