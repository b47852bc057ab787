"""Holds what is to come in a simulation, in the order of time: the future event list.

What happens at the same time happens in the order in which it was decided. A deadline that is due
at the time of an event needs no step of its own: the scheduler handles it before that event.
Knows neither what an event means nor what follows.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

from emulator.core.messages.events import TimePassed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from emulator.core.messages.events import Event
    from emulator.core.model import Seconds
    from emulator.core.scheduler import Scheduler
    from emulator.sim.sandbox import SimulatedSandbox
    from emulator.sim.workload import Stimulus


class Agenda:
    """Orders completions, what comes from outside, and the scheduler's deadlines."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._heap: list[tuple[Seconds, int, SimulatedSandbox | None, Event]] = []
        """What is to come, with its sandbox; an added event has none."""
        self._sequence = 0
        self._added: set[int] = set()
        """Sequence numbers of the added events that are to come."""
        self._reminders: dict[int, Callable[[Seconds], None]] = {}
        """Who is called when an added event that is none comes up, by its sequence number."""
        self.reminded: Callable[[Seconds], None] | None = None
        """Who is called at the present event, which is none."""
        self._stimuli_left: Iterator[Stimulus] = iter(())
        self._stimulus: Event | None = None
        """Next event from outside, apart from the heap, as every second event is one."""
        self._stimulus_at = math.inf
        self._stimulus_sequence = 0
        self.came_from_outside = False
        """Whether the present event is the stimulus."""

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

    def expect(self, stimuli: Iterable[Stimulus]) -> None:
        """Takes the events from outside, in time order; each is read when the one before comes."""
        self._stimuli_left = iter(stimuli)
        self.take_stimulus(-math.inf)

    def take_stimulus(self, now: Seconds) -> None:
        """Reads the next event from outside, after the present one.

        Raises:
            ValueError: the event is earlier than `now`.
        """
        stimulus = next(self._stimuli_left, None)
        if stimulus is None:
            self._stimulus, self._stimulus_at = None, math.inf
            return
        at, event = stimulus
        if at < now:
            raise ValueError(f"a stimulus at {at} comes after one at {now}")
        self._sequence += 1
        self._stimulus, self._stimulus_at = event, at
        self._stimulus_sequence = self._sequence

    def push(self, at: Seconds, sandbox: SimulatedSandbox, event: Event) -> None:
        """Adds the completion that a sandbox awaits from now on, instead of any other."""
        self._sequence += 1
        sandbox.awaits = self._sequence
        heapq.heappush(self._heap, (at, self._sequence, sandbox, event))

    def next(self) -> tuple[Seconds, SimulatedSandbox | None, Event]:
        """Takes the next event: its time, its sandbox if any, and the event; infinite for none."""
        first = self._first()
        self.came_from_outside = False
        self.reminded = None
        at = self._stimulus_at if first is None else first[0]
        if self._scheduler.may_be_due(at):
            deadline = self._scheduler.next_deadline()
            if deadline is not None and deadline < at:
                return deadline, None, TimePassed()
        if first is None:
            if self._stimulus is None:
                return math.inf, None, TimePassed()
            self.came_from_outside = True
            return at, None, self._stimulus
        heapq.heappop(self._heap)
        _, sequence, sandbox, event = first
        if sandbox is None:
            self._added.discard(sequence)
            if self._reminders:
                self.reminded = self._reminders.pop(sequence, None)
        else:
            sandbox.awaits = 0
        return at, sandbox, event

    def _first(self) -> tuple[Seconds, int, SimulatedSandbox | None, Event] | None:
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
