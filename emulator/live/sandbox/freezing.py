"""Freezes a sandbox between invocations, a moment after it came to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.model import Seconds
    from emulator.live.clock import LoopClock


class Freezing:
    """Calls `freeze` and `thaw` in turn, `freeze` only where no thaw came within the grace."""

    def __init__(
        self, clock: LoopClock, freeze: Callable[[], None], thaw: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._freeze = freeze
        self._thaw = thaw
        self._timer: asyncio.TimerHandle | None = None
        self._frozen = False

    def after(self, grace: Seconds) -> None:
        """Freezes in `grace` seconds: under load the next request comes before, and pays less."""
        self._timer = self._clock.call_later(grace, self._now)

    def _now(self) -> None:
        self._timer = None
        self._frozen = True
        self._freeze()

    def end(self) -> None:
        """Thaws the sandbox if it is frozen, and freezes it no more until `after`."""
        self.cancel()
        if self._frozen:
            self._frozen = False
            self._thaw()

    def cancel(self) -> None:
        """Leaves the sandbox as it is, frozen or not."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
