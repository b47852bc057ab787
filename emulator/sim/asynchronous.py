"""Simulates asynchronous invokes: the queue that accepts events, and their attempts to the end.

The core decides as it does for the live queue (`core.asynchronous`): which event is next, what
follows an attempt, and when. Owns only the moments at which it is asked. The queue itself leaves
nothing in the journal, as the live one leaves nothing: each attempt is a request.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from emulator.core.asynchronous.attempts import (
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
from emulator.core.asynchronous.lines import Lines
from emulator.core.asynchronous.rules import AsynchronousRules, EventSettings
from emulator.core.messages.commands import Fail, ResetSandbox, Throttle
from emulator.core.messages.events import (
    InvocationAnswered,
    InvocationFinished,
    SandboxGone,
    SandboxReset,
    VersionDeployed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from emulator.core.journal import Entry
    from emulator.core.messages.events import InvokeRequested
    from emulator.core.model import Failure, Seconds, VersionKey
    from emulator.sim.engine import Simulation
    from emulator.sim.workload import Stimulus

Arrival = tuple["Seconds", "InvokeRequested"]
"""Time at which an event is accepted, and the request that each attempt makes."""


@dataclass(frozen=True, slots=True)
class _Event:
    request: InvokeRequested
    accepted_at: Seconds
    attempts: int = 0
    refusals: int = 0


def _tell_nobody(_: EndedEvent) -> None:
    """Takes what nobody asks for."""


def _no_settings(_: VersionKey) -> EventSettings:
    """Returns what a function asks for that asks for nothing."""
    return EventSettings()


@dataclass(slots=True)
class Events:
    """Runs a simulation whose requests are attempts of asynchronous events."""

    simulation: Simulation
    arrivals: Iterable[Arrival] = ()
    """In time order; what a client sends is told by `accept`."""
    rules: AsynchronousRules = field(default_factory=AsynchronousRules)
    settings: Callable[[VersionKey], EventSettings] = _no_settings
    """Returns what a version asks for its events."""
    most_at_once: int = 1000
    """Attempts of a version at a time at most: the account's concurrency."""
    speedup: float = 1.0
    """Seconds that an event ages in one of the simulation's."""
    told: Callable[[EndedEvent], None] = _tell_nobody
    """Is told of each event's end."""
    _to_come: Iterator[Arrival] = field(init=False)
    _lines: Lines[_Event] = field(init=False)
    _running: dict[str, _Event] = field(default_factory=dict)
    """Events under attempt, by the invocation."""
    _untold: dict[int, Fail] = field(default_factory=dict)
    """Failures by the sandbox: a caller is told when the sandbox is reset."""
    _begun: deque[_Event] = field(default_factory=deque)
    """Events whose attempt is counted, and not decided yet."""
    _kept: int = 0
    """Number of the events that were accepted and have not ended."""
    _accepts: bool = True
    """Whether events are still to come."""
    _alarm: tuple[Seconds, int] = (math.inf, 0)
    """When the next event in line is due, and the number of the reminder of that."""

    def __post_init__(self) -> None:
        self._to_come = iter(self.arrivals)
        self._lines = Lines(self.most_at_once)

    @property
    def over(self) -> bool:
        """Returns whether every event has come and ended."""
        return not self._accepts and not self._kept

    @property
    def kept(self) -> int:
        """Returns how many events were accepted and have not ended."""
        return self._kept

    def run(
        self, stimuli: Iterable[Stimulus], versions: int, until: Seconds = math.inf
    ) -> Iterator[Entry]:
        """Yields the journal's entries up to `until`.

        Args:
            stimuli: what else comes from outside, deployments first.
            versions: deployments after which events are accepted.
            until: time of the last entry, seconds.
        """
        for entry in self.simulation.run(stimuli, until):
            self.take(entry)
            if isinstance(entry.event, VersionDeployed) and versions:
                versions -= 1
                if not versions:
                    self._await_next()
            yield entry

    # what comes in

    def _await_next(self) -> None:
        arrival = next(self._to_come, None)
        if arrival is None:
            self._accepts = False
            return
        at, request = arrival
        self.simulation.agenda.remind(at, lambda now: self._come(request, now))

    def _come(self, request: InvokeRequested, now: Seconds) -> None:
        self.accept(request, now)
        self._await_next()

    def accept(self, request: InvokeRequested, now: Seconds) -> None:
        """Queues an event whose every attempt makes the request; begins the first if possible."""
        event = _Event(request, now)
        self._kept += 1
        if self._lines.begins_at_once(request.key):
            self._begun.append(event)
        else:
            self._lines.wait(request.key, now, event)
        self._go_on(now)

    def take(self, entry: Entry) -> None:
        """Takes an entry of the simulation's journal, which may end attempts."""
        resets = {each.sandbox for each in entry.commands if isinstance(each, ResetSandbox)}
        for command in entry.commands:
            if isinstance(command, Throttle):
                self._ended(command.invocation, entry.at, throttled=True)
            elif isinstance(command, Fail) and command.sandbox in resets:
                self._untold[command.sandbox] = command
            elif isinstance(command, Fail):
                self._ended(command.invocation, entry.at, command.failure)
        match entry.event:
            case SandboxReset(sandbox) | SandboxGone(sandbox) if sandbox in self._untold:
                failed = self._untold.pop(sandbox)
                self._ended(failed.invocation, entry.at, failed.failure)
            case InvocationAnswered(sandbox, invocation) if invocation in self._running:
                erred = bool(self.simulation.sandboxes.error_to_come(sandbox))
                self._ended(invocation, entry.at, erred=erred)
            case InvocationFinished(_, invocation, error_type):
                self._ended(invocation, entry.at, erred=bool(error_type))
            case _:
                pass

    # attempts

    def _go_on(self, now: Seconds) -> None:
        """Begins what is due and admitted, in the live queue's order, and sets the alarm."""
        self._begun.extend(self._lines.due(now))
        while self._begun:
            self._attempt(self._begun.popleft(), now)
            self._begun.extend(self._lines.due(now))
        self._arm(now)

    def _arm(self, now: Seconds) -> None:
        due = self._lines.next_due()
        if due == self._alarm[0]:
            return
        self.simulation.agenda.withdraw(self._alarm[1])
        number = 0 if due == math.inf else self.simulation.agenda.remind(max(due, now), self._woken)
        self._alarm = due, number

    def _woken(self, now: Seconds) -> None:
        self._alarm = math.inf, 0
        self._go_on(now)

    def _attempt(self, event: _Event, now: Seconds) -> None:
        key = event.request.key
        decided = before(_progress(event), self.rules, self.settings(key), self._age(event, now))
        if isinstance(decided, End):
            self._lines.ended(key, refused=False)
            self._end(event, decided, now)
            return
        self._running[event.request.invocation] = event
        self.simulation.agenda.add(now, event.request)

    def _ended(
        self,
        invocation: str,
        now: Seconds,
        failure: Failure | None = None,
        *,
        throttled: bool = False,
        erred: bool = False,
    ) -> None:
        """Takes the end of an attempt; a second end of the same attempt is none."""
        event = self._running.pop(invocation, None)
        if event is None:
            return
        key = event.request.key
        result = result_of(failure, throttled=throttled, erred=erred)
        asked, age = self.settings(key), self._age(event, now)
        decided = after(result, _progress(event), self.rules, asked, age)
        self._lines.ended(key, refused=result is Result.REFUSED)
        self._go_on(now)
        if isinstance(decided, Retry):
            due = due_at(decided, event.accepted_at, now, self.speedup)
            progress = decided.progress
            later = replace(event, attempts=progress.attempts, refusals=progress.refusals)
            self._lines.wait(key, due, later)
            self._go_on(now)
        else:
            self._end(event, decided, now)

    def _end(self, event: _Event, end: End, now: Seconds) -> None:
        self._kept -= 1
        self.told(
            EndedEvent(
                event.request.invocation,
                end.condition,
                end.progress.attempts,
                self._age(event, now),
                event.accepted_at,
                now,
                receivers(end.condition, self.settings(event.request.key)),
            )
        )

    def _age(self, event: _Event, now: Seconds) -> Seconds:
        return (now - event.accepted_at) * self.speedup


def _progress(event: _Event) -> Progress:
    return Progress(0.0, event.attempts, event.refusals)
