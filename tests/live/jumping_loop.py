"""An event loop whose time jumps to its next timer, so that a run takes no real time."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class NothingToWaitForError(Exception):
    """Every task waits and there is no timer: on a real loop this would hang."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting it lets the loop jump; the loop's own wake-up socket is all it has."""

    loop: JumpingLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise NothingToWaitForError
        if timeout > 0:
            self.loop.jump()
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Starts at time 0. A timer runs at exactly its time, whatever came before it."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        self._now = 0.0
        # asyncio runs what is due within its clock's resolution, but nothing that is due now
        self._clock_resolution = 2.0**-30

    def time(self) -> float:
        return self._now

    def jump(self) -> None:
        self._now = max(self._now, self._scheduled[0].when())


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(main)
