"""Drives the scheduler over virtual time: a command's completion goes on a heap.

What happens at the same time happens in the order in which it was decided. A deadline that is due
at the time of an event needs no step of its own: the scheduler handles it before that event.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from emulator.core.journal import Entry
from emulator.core.messages import (
    Dispatch,
    Fail,
    FreezeSandbox,
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    ResetSandbox,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StartSandbox,
    StopSandbox,
    Throttle,
    TimePassed,
)
from emulator.sim.service import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emulator.core.messages import Command, Event
    from emulator.core.model import Seconds
    from emulator.core.scheduler import Scheduler
    from emulator.sim.service import Answer, ServiceModel, Start
    from emulator.sim.workload import Stimulus

_OUTSIDE = 0
"""Stands for the sandbox of an event that is no sandbox's; their ids begin at 1."""
_DEADLINE = -1


@dataclass(slots=True)
class _Sandbox:
    """What becomes of one sandbox."""

    id: int
    function: str
    fresh: bool = True
    """Its runtime has not been called since it was started."""
    start: Start | None = None
    """The init that is under way; None when its runtime runs, or none does."""
    invocation: str | None = None
    """What it runs when that init is over."""
    running: bool = True
    """Its runtime, as opposed to having been killed."""
    resets: int = 0
    peak_mb: int = 0
    asks_after: Seconds = 0.0
    finishes: InvocationFinished | None = None
    """The end of an invocation that is answered, or will be before its end."""


