"""A clock that a test moves; its timers run in the order of their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class MovedClock:
    dilation = 1.0

    def __init__(self) -> None:
        self.at = 0.0
        self.timers: list[tuple[float, Timer]] = []

    def now(self) -> float:
        return self.at

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        self.timers.append((self.at + delay, Timer(callback)))
        return self.timers[-1][1]

    def call_at(self, at: float, callback: Callable[[], None]) -> Timer:
        return self.call_later(at - self.at, callback)

    def move(self, to: float) -> None:
        while due := [one for one in self.timers if one[0] <= to and not one[1].cancelled]:
            self.at, timer = min(due, key=lambda each: each[0])
            timer.cancelled = True
            timer.callback()
        self.at = to
