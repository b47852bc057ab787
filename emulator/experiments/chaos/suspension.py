"""Lets a machine sleep, as far as an emulator can tell: nothing of it runs, and then it is later.

The gateway is stopped by a signal, and when it goes on its wall clock is hours ahead of its
monotonic one, as after a suspend. What a real one does besides cannot be had without one: its
monotonic clock stands still all that time, where here it goes on for as long as the signal lasts
(kept below the timeout of every request that is under way), and its sandboxes sleep too, where here
they go on and answer into sockets that nobody reads.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from emulator.experiments.chaos.shifted_clock import shift
from emulator.experiments.chaos.template import GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.chaos.world import World

WHAT = "The machine sleeps three times, for hours by its clock, with requests under way."
_NIGHTS = (0.5, 8.5, 72.5)
"""Hours that the wall clock is ahead after each."""
_STOPPED_S = 3.0
"""Less than a function's timeout: a suspended machine's monotonic clock would not have gone on."""
_UNDER_WAY = 5


async def suspended(
    world: World, nights: Sequence[float] = _NIGHTS, stopped: float | None = None
) -> None:
    """Stops the gateway with requests under way, and lets it go on hours later by its clock.

    `stopped` are the seconds of each stop; None: some.
    """
    stopped = _STOPPED_S if stopped is None else stopped
    for hours in nights:
        asked = [
            asyncio.create_task(world.client.ask(GOOD, seconds=1.0)) for _ in range(_UNDER_WAY)
        ]
        await world.pause(0.2, 0.8)
        pid = world.emulator.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            shift(hours * 3600.0, world.clock)
            await asyncio.sleep(stopped)
        finally:
            os.kill(pid, signal.SIGCONT)
        world.own.update(await asyncio.gather(*asked))