class Simulation:
    """One run. `run` streams the journal, so that a run may be longer than memory."""

    def __init__(self, scheduler: Scheduler, service: ServiceModel) -> None:
        self._scheduler = scheduler
        self._service = service
        self._heap: list[tuple[Seconds, int, int, Event]] = []
        self._sequence = 0
        self._awaited: dict[int, int] = {}
        """Of each sandbox the completion that is to come; one that was superseded does not."""
        self._sandboxes: dict[int, _Sandbox] = {}

    def run(self, stimuli: Iterable[Stimulus], until: Seconds = math.inf) -> Iterator[Entry]:
        """Every event up to `until` with its commands; ends when nothing more can happen.

        Raises:
            ValueError: the stimuli are not in time order.
        """
        outside = iter(stimuli)
        handle = self._scheduler.handle
        self._take_stimulus(outside, -math.inf)
        while True:
            at, sandbox, event = self._next()
            if at > until or at == math.inf:
                return
            if sandbox == _OUTSIDE:
                self._take_stimulus(outside, at)
            commands = handle(event, at)
            if sandbox in self._sandboxes:
                self._goes_on(self._sandboxes[sandbox], event, at)
            for command in commands:
                self._apply(command, at)
            yield Entry(at, event, tuple(commands))

    def _take_stimulus(self, outside: Iterator[Stimulus], now: Seconds) -> None:
        stimulus = next(outside, None)
        if stimulus is None:
            return
        at, event = stimulus
        if at < now:
            raise ValueError(f"a stimulus at {at} comes after one at {now}")
        self._push(at, _OUTSIDE, event)

    def _push(self, at: Seconds, sandbox: int, event: Event) -> None:
        self._sequence += 1
        self._awaited[sandbox] = self._sequence
        heapq.heappush(self._heap, (at, self._sequence, sandbox, event))

    def _next(self) -> tuple[Seconds, int, Event]:
        """What comes next and when; it is off the heap, unless it is a deadline's."""
        heap, awaited = self._heap, self._awaited
        while heap and awaited.get(heap[0][2]) != heap[0][1]:
            heapq.heappop(heap)
        deadline = self._scheduler.next_deadline()
        if deadline is not None and (not heap or deadline < heap[0][0]):
            return deadline, _DEADLINE, TimePassed()
        if not heap:
            return math.inf, _DEADLINE, TimePassed()
        at, _, sandbox, event = heapq.heappop(heap)
        del awaited[sandbox]
        if isinstance(event, SandboxGone):
            del self._sandboxes[sandbox]
        return at, sandbox, event

    # what each command brings about

    def _apply(self, command: Command, now: Seconds) -> None:
        match command:
            case StartSandbox(number, key, _):
                sandbox = _Sandbox(number, key.name)
                self._sandboxes[number] = sandbox
                self._made(sandbox, self._service.start(sandbox.function, number), now)
            case Dispatch(number, invocation, _):
                self._dispatched(self._sandboxes[number], invocation, now)
            case ResetSandbox(number, _):
                self._reset(self._sandboxes[number], now)
            case StopSandbox(number, _):
                stopping = self._sandboxes.get(number)
                if stopping is not None:  # else it ended by itself in the moment of its timeout
                    after = self._service.stop(stopping.function, number)
                    self._push(now + after, number, SandboxGone(number))
            case FreezeSandbox() | Throttle() | Fail():
                pass
            case _:
                assert_never(command)

    def _made(self, sandbox: _Sandbox, start: Start, now: Seconds) -> None:
        created = now + start.anatomy.create
        if start.outcome is Outcome.START_FAILED:
            self._push(created, sandbox.id, SandboxGone(sandbox.id))
        else:
            sandbox.start = start
            self._push(created + start.anatomy.start, sandbox.id, InitBegan(sandbox.id))

    def _goes_on(self, sandbox: _Sandbox, event: Event, now: Seconds) -> None:
        """What follows on an event by itself, whatever was decided upon it."""
        if isinstance(event, InitBegan) and sandbox.start is not None:
            self._initializes(sandbox, sandbox.start, now)
        elif isinstance(event, InvocationAnswered) and sandbox.finishes is not None:
            sandbox.peak_mb = sandbox.finishes.max_memory_mb
            self._push(now + sandbox.asks_after, sandbox.id, sandbox.finishes)
        elif isinstance(event, InvocationFinished):
            sandbox.peak_mb = event.max_memory_mb
        elif isinstance(event, SandboxReady):
            sandbox.start = None
            if sandbox.invocation is not None:
                self._runs(sandbox, sandbox.invocation, now)

    def _initializes(self, sandbox: _Sandbox, start: Start, now: Seconds) -> None:
        number, over = sandbox.id, now + start.anatomy.connect + start.anatomy.init
        match start.outcome:
            case Outcome.OK:
                self._push(over, number, SandboxReady(number, start.anatomy))
            case Outcome.ERROR:
                self._push(over, number, InitFailed(number, start.error_type))
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._push(over, number, self._exit(sandbox, start))
            case Outcome.START_FAILED | Outcome.NEVER:
                pass
            case _:
                assert_never(start.outcome)

    def _reset(self, sandbox: _Sandbox, now: Seconds) -> None:
        sandbox.resets += 1
        sandbox.running, sandbox.start, sandbox.invocation = False, None, None
        after = self._service.reset(sandbox.function, sandbox.id, sandbox.resets)
        self._push(now + after, sandbox.id, SandboxReset(sandbox.id, sandbox.peak_mb))

    def _dispatched(self, sandbox: _Sandbox, invocation: str, now: Seconds) -> None:
        if sandbox.running:
            self._runs(sandbox, invocation, now)
            return
        sandbox.running = sandbox.fresh = True
        sandbox.invocation = invocation
        start = self._service.restart(sandbox.function, sandbox.id, sandbox.resets)
        sandbox.start = start
        self._initializes(sandbox, start, now)

    def _runs(self, sandbox: _Sandbox, invocation: str, now: Seconds) -> None:
        first, sandbox.fresh, sandbox.invocation = sandbox.fresh, False, None
        answer = self._service.answer(sandbox.function, invocation, first=first)
        number, over = sandbox.id, now + answer.duration
        match answer.outcome:
            case Outcome.OK | Outcome.ERROR:
                memory = answer.max_memory_mb
                event = InvocationFinished(number, invocation, answer.error_type, memory)
                if answer.ask is None:
                    self._push(over, number, event)
                else:
                    sandbox.finishes, sandbox.asks_after = event, answer.ask
                    self._push(over, number, InvocationAnswered(number, invocation))
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._push(over, number, self._exit(sandbox, answer))
            case Outcome.NEVER:
                pass
            case Outcome.START_FAILED:
                raise ValueError("only a sandbox's start can fail to be made")
            case _:
                assert_never(answer.outcome)

    def _exit(self, sandbox: _Sandbox, end: Start | Answer) -> RuntimeExited:
        starved = end.outcome is Outcome.OUT_OF_MEMORY
        memory = sandbox.peak_mb
        if starved:  # it had all that it may have
            memory = self._scheduler.sandboxes[sandbox.id].function.memory_mb
        return RuntimeExited(sandbox.id, end.exit_code, starved, max_memory_mb=memory)
