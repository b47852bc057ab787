"""Chooses the CPUs of each sandbox that is to see fewer than the machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class CpuRotation:
    """Hands out CPUs in turn, so that sandboxes of a few do not all crowd on the first ones."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._cpus = tuple(cpus)
        self._next = 0

    def take(self, count: int) -> tuple[int, ...]:
        """Returns `count` CPUs; an empty tuple, which means all, for 0 or where there are fewer."""
        total = len(self._cpus)
        if not 0 < count < total:
            return ()
        found = tuple(sorted(self._cpus[(self._next + n) % total] for n in range(count)))
        self._next = (self._next + count) % total
        return found
