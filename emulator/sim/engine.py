"""Drives the scheduler over virtual time: a command's completion goes on a heap.

Decides nothing about sandboxes; how long things take and how they end is the service model's.
What happens at the same time happens in the order in which it was decided. A deadline that is due
at the time of an event needs no step of its own: the scheduler handles it before that event.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from emulator.core.journal import Entry
from emulator.core.messages import (
    Dispatch,
    Fail,
    FreezeSandbox,
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    MakeStemCell,
    ResetSandbox,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StartSandbox,
    StemCellReady,
    StopSandbox,
    StopStemCell,
    Throttle,
    TimePassed,
)
from emulator.sim.behaviour import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from emulator.core.messages import Command, Event, RareCommand
    from emulator.core.model import Seconds
    from emulator.core.scheduler import Scheduler
    from emulator.sim.behaviour import Answer, Start
    from emulator.sim.workload import Stimulus


class Service(Protocol):
    """Answers how long each phase of a sandbox takes, and how the phase ends; see `service`."""

    def start(self, function: str, sandbox: int, *, specialised: bool = False) -> Start:
        """Returns the course of a new sandbox's start; `specialised` where it was a stem cell."""
        ...

    def stem_cell(self, cell: int) -> Seconds:
        """Returns the seconds until a stem cell that is begun waits for its function."""
        ...

    def restart(self, function: str, sandbox: int, number: int) -> Start:
        """Returns the course of the init that follows a sandbox's `number`-th reset."""
        ...

    def reset(self, function: str, sandbox: int, number: int) -> Seconds:
        """Returns the seconds until nothing runs in a sandbox that is reset."""
        ...

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """Returns the course of an invocation; `first` where the sandbox was not called before."""
        ...

    def stop(self, function: str, sandbox: int) -> Seconds:
        """Returns the seconds for which a stopping sandbox holds its memory."""
        ...


# What every invocation asks for: a member of an enum is looked up anew at each mention.
_OK: Final = Outcome.OK
_ERROR: Final = Outcome.ERROR


@dataclass(slots=True)
class _Sandbox:
    """Holds what goes on in one sandbox."""

    id: int
    function: str
    awaits: int = 0
    """Sequence number of the completion that is to come; 0: none. Others are superseded."""
    fresh: bool = True
    """Whether the runtime has not been called since its start."""
    start: Start | None = None
    """Init that is under way, if any."""
    invocation: str | None = None
    """Invocation that waits for the init, as its first part."""
    running: bool = True
    """Whether the runtime runs or starts; False after a reset killed the runtime."""
    resets: int = 0
    peak_mb: int = 0
    asks_after: Seconds = 0.0
    finishes: InvocationFinished | None = None
    """Event that ends the invocation under way, where an answer comes before the end."""


