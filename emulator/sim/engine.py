"""Drives the scheduler over virtual time: a command's completion goes on a heap.

What happens at the same time happens in the order in which it was decided. A deadline that is due
at the time of an event needs no step of its own: the scheduler handles it before that event.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, assert_never

from emulator.core.journal import Entry
from emulator.core.messages import (
    Dispatch,
    Fail,
    FreezeSandbox,
    InitFailed,
    InvocationFinished,
    SandboxGone,
    SandboxReady,
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


class Simulation:
    """One run. `run` streams the journal, so that a run may be longer than memory."""

    def __init__(self, scheduler: Scheduler, service: ServiceModel) -> None:
        self._scheduler = scheduler
        self._service = service
        self._heap: list[tuple[Seconds, int, int, Event]] = []
        self._sequence = 0
        self._awaited: dict[int, int] = {}
        """Of each sandbox the completion that is to come; one that was superseded does not."""
        self._functions: dict[int, str] = {}
        self._fresh: set[int] = set()
        """The sandboxes that have not been called yet."""

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
            del self._functions[sandbox]
            self._fresh.discard(sandbox)
        return at, sandbox, event

    # what each command brings about

    def _apply(self, command: Command, now: Seconds) -> None:
        match command:
            case StartSandbox(sandbox, key, _):
                function = self._functions[sandbox] = key.partition(":")[0]
                self._fresh.add(sandbox)
                self._started(sandbox, self._service.start(function, sandbox), now)
            case Dispatch(sandbox, invocation, _):
                function, first = self._functions[sandbox], sandbox in self._fresh
                self._fresh.discard(sandbox)
                answer = self._service.answer(function, invocation, first=first)
                self._answered(sandbox, invocation, answer, now)
            case StopSandbox(sandbox, _):
                function = self._functions.get(sandbox, "")
                if function:  # else it ended by itself in the moment of its timeout
                    after = self._service.stop(function, sandbox)
                    self._push(now + after, sandbox, SandboxGone(sandbox))
            case FreezeSandbox() | Throttle() | Fail():
                pass
            case _:
                assert_never(command)

    def _started(self, sandbox: int, start: Start, now: Seconds) -> None:
        phases = start.anatomy
        over = now + phases.create + phases.start + phases.connect + phases.init
        match start.outcome:
            case Outcome.OK:
                self._push(over, sandbox, SandboxReady(sandbox, phases))
            case Outcome.ERROR:
                self._push(over, sandbox, InitFailed(sandbox, start.error_type))
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._push(over, sandbox, _exit(sandbox, start))
            case Outcome.START_FAILED:
                self._push(now + phases.create, sandbox, SandboxGone(sandbox))
            case Outcome.NEVER:
                pass
            case _:
                assert_never(start.outcome)

    def _answered(self, sandbox: int, invocation: str, answer: Answer, now: Seconds) -> None:
        over = now + answer.duration
        match answer.outcome:
            case Outcome.OK | Outcome.ERROR:
                memory = answer.max_memory_mb
                event = InvocationFinished(sandbox, invocation, answer.error_type, memory)
                self._push(over, sandbox, event)
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._push(over, sandbox, _exit(sandbox, answer))
            case Outcome.NEVER:
                pass
            case Outcome.START_FAILED:
                raise ValueError("only a sandbox's start can fail to be made")
            case _:
                assert_never(answer.outcome)


def _exit(sandbox: int, end: Start | Answer) -> SandboxGone:
    return SandboxGone(sandbox, end.exit_code, end.outcome is Outcome.OUT_OF_MEMORY)
