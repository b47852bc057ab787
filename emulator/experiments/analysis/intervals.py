"""Tells how sure a figure is: intervals at 95 % for percentiles, means and differences.

Percentiles have *exact order-statistic* intervals: the ranks come from the binomial distribution
of how many of n requests lie below the true percentile, whatever the latencies' distribution is.
Few values may allow no such interval; then there is none, rather than a narrow one.

Means and differences have *bootstrap* percentile intervals: the values are drawn again with
replacement, from a seeded generator. A percentile of a resample needs no resample: the order
statistics of n uniform draws have beta distributions, so that its two neighbours are drawn
directly, which is the same in law and takes the same time for ten values as for a million.

Both take requests as independent of each other. Requests that share a second or a sandbox are
not, so that repetitions tell more of the spread between runs than one long run does. The module
knows numbers alone, no requests and no cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

LEVEL = 0.95
"""Share of the samples whose interval holds the true figure."""
RESAMPLES = 4000
_SEED = 20181001
_AT_ONCE = 30_000
"""Number of values drawn in one go: few stay in a CPU's cache, and on the heap."""
_KEPT = 64
"""Number of samples whose interval is kept: a report asks for that of a cell in each section."""
_LEAST = 3
"""Values that a bootstrap interval takes: two have three resamples in all."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Holds the two ends of a confidence interval."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Estimate:
    """Holds a figure of `n` values; None without values, no interval where n is too small."""

    value: float | None
    interval: Interval | None
    n: int


def percentile_estimate(values: Sequence[float], percent: float, level: float = LEVEL) -> Estimate:
    """Computes numpy's `linear` percentile, with its exact order-statistic interval."""
    if not len(values):
        return Estimate(None, None, 0)
    value = float(np.percentile(values, percent, method="linear"))
    return Estimate(value, percentile_interval(values, percent, level), len(values))


def percentile_interval(
    values: Sequence[float], percent: float, level: float = LEVEL
) -> Interval | None:
    """Returns the exact interval of a percentile; None where the values are too few for one.

    They are too few where the least and the greatest value do not enclose the percentile surely
    enough. Source: the distribution-free interval for a quantile, Conover, Practical Nonparametric
    Statistics, 3.2. Each side is missed with at most (1 - level) / 2.
    """
    ranks = percentile_ranks(len(values), percent, level)
    if ranks is None:
        return None
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    return Interval(float(ordered[ranks[0] - 1]), float(ordered[ranks[1] - 1]))


def percentile_ranks(n: int, percent: float, level: float = LEVEL) -> tuple[int, int] | None:
    """Returns the ranks, counted from 1, of the interval's ends among n sorted values."""
    if n == 0 or not 0 < percent < 100:  # noqa: PLR2004  # percent
        return None
    below = _binomial_cdf(n, percent / 100)
    side = (1 - level) / 2
    # `low` is the largest rank with P(B < low) <= side, `high` the least with P(B >= high) <= side
    low = int(np.searchsorted(below, side, side="right"))
    high = int(np.searchsorted(below, 1 - side, side="left")) + 1
    return (low, high) if low >= 1 and high <= n else None


def _binomial_cdf(n: int, p: float) -> NDArray[np.float64]:
    """Returns P(B <= k) for k from 0 to n."""
    k = np.arange(n + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    log_pmf = (
        log_factorial[n]
        - log_factorial
        - log_factorial[::-1]
        + k * math.log(p)
        + (n - k) * math.log1p(-p)
    )
    cumulated: NDArray[np.float64] = np.minimum(np.cumsum(np.exp(log_pmf)), 1.0)
    return cumulated


def mean_estimate(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """Computes the mean with its bootstrap interval; fewer than three values have no interval."""
    if not len(values):
        return Estimate(None, None, 0)
    known = np.asarray(values, dtype=np.float64)
    value, n = float(np.mean(known)), len(known)
    if n < _LEAST:
        return Estimate(value, None, n)
    return Estimate(value, _interval_of_mean(known.tobytes(), level), n)


@lru_cache(_KEPT)
def _interval_of_mean(values: bytes, level: float) -> Interval:
    known = np.frombuffer(values, dtype=np.float64)
    return _middle(resampled_means(known, generator()), level)


def difference_of_medians(
    first: Sequence[float], second: Sequence[float], level: float = LEVEL
) -> Estimate:
    """Subtracts the first median from the second; `n` is the smaller number of values."""

    def resample(values: Sequence[float], chance: np.random.Generator) -> NDArray[np.float64]:
        return resampled_percentiles(values, 50, chance)

    return _difference(first, second, level, np.median, resample)


def difference_of_means(
    first: Sequence[float], second: Sequence[float], level: float = LEVEL
) -> Estimate:
    """Subtracts the first mean from the second; `n` is the smaller number of values."""
    return _difference(first, second, level, np.mean, resampled_means)


def _difference(
    first: Sequence[float],
    second: Sequence[float],
    level: float,
    middle: Callable[[Sequence[float]], np.floating[Any]],
    resample: Callable[[Sequence[float], np.random.Generator], NDArray[np.float64]],
) -> Estimate:
    n = min(len(first), len(second))
    if n == 0:
        return Estimate(None, None, 0)
    value = float(middle(second) - middle(first))
    if n < _LEAST:
        return Estimate(value, None, n)
    chance = generator()
    resampled = resample(second, chance) - resample(first, chance)
    return Estimate(value, _middle(resampled, level), n)


def generator() -> np.random.Generator:
    """Returns a generator with the one seed of all reports: the same rows give the same figures."""
    return np.random.default_rng(_SEED)


def resampled_percentiles(
    values: Sequence[float],
    percent: float,
    chance: np.random.Generator,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Returns the `linear` percentile of each bootstrap resample of the values."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    place = percent / 100 * (n - 1)
    rank = math.floor(place) + 1
    share = place - math.floor(place)
    # the rank-th of n uniform draws, and the next one above it
    lower = chance.beta(rank, n - rank + 1, resamples)
    low = ordered[_index(lower, n)]
    if share == 0 or rank == n:
        return low
    upper = 1 - (1 - lower) * chance.random(resamples) ** (1 / (n - rank))
    high = ordered[_index(upper, n)]
    weighed: NDArray[np.float64] = low + share * (high - low)
    return weighed


def _index(uniform: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    return np.minimum((uniform * n).astype(np.int64), n - 1)


def resampled_means(
    values: Sequence[float] | NDArray[np.float64],
    chance: np.random.Generator,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Returns the mean of each bootstrap resample of the values."""
    known = np.asarray(values, dtype=np.float64)
    rows = max(1, _AT_ONCE // len(known))
    means = [
        known[chance.integers(0, len(known), (min(rows, resamples - done), len(known)))].mean(1)
        for done in range(0, resamples, rows)
    ]
    return np.concatenate(means)


def _middle(resampled: NDArray[np.float64], level: float) -> Interval:
    """Returns the interval that holds the middle `level` of the resamples."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
