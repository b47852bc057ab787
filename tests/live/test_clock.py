"""The clock that a dilation slows down, and that knows when the wall clock moved."""

from __future__ import annotations

import asyncio
import time

import pytest

from emulator.core.profiles import PROFILES
from emulator.live.clock import MonotonicClock
from emulator.live.platform_logger import PlatformLogger
from emulator.telemetry.log_store import Logs

pytestmark = pytest.mark.anyio


async def test_timers_of_a_dilated_clock_fire_when_its_own_time_has_come() -> None:
    loop = asyncio.get_running_loop()
    clock = MonotonicClock(loop, dilation=4)
    at, later = loop.create_future(), loop.create_future()
    begun = clock.now()
    clock.call_at(begun + 0.02, lambda: at.set_result(clock.now()))
    clock.call_later(0.02, lambda: later.set_result(clock.now()))
    async with asyncio.timeout(10):
        fired = [await at, await later]
    # a loop may count whole milliseconds of the machine
    assert min(fired) - begun > 0.0195


class WallClock:
    """A wall clock that can be set, or that goes on while the machine is suspended."""

    def __init__(self) -> None:
        self.step = 0.0

    def __call__(self) -> float:
        return time.time() + self.step


@pytest.mark.parametrize("step", [8 * 3600.0, -8 * 3600.0], ids=["suspended", "set back"])
@pytest.mark.parametrize("dilation", [1.0, 4.0])
async def test_deadlines_follow_the_wall_clock(step: float, dilation: float) -> None:
    wall = WallClock()
    clock = MonotonicClock(asyncio.get_running_loop(), dilation, wall)
    profile = next(iter(PROFILES.values()))
    logger = PlatformLogger(logs=Logs("any"), clock=clock, profile=profile, origin=wall())
    wall.step = step
    before = wall() * 1000
    deadline_ms = logger.epoch_ms(clock.now() + 3.0)
    after = wall() * 1000
    assert before - 10 < deadline_ms - 3000.0 * dilation < after + 10
