"""Keeps every deadline of the scheduler in one heap, so that a driver needs one timer."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from emulator.core.model import Seconds

K = TypeVar("K", bound="Hashable")
_SLACK = 64


class Deadlines(Generic[K]):
    """Keeps at most one deadline for each key; every move is O(log n).

    A key that is set to a later time keeps its place in the heap until that comes up, and is then
    put where it belongs: a sandbox whose timeout and keep-alive are set in turn costs no move of
    the heap. So the heap's first time is a bound, and exact only where `next` has looked. Cancelled
    entries stay until they come up as well, or until they outnumber the live ones: a 15-minute
    timeout cancelled after 2 ms must not be kept for 15 minutes.
    """

    def __init__(self) -> None:
        self._live: dict[K, tuple[Seconds, int]] = {}
        self._placed: dict[K, tuple[Seconds, int]] = {}
        """The time and the number under which a key stands in the heap, its latest place."""
        self._heap: list[tuple[Seconds, int, K]] = []
        self._sequence = 0

    def set(self, key: K, at: Seconds) -> None:
        """Gives a key a deadline, instead of any earlier one."""
        self._sequence += 1
        self._live[key] = turn = (at, self._sequence)
        placed = self._placed.get(key)
        if placed is None or at < placed[0]:
            self._place(key, turn)

    def _place(self, key: K, turn: tuple[Seconds, int]) -> None:
        self._placed[key] = turn
        heapq.heappush(self._heap, (turn[0], turn[1], key))
        if len(self._heap) > 2 * len(self._live) + _SLACK:
            self._heap = [(at, number, key) for key, (at, number) in self._live.items()]
            self._placed = dict(self._live)
            heapq.heapify(self._heap)

    def cancel(self, key: K) -> None:
        """Takes a key's deadline away, if there is one."""
        self._live.pop(key, None)

    def has(self, key: K) -> bool:
        """Returns whether a key has a deadline."""
        return key in self._live

    def may_come_by(self, at: Seconds) -> bool:
        """Returns whether the earliest deadline may be at or before a time; False is certain."""
        return bool(self._heap) and self._heap[0][0] <= at

    def next(self) -> Seconds | None:
        """Returns the earliest deadline; None where there is none."""
        self._settle()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: Seconds) -> K | None:
        """Takes the earliest key that is due, ties in the order of `set`; None if none is due."""
        if not self.may_come_by(now):
            return None
        self._settle()
        if not self._heap or self._heap[0][0] > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._live[key]
        del self._placed[key]
        return key

    def _settle(self) -> None:
        """Puts a live deadline first, with its own time."""
        heap, live, placed = self._heap, self._live, self._placed
        while heap:
            at, number, key = heap[0]
            turn = live.get(key)
            if turn == (at, number):
                return
            if placed.get(key) != (at, number):
                heapq.heappop(heap)  # the key has another place
            elif turn is None:
                heapq.heappop(heap)
                del placed[key]
            else:
                heapq.heapreplace(heap, (turn[0], turn[1], key))
                placed[key] = turn
