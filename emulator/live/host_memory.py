"""Looks at how much memory the host has available, seldom and for changes that matter alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.clock import LoopClock

_EVERY = 0.5
"""Seconds between two looks at the host's memory, of 30 microseconds each."""
_CHANGE_MB = 64
"""MB by which the available memory must have changed to be worth an entry in the journal."""


class HostMemory:
    """Remembers what was told last; without an `available_mb` nothing is ever told."""

    def __init__(self, available_mb: Callable[[], int] | None, clock: LoopClock) -> None:
        self._available_mb = available_mb
        self._clock = clock
        self._told_mb: int | None = None
        self._look_at = 0.0

    def news(self) -> int | None:
        """Returns the available MB where they have changed; None where nobody looks, or not yet."""
        if self._available_mb is None or self._clock.now() < self._look_at:
            return None
        self._look_at = self._clock.now() + _EVERY
        available_mb = self._available_mb()
        if self._told_mb is not None and abs(available_mb - self._told_mb) < _CHANGE_MB:
            return None
        self._told_mb = available_mb
        return available_mb
