"""Tells the scheduler of events, and has its commands carried out: the only place that does.

One event loop owns the scheduler. Between an event and its commands nothing is awaited, so that no
second request can take what the first was given. Also arms the one timer for all deadlines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from emulator.core.journal import Entry
from emulator.core.messages.events import TimePassed

if TYPE_CHECKING:
    import asyncio

    from emulator.core.messages.commands import Command
    from emulator.core.messages.events import Event
    from emulator.core.scheduler import Scheduler
    from emulator.live.clock import LoopClock
    from emulator.live.recorder import Recorder


class Performer(Protocol):
    """Carries commands out."""

    def perform(self, command: Command, cause: Event) -> None:
        """Carries a command out, or begins to; `cause` is the event that the command followed."""

    def performed(self) -> None:
        """Takes that all commands of an event were performed."""


class Turns:
    """Applies events; `performer` is set before the first."""

    performer: Performer

    def __init__(self, scheduler: Scheduler, clock: LoopClock, recorder: Recorder) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._recorder = recorder
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")
        self._closing = False

    def apply(self, event: Event, output: asyncio.Future[None] | None = None) -> None:
        """Applies an event; `output` is done when what was written before the event has come."""
        now = self._clock.now()
        commands = self._scheduler.handle(event, now)
        self._recorder.record(Entry(now, event, tuple(commands)), output)
        performer = self.performer
        for command in commands:
            performer.perform(command, event)
        performer.performed()
        self._arm()

    def _arm(self) -> None:
        """Sets the one timer for everything; one that is too early costs less than moving it."""
        if not self._scheduler.may_be_due(self._armed_for):
            return
        deadline = self._scheduler.next_deadline()
        if deadline is None or deadline >= self._armed_for or self._closing:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self._clock.call_at(deadline, self._time_passed)

    def _time_passed(self) -> None:
        self._timer, self._armed_for = None, float("inf")
        deadline = self._scheduler.next_deadline()
        if deadline is not None and deadline <= self._clock.now():
            self.apply(TimePassed())
        self._arm()

    def close(self) -> None:
        """Sets no timer any more; events may still come."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
