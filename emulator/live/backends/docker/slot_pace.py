"""Decides when network slots are made, so that whoever waits for the machine is not kept waiting.

A slot spares a later start about 0.1 s, and nobody waits for one. On a slow machine of one CPU,
making one takes the engine 2.5 s of that CPU: a deployment, a request or the emulator's own start
that happens meanwhile takes several times as long.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.model import Seconds

_WIDTH = 2
"""How many slots are made at once, where there are as many CPUs."""
_PER_CPU = 16
"""Slots kept for each CPU; as many starts at once are more than it can serve."""
_PATIENCE = 1.0
"""Seconds that the making of a slot waits for the starts of sandboxes to be over."""
_SETTLED = 0.1
"""Seconds without a deployment after which no further one is expected at once."""
_EASY = 1.0
"""Seconds that a slot may take; one that takes longer says that the machine is slow or busy."""
_REST = 3.0
"""How many times as long as such a slot took the next one is put off: a quarter of the time."""


class SlotPace:
    """Holds the making of slots back. Lives in one event loop."""

    def __init__(self) -> None:
        self._cpus = 0
        self._starts = 0
        self._no_start = asyncio.Event()
        self._no_start.set()
        self._deployments = 0
        self._no_deployment = asyncio.Event()
        self._no_deployment.set()
        self._closed = asyncio.Event()
        self._rests_until = float("-inf")

    def open(self, cpus: int) -> None:
        """Takes the number of the engine's CPUs; 0 where that is unknown."""
        self._cpus = cpus

    def bounded(self, slots: int) -> int:
        """Returns how many of so many slots are kept ahead of need."""
        return min(slots, self._cpus * _PER_CPU) if self._cpus else slots

    @property
    def width(self) -> int:
        """The number of slots that are made at once."""
        return min(_WIDTH, self._cpus or _WIDTH)

    def start_began(self) -> None:
        self._starts += 1
        self._no_start.clear()

    def start_is_over(self) -> None:
        self._starts -= 1
        if not self._starts:
            self._no_start.set()

    @contextmanager
    def deployment(self) -> Iterator[None]:
        """Puts slots off until the end of a deployment."""
        self._deployments += 1
        self._no_deployment.clear()
        try:
            yield
        finally:
            self._deployments -= 1
            if not self._deployments:
                self._no_deployment.set()

    def took(self, seconds: Seconds) -> None:
        """Takes how long a slot took to make."""
        if seconds > _EASY:
            rests_until = asyncio.get_running_loop().time() + _REST * seconds
            self._rests_until = max(self._rests_until, rests_until)

    async def turn(self) -> None:
        """Waits until the next slots may be made, or `close` was called."""
        rest = self._rests_until - asyncio.get_running_loop().time()
        await self._within(rest, self._closed)
        while not self._closed.is_set():
            await self._no_deployment.wait()
            await self._within(_SETTLED, self._closed)
            if self._no_deployment.is_set():
                break
        # starts that follow each other without a pause need slots all the more
        await self._within(_PATIENCE, self._no_start)

    async def _within(self, seconds: Seconds, event: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await event.wait()

    def close(self) -> None:
        """Ends every wait."""
        self._closed.set()
        self._no_deployment.set()
        self._no_start.set()
