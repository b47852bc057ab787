"""A queue of asynchronous events on a loop whose time jumps, with functions that a test scripts."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.asynchronous.left_events import LeftEvents
from emulator.core.asynchronous.rules import AsynchronousRules, EventSettings
from emulator.live.asynchronous.event_queue import EventQueue
from emulator.live.invocation import Outcome
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine
    from datetime import datetime

    from emulator.core.asynchronous.ended_event import EndedEvent
    from emulator.core.asynchronous.invocation_record import Ended
    from emulator.live.asynchronous.event_store import QueuedEvent
    from emulator.live.asynchronous.observations import Observed

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
OK = Outcome("", b"5")
ERROR = Outcome("", b'{"errorMessage": "no luck"}', "Unhandled")


class MemoryStore:
    """Keeps events as long as the test."""

    def __init__(self) -> None:
        self.events: dict[str, QueuedEvent] = {}
        self.payloads: dict[str, bytes] = {}

    async def add(self, event: QueuedEvent, payload: bytes) -> None:
        self.events[event.id], self.payloads[event.id] = event, payload

    async def all(self) -> list[QueuedEvent]:
        return list(self.events.values())

    async def payload(self, event_id: str) -> bytes:
        return self.payloads[event_id]

    async def postpone(self, event: QueuedEvent) -> None:
        self.events[event.id] = event

    async def remove(self, event_id: str) -> None:
        del self.events[event_id]

    async def clear(self, kept: Collection[str]) -> None:
        for event_id in self.events.keys() - kept:
            del self.events[event_id]


@dataclass
class Invoked:
    at: float
    request_id: str
    payload: bytes
    trace_id: str
    tenant: str = ""


@dataclass
class Functions:
    """Answers in turn with what was scripted, then with successes."""

    takes: float = 0.5
    asked: EventSettings = field(default_factory=EventSettings)
    scripted: deque[Outcome | Exception] = field(default_factory=deque)
    invoked: list[Invoked] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        tenant: str = "",
    ) -> Awaitable[Outcome]:
        del function_arn, client_context
        now = asyncio.get_running_loop().time()
        self.invoked.append(Invoked(now, request_id, payload, trace_id, tenant))
        answer = self.scripted.popleft() if self.scripted else OK
        if isinstance(answer, Exception):
            raise answer
        return self._answer(answer)

    async def _answer(self, answer: Outcome) -> Outcome:
        if answer.throttle is not None:
            return answer
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await asyncio.sleep(self.takes)
        self.running -= 1
        return answer

    def role(self, function_arn: str) -> str:
        raise NotImplementedError(function_arn)

    def settings(self, function_arn: str) -> EventSettings:
        del function_arn
        return self.asked

    @property
    def times(self) -> list[float]:
        return [one.at for one in self.invoked]


@dataclass
class Told:
    """Notes what destinations would be told."""

    ended: list[Ended] = field(default_factory=list)

    async def deliver(
        self, ended: Ended, asked: EventSettings, trace_id: str, at: datetime | None = None
    ) -> list[str]:
        del asked, trace_id, at
        self.ended.append(ended)
        return []


@dataclass
class Bench:
    functions: Functions
    store: MemoryStore
    told: Told
    queue: EventQueue
    observed: list[tuple[Observed, float]]
    recorded: list[EndedEvent] = field(default_factory=list)

    async def emptied(self) -> None:
        while len(self.queue):  # noqa: ASYNC110  # time jumps here
            await asyncio.sleep(0.25)


def bench(
    functions: Functions,
    scenario: Callable[[Bench], Coroutine[None, None, None]],
    *,
    store: MemoryStore | None = None,
    speedup: float = 1.0,
    most_at_once: int = 1000,
    left: LeftEvents = LeftEvents.TAKE_UP,
) -> None:
    """Runs a scenario with an open queue, and closes the queue after it."""

    async def main() -> None:
        kept, told = store or MemoryStore(), Told()
        observed: list[tuple[Observed, float]] = []
        recorded: list[EndedEvent] = []
        queue = EventQueue(
            store=kept,  # type: ignore[arg-type]
            invoker=functions,
            rules=AsynchronousRules(),
            most_at_once=most_at_once,
            speedup=speedup,
            observe=lambda _, what, value: observed.append((what, value)),
            record=recorded.append,
            wall_time=asyncio.get_running_loop().time,
        )
        await queue.open(told, left)  # type: ignore[arg-type]
        try:
            await scenario(Bench(functions, kept, told, queue, observed, recorded))
        finally:
            await queue.close()

    run(main())
