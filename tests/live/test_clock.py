"""The clock that a dilation slows down."""

from __future__ import annotations

import asyncio

import pytest

from emulator.live.clock import MonotonicClock

pytestmark = pytest.mark.anyio


async def test_timers_of_a_dilated_clock_fire_when_its_own_time_has_come() -> None:
    clock = MonotonicClock(asyncio.get_running_loop(), dilation=4)
    at, later = asyncio.Event(), asyncio.Event()
    clock.call_at(clock.now() + 0.02, at.set)
    begun = clock.now()
    clock.call_later(0.02, later.set)
    async with asyncio.timeout(10):
        await at.wait()
        await later.wait()
    # uvloop counts whole milliseconds of the machine
    assert clock.now() - begun > 0.0195
