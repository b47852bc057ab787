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

    Replaced and cancelled entries stay in the heap until they come up, or until they
    outnumber the live ones: a 15-minute timeout cancelled after 2 ms must not be kept
    for 15 minutes.
    """

    def __init__(self) -> None:
        self._live: dict[K, tuple[Seconds, int]] = {}
        self._heap: list[tuple[Seconds, int, K]] = []
        self._sequence = 0

    def set(self, key: K, at: Seconds) -> None:
        """Gives a key a deadline, instead of any earlier one."""
        self._sequence += 1
        self._live[key] = (at, self._sequence)
        heapq.heappush(self._heap, (at, self._sequence, key))
        if len(self._heap) > 2 * len(self._live) + _SLACK:
            self._heap = [(at, number, key) for key, (at, number) in self._live.items()]
            heapq.heapify(self._heap)

    def cancel(self, key: K) -> None:
        """Takes a key's deadline away, if there is one."""
        self._live.pop(key, None)

    def has(self, key: K) -> bool:
        """Returns whether a key has a deadline."""
        return key in self._live

    def next(self) -> Seconds | None:
        """Returns the earliest deadline; None where there is none."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: Seconds) -> K | None:
        """Takes the earliest key that is due, ties in the order of `set`; None if none is due."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._live[key]
        return key

    def _drop_stale(self) -> None:
        heap, live = self._heap, self._live
        while heap:
            at, number, key = heap[0]
            if live.get(key) == (at, number):
                return
            heapq.heappop(heap)
