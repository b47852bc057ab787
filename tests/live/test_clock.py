"""The clock that a dilation slows down."""

from __future__ import annotations

import asyncio

import pytest

from emulator.live.clock import MonotonicClock

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
