"""Held against scipy's own intervals, and against the definitions on small cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from emulator.experiments.analysis import intervals
from emulator.experiments.analysis.intervals import (
    Interval,
    difference_of_means,
    difference_of_medians,
    generator,
    mean_estimate,
    percentile_estimate,
    percentile_interval,
    percentile_ranks,
    resampled_means,
    resampled_percentiles,
)

CHANCE = np.random.default_rng(1)
SKEWED = CHANCE.lognormal(0, 1, 400).tolist()


@pytest.mark.parametrize("n", [6, 17, 50, 400, 3000])
@pytest.mark.parametrize("percent", [25, 50, 90, 95])
def test_ranks_miss_each_side_with_at_most_half_of_what_is_left(n: int, percent: float) -> None:
    """By scipy's binomial: one rank nearer on either side would miss it too often."""
    below = stats.binom(n, percent / 100)
    ranks = percentile_ranks(n, percent)
    if ranks is None:
        # the least value or the greatest is not far enough out
        assert below.cdf(0) > 0.025 or below.sf(n - 1) > 0.025
        return
    low, high = ranks
    assert below.cdf(low - 1) <= 0.025 < below.cdf(low)
    assert below.sf(high - 1) <= 0.025 < below.sf(high - 2)


@pytest.mark.parametrize("n", [6, 9, 30, 101])
def test_interval_of_the_median_is_that_of_the_sign_test(n: int) -> None:
    """All medians that scipy's two-sided binomial test does not refuse at 5 %."""
    values = CHANCE.normal(size=n).tolist()
    interval = percentile_interval(values, 50)
    assert interval is not None
    ordered = sorted(values)
    kept = [
        left
        for rank, left in enumerate(ordered[:-1], 1)
        if stats.binomtest(rank, n, 0.5).pvalue > 0.05
    ]
    assert interval.low == kept[0]
    assert interval.high == ordered[ordered.index(kept[-1]) + 1]


@pytest.mark.parametrize(("n", "percent"), [(0, 50), (1, 50), (5, 50), (50, 99), (10, 95)])
def test_too_few_values_have_no_interval(n: int, percent: float) -> None:
    assert percentile_interval([float(value) for value in range(n)], percent) is None


def test_interval_holds_the_true_percentile_as_often_as_it_says() -> None:
    chance = np.random.default_rng(3)
    true = stats.lognorm(1).ppf(0.9)
    held = [
        interval.contains(true)
        for _ in range(300)
        if (interval := percentile_interval(chance.lognormal(0, 1, 120).tolist(), 90))
    ]
    assert len(held) == 300
    assert np.mean(held) >= 0.93


@pytest.mark.parametrize("percent", [10, 50, 95])
@pytest.mark.parametrize("n", [4, 25, 400])
def test_resampled_percentiles_have_the_law_of_real_resamples(n: int, percent: float) -> None:
    values = SKEWED[:n]
    chance = np.random.default_rng(5)
    drawn = chance.choice(values, (4000, n))
    by_hand = np.percentile(drawn, percent, axis=1)
    direct = resampled_percentiles(values, percent, chance, 4000)
    # rounded: equal values may differ in their last bit
    assert stats.ks_2samp(by_hand.round(9), direct.round(9)).pvalue > 0.001


def test_resampled_percentile_of_one_value_is_that_value() -> None:
    assert set(resampled_percentiles([7.0], 50, generator(), 10)) == {7.0}


def test_interval_of_a_mean_is_scipys() -> None:
    expected = stats.bootstrap(
        (SKEWED,), np.mean, method="percentile", rng=np.random.default_rng(2), n_resamples=4000
    ).confidence_interval
    estimate = mean_estimate(SKEWED)
    assert estimate.value == pytest.approx(np.mean(SKEWED))
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(expected.low, rel=0.02)
    assert estimate.interval.high == pytest.approx(expected.high, rel=0.02)


def test_interval_of_a_difference_of_medians_is_scipys() -> None:
    first, second = SKEWED[:150], (np.array(SKEWED[150:]) + 0.5).tolist()

    def statistic(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.median(b, axis=axis) - np.median(a, axis=axis))

    expected = stats.bootstrap(
        (first, second),
        statistic,
        method="percentile",
        rng=np.random.default_rng(2),
        n_resamples=4000,
    ).confidence_interval
    difference = difference_of_medians(first, second)
    assert difference.value == pytest.approx(np.median(second) - np.median(first))
    assert difference.interval is not None
    assert difference.interval.low == pytest.approx(expected.low, abs=0.03)
    assert difference.interval.high == pytest.approx(expected.high, abs=0.03)


def test_difference_of_means_is_told_from_none() -> None:
    shifted = [value + 3 for value in SKEWED]
    interval = difference_of_means(SKEWED, shifted).interval
    assert interval is not None
    assert interval.contains(3)
    assert not interval.contains(0)
    same = difference_of_means(SKEWED[:200], SKEWED[200:]).interval
    assert same is not None
    assert same.contains(0)


def test_small_samples_say_how_small_and_claim_no_interval() -> None:
    assert percentile_estimate([3.0, 1.0], 50).value == 2.0
    two = mean_estimate([1.0, 3.0])
    assert (two.value, two.interval, two.n) == (2.0, None, 2)
    assert mean_estimate([]).value is None
    assert difference_of_medians([], [1.0]).value is None
    assert difference_of_medians([1.0, 2.0], [5.0] * 9).interval is None
    assert difference_of_means([1.0, 2.0], [5.0] * 9).n == 2


def test_the_same_values_give_the_same_interval_again() -> None:
    assert mean_estimate(SKEWED) == mean_estimate(SKEWED)
    assert isinstance(mean_estimate(SKEWED).interval, Interval)


def test_a_large_sample_is_resampled_in_bounded_pieces() -> None:
    means = resampled_means([1.0, 2.0] * 150_000, generator(), 20)
    assert len(means) == 20
    assert np.all(np.abs(means - 1.5) < 0.01)


def test_the_size_of_the_pieces_changes_no_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resampled_means(SKEWED, generator(), 20)
    monkeypatch.setattr(intervals, "_AT_ONCE", len(SKEWED) * 3)
    assert resampled_means(SKEWED, generator(), 20).tolist() == whole.tolist()


def test_a_sample_is_resampled_once_however_often_its_mean_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resampled = []

    def counted(values: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        resampled.append(len(values))
        return resampled_means(values, chance)

    monkeypatch.setattr(intervals, "resampled_means", counted)
    values = [value + 0.125 for value in SKEWED]
    assert mean_estimate(values) == mean_estimate(tuple(values))
    assert mean_estimate(values[1:]) != mean_estimate(values, 0.9) != mean_estimate(values)
    assert resampled == [len(values), len(values) - 1, len(values)]
