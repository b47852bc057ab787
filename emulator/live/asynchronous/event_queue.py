"""Runs the queue of asynchronous events: durable when accepted, attempted until each has ended.

An event leaves the disk after its end and the delivery of its record, so that an emulator that is
killed attempts it again: at least once. What follows an attempt is decided by the core
(`core.asynchronous`); times there are an event's age, on the clock that `--idle-speedup` scales.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.core.asynchronous.attempts import (
    Attempt,
    Condition,
    End,
    Progress,
    Result,
    Retry,
    after,
    before,
    due_at,
    result_of,
)
from emulator.core.asynchronous.ended_event import EndedEvent, receivers
from emulator.core.asynchronous.invocation_record import Ended, LastAttempt
from emulator.core.asynchronous.left_events import LeftEvents
from emulator.core.asynchronous.lineage import EndlessChainError, continued
from emulator.core.asynchronous.lines import Lines
from emulator.errors import ResourceNotFoundError, ServiceError
from emulator.live.asynchronous.event_store import QueuedEvent
from emulator.live.asynchronous.observations import Observed, observe_nothing
from emulator.live.request_id import new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from emulator.core.asynchronous.rules import AsynchronousRules, EventSettings
    from emulator.live.asynchronous.destinations import Destinations
    from emulator.live.asynchronous.event_store import EventStore
    from emulator.live.asynchronous.invoker import Invoker
    from emulator.live.asynchronous.observations import Observe
    from emulator.live.invocation import Outcome

log = logging.getLogger(__name__)

_OK, _THROTTLED, _BROKEN = 200, 429, 500
_AFTER_FAULT = 60.0
"""Seconds that an event waits after a fault of the emulator."""


class EventQueue:
    """Accepts events and attempts them. Use from one event loop: `open`, then `close`."""

    def __init__(
        self,
        *,
        store: EventStore,
        invoker: Invoker,
        rules: AsynchronousRules,
        most_at_once: int,
        speedup: float = 1.0,
        observe: Observe = observe_nothing,
        record: Callable[[EndedEvent], None] = lambda _: None,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        """Takes how many seconds an event ages in one of the machine's: `speedup`.

        `record` is told of each event's end, with times of day, after the event has left the disk.
        """
        self._store = store
        self._invoker = invoker
        self._rules = rules
        self._speedup = speedup
        self._observe = observe
        self._record = record
        self._wall_time = wall_time
        self._destinations: Destinations | None = None
        self._lines = Lines[QueuedEvent](most_at_once)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._kept: set[str] = set()
        """Ids of the events that have not ended."""
        self._closing = False

    def __len__(self) -> int:
        """Returns how many events have not ended."""
        return len(self._kept)

    async def open(
        self, destinations: Destinations | None = None, left: LeftEvents = LeftEvents.TAKE_UP
    ) -> None:
        """Takes up, or drops, what an earlier run has `left`; tells `destinations` of ends."""
        self._destinations = destinations
        if left is LeftEvents.FORGET:
            await self._store.clear(self._kept)
        for event in await self._store.all():
            if event.id not in self._kept:  # and not accepted in the meantime
                self._kept.add(event.id)
                self._wait(event)
        self._pump()

    async def accept(
        self,
        function_arn: str,
        payload: bytes,
        trace_id: str = "",
        *,
        client_context: str = "",
        request_id: str = "",
        tenant: str = "",
    ) -> str:
        """Queues an event; returns its request id when the event is on the disk.

        Raises:
            sqlite3.Error: the disk is full or broken, and the event is not queued.
        """
        now = self._wall_time()
        event = QueuedEvent(
            request_id or new_request_id(),
            function_arn,
            trace_id,
            client_context,
            now,
            now,
            tenant=tenant,
        )
        self._kept.add(event.id)
        try:
            await self._store.add(event, payload)
        except BaseException:
            self._kept.discard(event.id)
            raise
        self._observe(function_arn, Observed.RECEIVED, 1)
        if not self._closing and self._lines.begins_at_once(function_arn):
            self._begin(event, payload)  # and its payload is not read again
        else:
            self._wait(event)
            self._pump()
        return event.id

    async def close(self) -> None:
        """Stops attempting; what has not ended stays on the disk for the next run."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # which event is next

    def _wait(self, event: QueuedEvent) -> None:
        self._lines.wait(event.function_arn, event.due_at, event)

    def _pump(self) -> None:
        """Begins every attempt that is due and admitted, and sets the timer for the next."""
        if self._closing:
            return
        now = self._wall_time()
        for event in self._lines.due(now):
            self._begin(event)
        self._arm(self._lines.next_due(), now)

    def _arm(self, due: float, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due != float("inf"):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - now), self._pump)

    def _begin(self, event: QueuedEvent, payload: bytes | None = None) -> None:
        self._spawn(self._handle(event, payload))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # one attempt

    async def _handle(self, event: QueuedEvent, payload: bytes | None) -> None:
        """Attempts an event; one that meets a fault of ours, or of the disk, waits for a while."""
        try:
            await self._attempt(event, payload)
        except Exception:
            log.exception("asynchronous event %s could not be handled; it is tried again", event.id)
            self._wait(replace(event, due_at=self._wall_time() + _AFTER_FAULT))
            self._pump()

    async def _attempt(self, event: QueuedEvent, payload: bytes | None) -> None:
        result: Result | None = None
        try:
            if payload is None:
                payload = await self._store.payload(event.id)
            asked = self._invoker.settings(event.function_arn)
            progress = Progress(0.0, event.attempts, event.refusals)
            decided: Attempt | Retry | End = before(progress, self._rules, asked, self._age(event))
            last = LastAttempt(_THROTTLED)
            if isinstance(decided, Attempt):
                result, last = await self._invoked(event, payload, asked)
                decided = after(result, progress, self._rules, asked, self._age(event))
        except ResourceNotFoundError as error:
            log.warning("an asynchronous event is dropped: %s", error)
            await self._forget(event)
            return
        finally:
            self._lines.ended(event.function_arn, refused=result is Result.REFUSED)
            self._pump()
        if isinstance(decided, Retry):
            await self._postpone(event, decided)
        else:
            ended = Ended(
                event.id,
                event.function_arn,
                decided.condition,
                decided.progress.attempts,
                payload,
                last,
            )
            await self._end(event, ended, asked)

    async def _invoked(
        self, event: QueuedEvent, payload: bytes, asked: EventSettings
    ) -> tuple[Result, LastAttempt]:
        self._observe(event.function_arn, Observed.AGE, self._age(event) * 1000)
        most = 0 if asked.allows_loops else self._rules.most_in_a_loop
        try:
            outcome = await self._invoker.invoke(
                event.function_arn,
                payload,
                request_id=event.id,
                trace_id=continued(event.trace_id, event.function_arn, most),
                client_context=event.client_context,
                tenant=event.tenant,
            )
        except EndlessChainError:
            self._observe(event.function_arn, Observed.LOOPS, 1)
            return Result.LOOPED, LastAttempt(_OK)
        except ResourceNotFoundError:
            raise
        except ServiceError as error:
            log.info("an asynchronous event goes back to the queue: %s", error)
            return Result.REFUSED, LastAttempt(_BROKEN)
        return _read(outcome)

    async def _postpone(self, event: QueuedEvent, retry: Retry) -> None:
        later = replace(
            event,
            due_at=due_at(retry, event.accepted_at, self._wall_time(), self._speedup),
            attempts=retry.progress.attempts,
            refusals=retry.progress.refusals,
        )
        await self._store.postpone(later)
        self._wait(later)
        self._pump()

    async def _end(self, event: QueuedEvent, ended: Ended, asked: EventSettings) -> None:
        if ended.condition is not Condition.SUCCESS:
            self._observe(event.function_arn, Observed.DROPPED, 1)
        at, lost = self._wall_time(), 0
        if self._destinations is not None:
            lost = len(await self._destinations.deliver(ended, asked, event.trace_id))
        await self._forget(event)
        self._record(
            EndedEvent(
                event.id,
                ended.condition,
                ended.attempts,
                (at - event.accepted_at) * self._speedup,
                event.accepted_at,
                at,
                receivers(ended.condition, asked),
                lost,
            )
        )

    async def _forget(self, event: QueuedEvent) -> None:
        await self._store.remove(event.id)
        self._kept.discard(event.id)

    def _age(self, event: QueuedEvent) -> float:
        return (self._wall_time() - event.accepted_at) * self._speedup


def _read(outcome: Outcome) -> tuple[Result, LastAttempt]:
    """Returns what an outcome means for the queue, and what a destination is told of it."""
    error = outcome.function_error
    throttled = outcome.throttle is not None
    result = result_of(outcome.failure, throttled=throttled, erred=bool(error))
    if result is Result.REFUSED:
        return result, LastAttempt(_THROTTLED if throttled else _BROKEN)
    return result, LastAttempt(_OK, error, outcome.version, outcome.payload)
