"""Fits the times of one phase: quantiles at the sizes that were measured, and a law between sizes.

Owns the law: with a share s of a CPU a phase takes t(s) = wait + work / s, for each quantile, where
waiting (for a network, a disk, a clock) is the same at every size. Two sizes give both parts, more
sizes give them by least squares of relative errors, each size weighed by its samples. The law knows
no periods of a CPU quota: below a few periods of 20 ms real times go in steps (LAMBDA's own do).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.experiments.records.fit_file import PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_KNOTS = 1001
"""Quantiles that are kept: one for each thousandth, as a p99 needs some beyond it."""


def quantiles(samples: Sequence[float], knots: int = MOST_KNOTS) -> tuple[float, ...]:
    """Returns equally spaced quantiles, least and most too; never more than there are samples."""
    count = min(len(samples), knots)
    if count == 1:
        return (float(np.median(samples)),)
    found = np.quantile(np.asarray(samples), np.linspace(0, 1, count))
    return tuple(float(value) for value in found)


@dataclass(frozen=True, slots=True)
class Law:
    """Holds both parts of a phase's time, quantile by quantile."""

    wait: tuple[float, ...]
    work: tuple[float, ...]
    """Seconds of a whole CPU."""

    def at(self, share: float) -> tuple[float, ...]:
        """Returns the quantiles with a share of a CPU, above 0 and at most 1."""
        times = np.asarray(self.wait) + np.asarray(self.work) / share
        # noise may put a quantile below a lesser one
        return tuple(float(value) for value in np.maximum.accumulate(times))


def fit(by_share: Mapping[float, Sequence[float]]) -> Law:
    """Fits the law to samples at two or more shares of a CPU.

    Neither part is negative: where the best fit has a negative part, the other explains all.
    """
    shares = np.array(list(by_share))
    knots = min(MOST_KNOTS, max(len(samples) for samples in by_share.values()))
    places = np.linspace(0, 1, knots)
    times = np.array([np.quantile(np.asarray(s), places) for s in by_share.values()])
    times = np.maximum(times, 1e-9)
    weights = np.array([float(len(samples)) for samples in by_share.values()])[:, None] / times**2
    slower = 1 / shares[:, None]
    wait, work = _least_squares(times, slower, weights)
    return Law(tuple(map(float, wait)), tuple(map(float, work)))


def _least_squares(times: Floats, slower: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Solves times = wait + work * slower for each column, with both parts at least 0."""
    ones, x, xx = (np.sum(weights * slower**power, axis=0) for power in (0, 1, 2))
    y, xy = np.sum(weights * times, axis=0), np.sum(weights * slower * times, axis=0)
    determinant = ones * xx - x * x
    solvable = determinant > 1e-9 * ones * xx
    safe = np.where(solvable, determinant, 1.0)
    wait = np.where(solvable, (xx * y - x * xy) / safe, y / ones)
    work = np.where(solvable, (ones * xy - x * y) / safe, 0.0)
    all_work, all_wait = xy / xx, y / ones
    work, wait = (
        np.where(wait < 0, all_work, np.where(work < 0, 0.0, work)),
        np.where(wait < 0, 0.0, np.where(work < 0, all_wait, wait)),
    )
    return wait, work


def split(samples: Sequence[float], throttled: float, share: float) -> Law | None:
    """Splits one size's samples by the mean time for which a quota held its CPU back, in seconds.

    A task that works for w seconds of a CPU with a share s is held back for w · (1/s - 1).

    Returns:
        None where the size has a whole CPU or nothing was held back: nothing tells work from wait.
    """
    if share >= 1 or throttled <= 0:
        return None
    times = np.asarray(quantiles(samples))
    working = min(1.0, throttled / (1 / share - 1) / share / float(np.mean(samples)))
    work = times * working * share
    return Law(tuple(map(float, times - work / share)), tuple(map(float, work)))


def errors(predicted: Sequence[float], seen: Sequence[float]) -> tuple[float, ...]:
    """Returns by what share of the seen value each of `PERCENTILES` is predicted too high."""
    knots = np.linspace(0, 1, len(predicted))
    found = []
    for percent in PERCENTILES:
        wanted = float(np.quantile(np.asarray(seen), percent / 100))
        got = float(np.interp(percent / 100, knots, predicted))
        found.append(got / wanted - 1 if wanted > 0 else 0.0)
    return tuple(found)
