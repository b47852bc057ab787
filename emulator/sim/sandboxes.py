"""Goes from each command to what follows in a simulated sandbox, and when.

Decides nothing about sandboxes; how long things take and how they end is the service model's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from emulator.core.messages.commands import (
    Dispatch,
    Fail,
    FreezeSandbox,
    MakeStemCell,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
    StopStemCell,
    Throttle,
)
from emulator.core.messages.events import (
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StemCellReady,
)
from emulator.sim.behaviour import Outcome
from emulator.sim.sandbox import SimulatedSandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.messages.commands import Command, RareCommand
    from emulator.core.messages.events import Event
    from emulator.core.model import Seconds
    from emulator.core.scheduler import Scheduler
    from emulator.sim.agenda import Agenda
    from emulator.sim.behaviour import Answer, Start
    from emulator.sim.service import Service

# What every invocation asks for: a member of an enum is looked up anew at each mention.
_OK: Final = Outcome.OK
_ERROR: Final = Outcome.ERROR


class SimulatedSandboxes:
    """Carries the scheduler's commands out: a command's completion goes on the agenda."""

    def __init__(
        self,
        agenda: Agenda,
        scheduler: Scheduler,
        service: Service,
        dispatched: Callable[[int, str, Seconds], None] | None,
    ) -> None:
        self._agenda = agenda
        self._scheduler = scheduler
        self._service = service
        self._dispatched = dispatched
        self._sandboxes: dict[int, SimulatedSandbox] = {}
        self._cells: dict[int, int] = {}
        """Numbers of the added events that end the making of stem cells, by the cell."""

    def error_to_come(self, sandbox: int) -> str:
        """Returns the error type of an answer that was given and whose end is to come, if any."""
        finishes = self._sandboxes[sandbox].finishes
        return "" if finishes is None else finishes.error_type

    def apply(self, command: Command, now: Seconds) -> None:
        """Lets begin what a command brings about, and puts its completion on the agenda."""
        if type(command) is Dispatch:  # what every invocation brings stands first
            self._dispatch(self._sandboxes[command.sandbox], command.invocation, now)
        elif type(command) is not FreezeSandbox:
            self._apply_rare(command, now)

    def _apply_rare(self, command: RareCommand, now: Seconds) -> None:
        match command:
            case StartSandbox(number, key, _):
                sandbox = SimulatedSandbox(number, key.name)
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
                    self._agenda.push(now + after, stopping, SandboxGone(number))
            case Throttle() | Fail():
                pass
            case MakeStemCell(cell, _):
                ready = StemCellReady(cell)
                self._cells[cell] = self._agenda.add(now + self._service.stem_cell(cell), ready)
            case StopStemCell(cell):
                self._agenda.withdraw(self._cells.pop(cell))
            case _:
                assert_never(command)

    def _make(self, sandbox: SimulatedSandbox, start: Start, now: Seconds) -> None:
        created = now + start.anatomy.create
        if start.outcome is Outcome.START_FAILED:
            self._agenda.push(created, sandbox, SandboxGone(sandbox.id))
        else:
            sandbox.start = start
            self._agenda.push(created + start.anatomy.start, sandbox, InitBegan(sandbox.id))

    def follow_up(self, sandbox: SimulatedSandbox, event: Event, now: Seconds) -> None:
        """Continues what a sandbox does after an event, whatever was decided upon the event."""
        if type(event) is InvocationFinished:
            sandbox.peak_mb = event.max_memory_mb
        elif type(event) is InvocationAnswered:
            if sandbox.finishes is not None:
                sandbox.peak_mb = sandbox.finishes.max_memory_mb
                self._agenda.push(now + sandbox.asks_after, sandbox, sandbox.finishes)
        else:
            self._go_on(sandbox, event, now)

    def _go_on(self, sandbox: SimulatedSandbox, event: Event, now: Seconds) -> None:
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

    def _run_init(self, sandbox: SimulatedSandbox, start: Start, now: Seconds) -> None:
        number, over = sandbox.id, now + start.anatomy.connect + start.anatomy.init
        match start.outcome:
            case Outcome.OK:
                self._agenda.push(over, sandbox, SandboxReady(number, start.anatomy))
            case Outcome.ERROR:
                self._agenda.push(over, sandbox, InitFailed(number, start.error_type))
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._agenda.push(over, sandbox, self._exit(sandbox, start))
            case Outcome.START_FAILED | Outcome.NEVER:
                pass
            case _:
                assert_never(start.outcome)

    def _reset(self, sandbox: SimulatedSandbox, now: Seconds) -> None:
        sandbox.resets += 1
        sandbox.running, sandbox.start, sandbox.invocation = False, None, None
        after = self._service.reset(sandbox.function, sandbox.id, sandbox.resets)
        self._agenda.push(now + after, sandbox, SandboxReset(sandbox.id, sandbox.peak_mb))

    def _dispatch(self, sandbox: SimulatedSandbox, invocation: str, now: Seconds) -> None:
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

    def _run_invocation(self, sandbox: SimulatedSandbox, invocation: str, now: Seconds) -> None:
        first, sandbox.fresh, sandbox.invocation = sandbox.fresh, False, None
        answer = self._service.answer(sandbox.function, invocation, first=first)
        over = now + answer.duration
        outcome = answer.outcome
        if outcome is _OK or outcome is _ERROR:
            self._finish(sandbox, invocation, answer, over)
            return
        match outcome:
            case Outcome.EXIT | Outcome.OUT_OF_MEMORY:
                self._agenda.push(over, sandbox, self._exit(sandbox, answer))
            case Outcome.NEVER:
                pass
            case Outcome.START_FAILED:
                raise ValueError("only a sandbox's start can fail to be made")
            case _:
                assert_never(outcome)

    def _finish(
        self, sandbox: SimulatedSandbox, invocation: str, answer: Answer, over: Seconds
    ) -> None:
        """Lets an invocation answer and its sandbox come free, at once or when it asks for work."""
        number = sandbox.id
        event = InvocationFinished(
            number, invocation, answer.error_type, answer.max_memory_mb, answer.throttled
        )
        if answer.ask is None:
            self._agenda.push(over, sandbox, event)
        else:
            sandbox.finishes, sandbox.asks_after = event, answer.ask
            self._agenda.push(over, sandbox, InvocationAnswered(number, invocation))

    def _exit(self, sandbox: SimulatedSandbox, end: Start | Answer) -> RuntimeExited:
        starved = end.outcome is Outcome.OUT_OF_MEMORY
        memory = sandbox.peak_mb
        if starved:  # all the memory that a sandbox may have was used
            memory = self._scheduler.sandboxes[sandbox.id].function.memory_mb
        return RuntimeExited(sandbox.id, end.exit_code, starved, max_memory_mb=memory)
