from __future__ import annotations

import base64
import struct

import numpy as np
import pytest
from scipy import stats

from emulator.experiments.analysis.memory_choice import (
    VISUALISER,
    SizeSample,
    Strategy,
    choose,
    trimmed_mean,
    visualiser_link,
    winner,
)

TIMES = (900.0, 400.0, 380.0)
DOLLARS = (2.0, 1.8, 3.5)


@pytest.mark.parametrize("n", [1, 4, 5, 10, 23, 50])
def test_trimmed_mean_is_scipys(n: int) -> None:
    values = np.random.default_rng(n).lognormal(0, 1, n)
    assert float(trimmed_mean(values)) == pytest.approx(float(stats.trim_mean(values, 0.2)))


def test_one_cold_start_of_fifty_does_not_count() -> None:
    assert float(trimmed_mean(np.array([9000.0, *[10.0] * 49]))) == 10.0


@pytest.mark.parametrize(
    ("strategy", "weight", "place"),
    [
        (Strategy.COST, 0.5, 1),
        (Strategy.SPEED, 0.5, 2),
        (Strategy.BALANCED, 0.5, 1),
        (Strategy.BALANCED, 0.0, 2),
        (Strategy.BALANCED, 1.0, 1),
    ],
)
def test_strategies_choose_by_cost_speed_or_both(
    strategy: Strategy, weight: float, place: int
) -> None:
    assert winner(TIMES, DOLLARS, strategy, weight) == place


def test_a_tie_goes_to_the_faster_or_to_the_cheaper_size() -> None:
    assert winner((5.0, 4.0), (1.0, 1.0), Strategy.COST) == 1
    assert winner((4.0, 4.0), (2.0, 1.0), Strategy.SPEED) == 1


def test_a_clear_winner_wins_nearly_always_and_a_coin_toss_half_the_time() -> None:
    chance = np.random.default_rng(4)

    def tried(memory_mb: int, middle: float) -> SizeSample:
        times = tuple(chance.normal(middle, 10, 50).tolist())
        return SizeSample(memory_mb, times, tuple(time * 1e-9 for time in times))

    clear = choose([tried(256, 300), tried(512, 100)], Strategy.SPEED)
    assert clear.place == 1
    assert clear.confidence == 1.0
    same = tried(256, 300)
    toss = choose([same, SizeSample(512, same.times_ms, same.dollars)], Strategy.SPEED)
    assert 0.4 < toss.confidence < 0.6
    assert sum(toss.shares) == pytest.approx(1)


def test_link_holds_sizes_times_and_costs_as_the_visualiser_reads_them() -> None:
    sizes, times, costs = (
        visualiser_link((128, 10240), (16.5, 2.25), (1e-7, 2e-7))
        .removeprefix(VISUALISER)
        .split(";")
    )
    assert struct.unpack("<2h", base64.b64decode(sizes)) == (128, 10240)
    assert struct.unpack("<2f", base64.b64decode(times)) == (16.5, 2.25)
    assert struct.unpack("<2f", base64.b64decode(costs)) == pytest.approx((1e-7, 2e-7))
