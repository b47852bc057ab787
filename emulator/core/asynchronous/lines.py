"""Keeps the asynchronous events of each version in line, and says which are attempted next.

An event is whatever its driver has; a line is called by whatever its driver calls a version by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

from emulator.core.asynchronous.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.model import Seconds

Event = TypeVar("Event")


@dataclass(slots=True)
class _Line(Generic[Event]):
    """Holds the events that wait for one version or alias, the next that is due first."""

    pace: Pace
    waiting: list[tuple[Seconds, int, Event]] = field(default_factory=list)


class Lines(Generic[Event]):
    """Deals out events that are due, no more of a version at a time than its pace admits."""

    def __init__(self, most_at_once: int) -> None:
        """Takes the most attempts of a version at a time: the account's concurrency."""
        self._most_at_once = most_at_once
        self._lines: dict[str, _Line[Event]] = {}
        self._order = 0

    def begins_at_once(self, name: str) -> bool:
        """Returns whether a new event of a version is attempted now; counts the attempt if so."""
        line = self._line(name)
        if line.waiting or not line.pace.admits():
            return False
        line.pace.began()
        return True

    def wait(self, name: str, due: Seconds, event: Event) -> None:
        """Puts an event in its version's line, until `due`; equal times keep their order."""
        self._order += 1
        heappush(self._line(name).waiting, (due, self._order, event))

    def due(self, now: Seconds) -> Iterator[Event]:
        """Takes out every event that is due and admitted, and counts its attempt."""
        for line in self._lines.values():
            while line.waiting and line.waiting[0][0] <= now and line.pace.admits():
                line.pace.began()
                yield heappop(line.waiting)[2]

    def next_due(self) -> Seconds:
        """Returns when the next event is due that has room now; infinite where none has."""
        return min(
            (
                line.waiting[0][0]
                for line in self._lines.values()
                if line.waiting and line.pace.admits()
            ),
            default=math.inf,
        )

    def ended(self, name: str, *, refused: bool) -> None:
        """Counts the end of an attempt, which was throttled or not."""
        line = self._lines[name]
        line.pace.ended(refused=refused)
        if not line.waiting and not line.pace.running:
            del self._lines[name]

    def _line(self, name: str) -> _Line[Event]:
        if (line := self._lines.get(name)) is None:
            line = self._lines[name] = _Line(Pace(self._most_at_once))
        return line
