"""The clock of which tests skip what they need not wait for."""

from __future__ import annotations

import asyncio

import pytest

from tests.live.skipped_clock import SkippedClock

pytestmark = pytest.mark.anyio


async def test_what_is_due_happens_in_its_order_and_the_rest_so_much_earlier() -> None:
    clock, happened = SkippedClock(asyncio.get_running_loop(), dilation=2), list[str]()
    later = asyncio.get_running_loop().create_future()
    cancelled = clock.call_later(30, lambda: happened.append("cancelled"))
    clock.call_later(20, lambda: happened.append("second"))
    clock.call_at(clock.now() + 10, lambda: happened.append("first"))
    clock.call_later(100.1, lambda: later.set_result(clock.now()))
    cancelled.cancel()
    before = clock.now()
    clock.skip(100)
    assert happened == ["first", "second"]
    assert clock.now() - before >= 100
    async with asyncio.timeout(20):
        assert await later - before >= 100


async def test_timer_of_a_timer_that_is_skipped_is_skipped_as_well() -> None:
    clock, happened = SkippedClock(asyncio.get_running_loop()), list[str]()
    clock.call_later(1, lambda: clock.call_at(2, lambda: happened.append("both")))
    clock.skip(3)
    assert happened == ["both"]


async def test_wall_clock_is_not_skipped() -> None:
    clock = SkippedClock(asyncio.get_running_loop())
    clock.skip(600)
    assert clock.wall_shift() == pytest.approx(-600, abs=30)
