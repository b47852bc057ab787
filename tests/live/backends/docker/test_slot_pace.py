"""When network slots are made, on a loop whose time jumps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from emulator.live.backends.docker.slot_pace import SlotPace
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def _time_of(turn: Coroutine[None, None, None]) -> float:
    await turn
    return asyncio.get_running_loop().time()


def _told_after(seconds: float, *calls: object) -> None:
    for call in calls:
        asyncio.get_running_loop().call_later(seconds, call)


def test_slots_are_put_off_until_the_last_of_the_deployments() -> None:
    async def story() -> None:
        pace = SlotPace()
        turn = asyncio.create_task(_time_of(pace.turn()))
        for _ in range(3):
            with pace.deployment():
                await asyncio.sleep(20)
        assert not turn.done()
        assert await turn == pytest.approx(60.1)

    run(story())


def test_starts_put_slots_off_for_a_second_only() -> None:
    async def story() -> None:
        pace = SlotPace()
        pace.start_began()
        pace.start_began()
        _told_after(0.5, pace.start_is_over, pace.start_is_over)
        assert await _time_of(pace.turn()) == pytest.approx(0.5)
        pace.start_began()
        assert await _time_of(pace.turn()) == pytest.approx(1.6)

    run(story())


@pytest.mark.parametrize(("took", "begun"), [(0.9, 0.1), (2.5, 7.6)])
def test_a_dear_slot_is_followed_by_a_rest(took: float, begun: float) -> None:
    async def story() -> None:
        pace = SlotPace()
        pace.took(took)
        assert await _time_of(pace.turn()) == pytest.approx(begun)

    run(story())


def test_an_end_waits_for_no_turn() -> None:
    async def story() -> None:
        pace = SlotPace()
        pace.took(60)
        pace.start_began()
        with pace.deployment():
            _told_after(1, pace.close)
            assert await _time_of(pace.turn()) == pytest.approx(1)

    run(story())


@pytest.mark.parametrize(
    ("cpus", "kept", "width"), [(0, 32, 2), (1, 16, 1), (2, 32, 2), (8, 32, 2)]
)
def test_few_cpus_keep_fewer_slots_and_make_one_at_a_time(cpus: int, kept: int, width: int) -> None:
    pace = SlotPace()
    pace.open(cpus)
    assert (pace.bounded(32), pace.width) == (kept, width)
