"""The engine's clocks, from 0 at the start of the journal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.model import Seconds


class LoopClock:
    """The loop's own time; on a loop whose time jumps to its next timer, a manual clock."""

    dilation = 1.0
    """How many of the machine's seconds one of its own takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> Seconds:
        return self._loop.time()

    def call_at(self, at: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_at(at, callback)

    def call_later(self, delay: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay, callback)


class MonotonicClock(LoopClock):
    """The machine's monotonic clock: uvloop's own time stands still within a turn of the loop.

    With `dilation` N its seconds are N of the machine's. Where every sandbox has an Nth of its
    CPU as well, all that is measured and bounded by this clock is as it would be on a machine N
    times as fast.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, dilation: float = 1.0) -> None:
        super().__init__(loop)
        self.dilation = dilation
        self._origin = time.monotonic()

    def now(self) -> Seconds:
        return (time.monotonic() - self._origin) / self.dilation

    def call_at(self, at: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self.call_later(max(0.0, at - self.now()), callback)

    def call_later(self, delay: Seconds, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay * self.dilation, callback)
