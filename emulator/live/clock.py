"""Tells the engine's time, from 0 at the start of the journal, and sets its timers.

Clocks here know how far the wall clock has moved against them, and nothing of what is timed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.model import Seconds


class LoopClock:
    """Tells the loop's own time; on a loop whose time jumps to its next timer, a manual clock."""

    dilation = 1.0
    """How many of the machine's seconds one of the clock's seconds takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> Seconds:
        return self._loop.time()

    def wall_shift(self) -> float:
        """Returns by how many seconds the wall clock went ahead of this clock since its start."""
        return 0.0

    def call_at(self, at: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_at(at, callback)

    def call_later(self, delay: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay, callback)


class MonotonicClock(LoopClock):
    """Tells the machine's monotonic time: uvloop's own stands still within a turn of the loop.

    With `dilation` N its seconds are N of the machine's. Where every sandbox has an Nth of its
    CPU as well, all that is measured and bounded by this clock is as it would be on a machine N
    times as fast.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        dilation: float = 1.0,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        """Takes `wall_time`, which returns seconds since the epoch."""
        super().__init__(loop)
        self.dilation = dilation
        self._wall_time = wall_time
        self._origin = time.monotonic()
        self._wall_origin = wall_time()

    def now(self) -> Seconds:
        return (time.monotonic() - self._origin) / self.dilation

    def wall_shift(self) -> float:
        # the monotonic clock stands still while the machine is suspended, and is never set
        passed = time.monotonic() - self._origin
        return self._wall_time() - self._wall_origin - passed

    def call_at(self, at: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self.call_later(max(0.0, at - self.now()), callback)

    def call_later(self, delay: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay * self.dilation, callback)
