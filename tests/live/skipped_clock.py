"""The machine's clock, of which a test skips what it need not wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from emulator.live.clock import MonotonicClock

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class _Timer:
    """Stands for a loop's timer, which a skip may run earlier."""

    def __init__(self, clock: SkippedClock, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self._clock = clock
        self._callback = callback
        self.arm()

    def arm(self) -> None:
        clock = self._clock
        self._handle = clock.on_the_loop(self.at - clock.now(), self.fire)

    def fire(self) -> None:
        self.cancel()
        self._callback()

    def cancel(self) -> None:
        self._handle.cancel()
        self._clock.timers.discard(self)


class SkippedClock(MonotonicClock):
    """Goes on by itself, and at once where a test says so: a timeout of 30 s may then be tested.

    What a stall of some seconds cannot reach is safe to wait for, and what it would is skipped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, dilation: float = 1.0) -> None:
        super().__init__(loop, dilation)
        self.timers: set[_Timer] = set()

    def call_later(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        timer = _Timer(self, self.now() + delay, callback)
        self.timers.add(timer)
        return cast("asyncio.TimerHandle", timer)

    def on_the_loop(self, delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return super().call_later(max(0.0, delay), callback)

    def skip(self, seconds: float) -> None:
        """Lets so many seconds have passed; what was due in them happens before this returns."""
        self._origin -= seconds * self.dilation
        while due := [timer for timer in self.timers if timer.at <= self.now()]:
            min(due, key=lambda timer: timer.at).fire()
        for timer in tuple(self.timers):
            timer.cancel()
            timer.arm()
            self.timers.add(timer)
