"""Decides when the pieces of a streamed response reach their caller, by a profile's bandwidth.

Source: the developer guide's "Bandwidth limits for response streaming". How finely AWS meters is
not documented: here a piece is cut into slices of a thirty-second of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.model import Seconds
    from emulator.core.profile import StreamPace

_SLICES_PER_SECOND = 32


class Pacer:
    """Counts the bytes of one response; time that nothing is sent in is not saved up."""

    def __init__(self, pace: StreamPace) -> None:
        self._unthrottled = pace.unthrottled
        self._rate = pace.bytes_per_second
        self._slice = max(1, int(pace.bytes_per_second / _SLICES_PER_SECOND))
        self._free_at = 0.0

    def slices(self, piece: bytes) -> Iterator[bytes]:
        """Yields a piece in parts, each of which `wait` is then asked about in turn."""
        free = piece[: self._unthrottled]
        if free or not piece:
            yield free
        for start in range(len(free), len(piece), self._slice):
            yield piece[start : start + self._slice]

    def wait(self, size: int, now: Seconds) -> Seconds:
        """Counts a slice that is to be sent now; returns how long it must wait."""
        free = min(size, self._unthrottled)
        self._unthrottled -= free
        if size == free:
            return 0.0
        self._free_at = max(self._free_at, now) + (size - free) / self._rate
        return self._free_at - now