class Simulation:
    """Runs one simulation; the journal is streamed, so that a run may be longer than memory."""

    def __init__(
        self,
        scheduler: Scheduler,
        service: Service,
        dispatched: Callable[[int, str, Seconds], None] | None = None,
    ) -> None:
        """Takes who is told of each dispatch, by sandbox, invocation and time, before the service.

        A service whose answers depend on a sandbox's past needs that; None where none does.
        """
        self._scheduler = scheduler
        self._service = service
        self._dispatched = dispatched
        self._heap: list[tuple[Seconds, int, _Sandbox | None, Event]] = []
        """What is to come, with its sandbox; an added event has none."""
        self._sequence = 0
        self._added: set[int] = set()
        """Sequence numbers of the added events that are to come."""
        self._reminders: dict[int, Callable[[Seconds], None]] = {}
        """Who is called when an added event that is none comes up, by its sequence number."""
        self._reminded: Callable[[Seconds], None] | None = None
        self._sandboxes: dict[int, _Sandbox] = {}
        self._cells: dict[int, int] = {}
        """Numbers of the added events that end the making of stem cells, by the cell."""
        self._stimulus: Event | None = None
        """Next event from outside, apart from the heap, as every second event is one."""
        self._stimulus_at = math.inf
        self._stimulus_sequence = 0
        self._came_from_outside = False
        """Whether the present event is the stimulus."""

    def run(self, stimuli: Iterable[Stimulus], until: Seconds = math.inf) -> Iterator[Entry]:
        """Yields every event up to `until` with its commands; ends when nothing more can happen.

        Raises:
            ValueError: the stimuli are not in time order.
        """
        stimuli_left = iter(stimuli)
        self._take_stimulus(stimuli_left, -math.inf)
        while True:
            at, sandbox, event = self._next()
            if at > until or at == math.inf:
                return
            if self._came_from_outside:
                self._take_stimulus(stimuli_left, at)
            elif self._reminded is not None:
                self._reminded(at)
                continue
            commands = self._scheduler.handle(event, at)
            if sandbox is not None:
                self._follow_up(sandbox, event, at)
            for command in commands:
                self._apply(command, at)
            yield Entry(at, event, tuple(commands))

    def add(self, at: Seconds, event: Event) -> int:
        """Adds an event from outside while the simulation runs; returns a number to withdraw it by.

        `at` is not before the last entry's time. This is how clients ask again after an answer:
        whoever reads the entries adds what follows from each.
        """
        self._sequence += 1
        self._added.add(self._sequence)
        heapq.heappush(self._heap, (at, self._sequence, None, event))
        return self._sequence

    def remind(self, at: Seconds, call: Callable[[Seconds], None]) -> int:
        """Calls a function at a time, which is no event; returns a number to withdraw it by.

        As with `add`, `at` is not before the present.
        """
        number = self.add(at, TimePassed())
        self._reminders[number] = call
        return number

    def withdraw(self, number: int) -> None:
        """Takes back an added event or reminder that has not come yet; nothing where it has."""
        self._added.discard(number)
        self._reminders.pop(number, None)

    def error_to_come(self, sandbox: int) -> str:
        """Returns the error type of an answer that was given and whose end is to come, if any."""
        finishes = self._sandboxes[sandbox].finishes
        return "" if finishes is None else finishes.error_type

    def _take_stimulus(self, stimuli_left: Iterator[Stimulus], now: Seconds) -> None:
        stimulus = next(stimuli_left, None)
        if stimulus is None:
            self._stimulus, self._stimulus_at = None, math.inf
            return
        at, event = stimulus
        if at < now:
            raise ValueError(f"a stimulus at {at} comes after one at {now}")
        self._sequence += 1
        self._stimulus, self._stimulus_at = event, at
        self._stimulus_sequence = self._sequence

    def _push(self, at: Seconds, sandbox: _Sandbox, event: Event) -> None:
        self._sequence += 1
        sandbox.awaits = self._sequence
        heapq.heappush(self._heap, (at, self._sequence, sandbox, event))

    def _next(self) -> tuple[Seconds, _Sandbox | None, Event]:
        """Takes the next event: its time, its sandbox if any, and the event; infinite for none."""
        first = self._first()
        self._came_from_outside = False
        self._reminded = None
        at = self._stimulus_at if first is None else first[0]
        if self._scheduler.may_be_due(at):
            deadline = self._scheduler.next_deadline()
            if deadline is not None and deadline < at:
                return deadline, None, TimePassed()
        if first is None:
            if self._stimulus is None:
                return math.inf, None, TimePassed()
            self._came_from_outside = True
            return at, None, self._stimulus
        heapq.heappop(self._heap)
        _, sequence, sandbox, event = first
        if sandbox is None:
            self._added.discard(sequence)
            if self._reminders:
                self._reminded = self._reminders.pop(sequence, None)
        else:
            sandbox.awaits = 0
        return at, sandbox, event

    def _first(self) -> tuple[Seconds, int, _Sandbox | None, Event] | None:
        """Returns the heap's first awaited entry; None where there is none before the stimulus."""
        heap = self._heap
        while heap:
            first = heap[0]
            at, sequence, sandbox, _ = first
            if sequence in self._added if sandbox is None else sandbox.awaits == sequence:
                outside, as_soon = self._stimulus_at, sequence < self._stimulus_sequence
                return first if at < outside or (at == outside and as_soon) else None
            heapq.heappop(heap)
        return None

    # what each command brings about

    def _apply(self, command: Command, now: Seconds) -> None:
        if type(command) is Dispatch:  # what every invocation brings stands first
            self._dispatch(self._sandboxes[command.sandbox], command.invocation, now)
        elif type(command) is not FreezeSandbox:
            self._apply_rare(command, now)

    def _apply_rare(self, command: RareCommand, now: Seconds) -> None:
        match command:
            case StartSandbox(number, key, _):
                sandbox = _Sandbox(number, key.name)
                self._sandboxes[number] = sandbox
                of_cell = command.cell > 0
                start = self._service.start(sandbox.function, number, specialised=of_cell)
                self._make(sandbox, start, now)
            case ResetSandbox(number, _):
                self._reset(self._sandboxes[number], now)
            case StopSandbox(number, _):
                stopping = self._sandboxes.get(number)
                # else the sandbox ended by itself in the moment of its timeout
                if stopping is not None:
                    after = self._service.stop(stopping.function, number)
                    self._push(now + after, stopping, SandboxGone(number))
            case Throttle() | Fail():
                pass
            case MakeStemCell(cell, _):
                ready = StemCellReady(cell)
                self._cells[cell] = self.add(now + self._service.stem_cell(cell), ready)
            case StopStemCell(cell):
                self.withdraw(self._cells.pop(cell))
            case _:
                assert_never(command)

    def _make(self, sandbox: _Sandbox, start: Start, now: Seconds) -> None:
        created = now + start.anatomy.create
        if start.outcome is Outcome.START_FAILED:
            self._push(created, sandbox, SandboxGone(sandbox.id))
        else:
            sandbox.start = start
            self._push(created + start.anatomy.start, sandbox, InitBegan(sandbox.id))

    def _follow_up(self, sandbox: _Sandbox, event: Event, now: Seconds) -> None:
        """Continues what a sandbox does after an event, whatever was decided upon the event."""
        if type(event) is InvocationFinished:
            sandbox.peak_mb = event.max_memory_mb
        elif type(event) is InvocationAnswered:
            if sandbox.finishes is not None:
                sandbox.peak_mb = sandbox.finishes.max_memory_mb
                self._push(now + sandbox.asks_after, sandbox, sandbox.finishes)
        else:
            self._go_on(sandbox, event, now)

    def _go_on(self, sandbox: _Sandbox, event: Event, now: Seconds) -> None:
        match event:
            case InitBegan() if sandbox.start is not None:
                self._run_init(sandbox, sandbox.start, now)
            case SandboxReady():
                sandbox.start = None
                if sandbox.invocation is not None:
                    self._run_invocation(sandbox, sandbox.invocation, now)
            case SandboxGone():
                del self._sandboxes[sandbox.id]
            case _:
                pass

    def _run_init(self, sandbox: _Sandbox, start: Start, now: Seconds) -> None:
        number, over = sandbox.id, now + start.anatomy.connect + start.anatomy.init
        match start.outcome:
            case Outcome.OK:
                self._push(over, sandbox, SandboxReady(number, start.anatomy))
            case Outcome.ERROR:
                self._push(over, sandbox, InitFailed(number, start.error_type))
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._push(over, sandbox, self._exit(sandbox, start))
            case Outcome.START_FAILED | Outcome.NEVER:
                pass
            case _:
                assert_never(start.outcome)

    def _reset(self, sandbox: _Sandbox, now: Seconds) -> None:
        sandbox.resets += 1
        sandbox.running, sandbox.start, sandbox.invocation = False, None, None
        after = self._service.reset(sandbox.function, sandbox.id, sandbox.resets)
        self._push(now + after, sandbox, SandboxReset(sandbox.id, sandbox.peak_mb))

    def _dispatch(self, sandbox: _Sandbox, invocation: str, now: Seconds) -> None:
        if self._dispatched is not None:
            self._dispatched(sandbox.id, invocation, now)
        if sandbox.running:
            self._run_invocation(sandbox, invocation, now)
            return
        sandbox.running = sandbox.fresh = True
        sandbox.invocation = invocation
        start = self._service.restart(sandbox.function, sandbox.id, sandbox.resets)
        sandbox.start = start
        self._run_init(sandbox, start, now)

    def _run_invocation(self, sandbox: _Sandbox, invocation: str, now: Seconds) -> None:
        first, sandbox.fresh, sandbox.invocation = sandbox.fresh, False, None
        answer = self._service.answer(sandbox.function, invocation, first=first)
        over = now + answer.duration
        outcome = answer.outcome
        if outcome is _OK or outcome is _ERROR:
            self._finish(sandbox, invocation, answer, over)
            return
        match outcome:
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._push(over, sandbox, self._exit(sandbox, answer))
            case Outcome.NEVER:
                pass
            case Outcome.START_FAILED:
                raise ValueError("only a sandbox's start can fail to be made")
            case _:
                assert_never(outcome)

    def _finish(self, sandbox: _Sandbox, invocation: str, answer: Answer, over: Seconds) -> None:
        """Lets an invocation answer and its sandbox come free, at once or when it asks for work."""
        number = sandbox.id
        event = InvocationFinished(
            number, invocation, answer.error_type, answer.max_memory_mb, answer.throttled
        )
        if answer.ask is None:
            self._push(over, sandbox, event)
        else:
            sandbox.finishes, sandbox.asks_after = event, answer.ask
            self._push(over, sandbox, InvocationAnswered(number, invocation))

    def _exit(self, sandbox: _Sandbox, end: Start | Answer) -> RuntimeExited:
        starved = end.outcome is Outcome.OUT_OF_MEMORY
        memory = sandbox.peak_mb
        if starved:  # all the memory that a sandbox may have was used
            memory = self._scheduler.sandboxes[sandbox.id].function.memory_mb
        return RuntimeExited(sandbox.id, end.exit_code, starved, max_memory_mb=memory)
