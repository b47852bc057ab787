"""Holds an answer that came too early for the dilated time, until its time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.model import Seconds
    from emulator.live.clock import LoopClock


class LateAnswer:
    """Calls `give` with a body and an error type, once for each that is held."""

    def __init__(self, clock: LoopClock, give: Callable[[bytes, str], None]) -> None:
        self._clock = clock
        self._give = give
        self._timer: asyncio.TimerHandle | None = None
        self._held = b"", ""

    def hold(self, seconds: Seconds, body: bytes, error_type: str) -> None:
        """Keeps an answer for so many seconds of the clock."""
        self._held = body, error_type
        self._timer = self._clock.call_later(seconds, self.give)

    def give(self) -> None:
        """Gives what is held, if anything is, before its time."""
        if self._timer is not None:
            self.forget()
            self._give(*self._held)

    def forget(self) -> None:
        """Drops the answer that is held, so that nobody gets it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
