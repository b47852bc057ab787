from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.core.model import StartKind
from emulator.experiments.run_directory import read_run
from emulator.experiments.stats import (
    FunctionStats,
    Side,
    all_series,
    function_stats,
    peak_overlap,
    percentile,
)

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([7.0], 99, 7.0),
        ([1.0, 2.0], 50, 1.5),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.5),
        ([0.0, 10.0], 95, 9.5),
        ([float(n) for n in range(101)], 99, 99.0),
        ([1.0, 2.0, 100.0], 100, 100.0),
    ],
)
def test_percentile_of_cases_made_by_hand(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == pytest.approx(expected)


def test_percentile_interpolates_between_the_raw_values() -> None:
    chance = random.Random(5)
    for size in (2, 3, 10, 997):
        values = [chance.lognormvariate(0, 2) for _ in range(size)]
        for percent in (0, 50, 95, 99, 100):
            place = percent / 100 * (size - 1)
            below = sorted(values)[math.floor(place)]
            above = sorted(values)[math.ceil(place)]
            by_hand = below + (above - below) * (place - math.floor(place))
            assert percentile(values, percent) == pytest.approx(by_hand)
            assert percentile(values, percent) == np.percentile(values, percent)


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 50) is None


@pytest.mark.parametrize(
    ("spans", "peak"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (1, 2)], 1),
        ([(0, 2), (1, 3), (1.5, 1.7)], 3),
        ([(0, math.inf), (5, math.inf), (1, 2)], 2),
    ],
)
def test_peak_is_how_many_hold_at_once(spans: list[tuple[float, float]], peak: int) -> None:
    assert peak_overlap(spans) == peak


def test_peak_matches_a_count_at_every_start() -> None:
    chance = random.Random(3)
    starts = [chance.random() for _ in range(200)]
    spans = [(start, start + chance.expovariate(8)) for start in starts]
    assert peak_overlap(spans) == max(
        sum(start <= at < end for start, end in spans) for at in starts
    )


def test_figures_of_a_function_come_from_its_clients_or_else_from_the_emulator(
    study: MadeRun,
) -> None:
    slow, fast = function_stats(read_run(study.write()))
    answered = [3010.0, 12.0, 5020.0, 22.0]
    assert slow == FunctionStats(
        function="slow",
        side=Side.CLIENT,
        requests=5,
        cold_starts=2,
        errors=1,
        p50_ms=np.percentile(answered, 50),
        p95_ms=np.percentile(answered, 95),
        p99_ms=np.percentile(answered, 99),
        max_ms=5020.0,
        p50_cold_ms=4015.0,
        p50_warm_ms=17.0,
        init_p50_ms=pytest.approx(3000.0),
        peak_sandboxes=2,
        unclaimed=0,
    )
    assert (fast.side, fast.requests, fast.cold_starts, fast.errors) == (Side.EMULATOR, 2, 2, 0)
    assert fast.p50_ms == pytest.approx(1600.0)
    assert fast.max_ms == pytest.approx(1700.0)
    assert fast.p50_warm_ms is None
    assert fast.init_p50_ms == pytest.approx(600.0)
    assert fast.peak_sandboxes == 1


def test_failed_requests_are_counted_and_enter_no_percentile(made: MadeRun) -> None:
    made.deploy("slow")
    made.throttled("a", "slow", 1.0)
    made.throttled("b", "slow", 2.0)
    (figures,) = function_stats(read_run(made.write()))
    assert (figures.requests, figures.errors, figures.cold_starts) == (2, 2, 0)
    assert (figures.p50_ms, figures.max_ms, figures.init_p50_ms) == (None, None, None)


def test_invocations_past_the_recorded_clients_are_told_apart(study: MadeRun) -> None:
    study.warm("other", "slow", 1, 8.0, took=9.0)
    slow = function_stats(read_run(study.write()))[0]
    assert (slow.requests, slow.unclaimed, slow.max_ms) == (5, 1, 5020.0)


def test_the_journal_outranks_the_header_on_cold_and_warm(study: MadeRun) -> None:
    study.rows[0] = type(study.rows[0])(
        **{f: getattr(study.rows[0], f) for f in study.rows[0].__slots__}
        | {"start_kind": StartKind.WARM}
    )
    assert function_stats(read_run(study.write()))[0].cold_starts == 2


def test_series_count_each_request_in_the_second_it_was_sent_in(study: MadeRun) -> None:
    slow, fast = all_series(read_run(study.write()))
    nan = math.nan
    assert slow.function == "slow"
    np.testing.assert_array_equal(slow.seconds, [0, 1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(slow.hits, [1, 0, 0, 0, 3, 0, 1])
    np.testing.assert_allclose(slow.max_ms, [3010, nan, nan, nan, 5020, nan, nan])
    np.testing.assert_allclose(slow.mean_ms, [3010, nan, nan, nan, 5054 / 3, nan, nan])
    np.testing.assert_array_equal(slow.users, [1, 1, 1, 1, 3, 3, 3])
    np.testing.assert_array_equal(slow.cold_starts, [1, 0, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(fast.seconds, [1, 2, 3])
    np.testing.assert_array_equal(fast.hits, [1, 0, 1])
    np.testing.assert_array_equal(fast.users, [nan, nan, nan])


def test_a_run_without_requests_has_no_figures(made: MadeRun) -> None:
    run = read_run(made.write())
    assert function_stats(run) == []
    assert all_series(run) == []
