from __future__ import annotations

import random
from statistics import fmean

import pytest

from emulator.sim.cpu_share import CfsShare, ProportionalShare

SIZES = [128, 257, 514, 1027, 1540]


class _Never:
    """Begins each work at a timer tick."""

    def random(self) -> float:
        return 0.0


def test_even_share_divides_the_work_by_the_share() -> None:
    assert ProportionalShare().wall_time(2.0, 0.25, _Never()) == 8.0
    assert ProportionalShare().wall_time(2.0, 3.0, _Never()) == 2.0


def test_work_within_the_first_quota_is_never_throttled() -> None:
    assert CfsShare().wall_time(0.0099, 0.5, random.Random(1)) == pytest.approx(0.0099)


def test_whole_vcpu_runs_through() -> None:
    assert CfsShare().wall_time(1.0, 1.0, random.Random(1)) == 1.0


def test_quota_is_overrun_to_the_next_tick_and_the_debt_paid_in_the_next_period() -> None:
    # A tenth of a CPU: 2 ms of each 20. The work runs from one tick to the next, 4 ms, and owes
    # 2 ms: one period is paid for nothing, and the 4 ms after it begin at 40 ms.
    share = CfsShare(slice=0.005)
    assert share.wall_time(0.0039, 0.1, _Later(0.004)) == pytest.approx(0.0039)
    assert share.wall_time(0.0050, 0.1, _Later(0.004)) == pytest.approx(0.0410, abs=1e-6)


class _Later:
    """Begins each work a given time before a timer tick of 4 ms."""

    def __init__(self, before_tick: float) -> None:
        self._share = before_tick / 0.004

    def random(self) -> float:
        return self._share


@pytest.mark.parametrize("memory_mb", SIZES)
def test_long_work_gets_its_share_in_the_long_run(memory_mb: int) -> None:
    vcpus = memory_mb / 1769
    wall = CfsShare().wall_time(20.0, vcpus, random.Random(2))
    assert wall == pytest.approx(20.0 / vcpus, rel=0.01)


@pytest.mark.parametrize("memory_mb", SIZES)
def test_short_work_gains_from_whole_periods(memory_mb: int) -> None:
    chance, vcpus = random.Random(3), memory_mb / 1769
    mean = fmean(CfsShare().wall_time(0.01756, vcpus, chance) for _ in range(200))
    assert 0.01756 <= mean <= 0.01756 / vcpus + 0.020


def test_work_that_begins_anywhere_in_a_period_is_done_sooner_than_work_that_begins_with_one() -> (
    None
):
    def mean(share: CfsShare) -> float:
        chance = random.Random(4)
        return fmean(share.wall_time(0.01756, 128 / 1769, chance) for _ in range(500))

    # as measured on Docker and on AWS: 202 and 225 ms
    assert mean(CfsShare(aligned=False)) == pytest.approx(0.203, abs=0.004)
    assert mean(CfsShare()) == pytest.approx(0.214, abs=0.004)
