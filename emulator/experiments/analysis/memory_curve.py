"""Compares latency and cost of a function's memory sizes, and says which size to buy.

The best value is `balanced` at equal weights: the least sum of the mean latency and of the cost,
each as a share of the greatest among the sizes (see memory_choice).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.core.model import COLD_STARTS
from emulator.experiments.analysis.completeness import is_incomplete
from emulator.experiments.analysis.costs import MILLION
from emulator.experiments.analysis.intervals import (
    LEVEL,
    Estimate,
    Interval,
    generator,
    mean_estimate,
    percentile_estimate,
)
from emulator.experiments.analysis.memory_choice import Strategy, balanced_scores, winner
from emulator.experiments.analysis.requests import latencies, user_requests, warm_latencies
from emulator.experiments.records.price_tables import table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

_RESAMPLES = 1000
_AGAIN = range(_RESAMPLES)
_ENDS = (50 * (1 - LEVEL), 50 * (1 + LEVEL))
"""Percentiles of the resamples that an interval ends at."""
_MOST_DRAWN = 2000
"""Requests of a size that enter a resample; more would only narrow what is narrow."""

NO_LEAD = Estimate(None, None, 0)
_CellRows = tuple["MeasuredCell", tuple["RequestRow", ...]]


@dataclass(frozen=True, slots=True)
class SizeFigures:
    """Holds the figures of one memory size, its repetitions together."""

    memory_mb: int
    requests: int
    mean_ms: Estimate
    warm_ms: Estimate
    """Median latency of warm requests."""
    max_ms: float | None
    million: float | None
    """Dollars for a million requests under the condition's own profile."""
    errors: int
    host_bound: bool
    incomplete: bool
    """Whether the records of a repetition miss something."""


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    """Holds the memory sizes of one condition, and the best value among them."""

    condition: Condition
    sizes: tuple[SizeFigures, ...]
    """Figures of each size, the smallest first."""
    best: int | None
    """Index of the best value; None where less than two sizes can be compared."""
    confidence: float
    """Share of the resamples that the best value wins."""
    lead: Estimate = NO_LEAD
    """How much the next size's score is above that of the best value; a score is 1 at most."""
    left_out: int = 0
    """Number of cells left out, as the host slowed them and not others of their size."""
    repetitions: int = 1
    agreeing: int = 1
    """Number of the repetitions that have the same best value, each by itself."""

    @property
    def is_sure(self) -> bool:
        """Returns whether resamples and repetitions leave no other size as the best value."""
        interval = self.lead.interval
        surely = interval is not None and interval.low > 0
        return surely and self.agreeing == self.repetitions

    @property
    def best_mb(self) -> int | None:
        return None if self.best is None else self.sizes[self.best].memory_mb


def memory_curves(study: StudyRun) -> list[MemoryCurve]:
    """Returns a curve for each condition under load with two sizes or more, in the plan's order."""
    grouped: dict[Condition, dict[int, list[_CellRows]]] = {}
    for cell, rows in study.measured():
        if not cell.idles and not cell.asynchronous:  # nobody waits for an event's function
            sizes = grouped.setdefault(cell.condition, {})
            sizes.setdefault(cell.memory_mb, []).append((cell, rows))
    return [
        _curve(study, condition, sizes) for condition, sizes in grouped.items() if len(sizes) > 1
    ]


def is_advice_sure(study: StudyRun) -> bool:
    """Tells whether more repetitions would only say the same of each function's memory size.

    So they would where the interval of the best size's lead leaves out all other sizes, each
    repetition by itself has the same best size, and the host was the bottleneck of no cell.
    """
    curves = memory_curves(study)
    bound = any(cell.host_bound for cell, _ in study.measured() if not cell.idles)
    return bool(curves) and not bound and all(curve.is_sure for curve in curves)


def _curve(
    study: StudyRun, condition: Condition, by_size: Mapping[int, Sequence[_CellRows]]
) -> MemoryCurve:
    table = table_of(condition.profile)
    sizes, samples = [], []
    by_size, left_out = _undisturbed(by_size)
    for memory_mb, cells in sorted(by_size.items()):
        rows = [row for _, cell_rows in cells for row in cell_rows]
        sample = _latency_and_dollars(rows, table)
        figures = _size_figures(
            memory_mb,
            rows,
            sample,
            host_bound=any(cell.host_bound for cell, _ in cells),
            incomplete=any(is_incomplete(study, cell) for cell, _ in cells),
        )
        sizes.append(figures)
        samples.append(sample)
    known = [place for place, sample in enumerate(samples) if len(sample)]
    if len(known) < 2:  # noqa: PLR2004
        return MemoryCurve(condition, tuple(sizes), None, 0.0)
    best, confidence, lead = _best_value([samples[place] for place in known])
    alone = _winners_alone(by_size, table)
    return MemoryCurve(
        condition,
        tuple(sizes),
        known[best],
        confidence,
        lead,
        left_out,
        len(alone),
        alone.count(sizes[known[best]].memory_mb),
    )


def _undisturbed(
    by_size: Mapping[int, Sequence[_CellRows]],
) -> tuple[Mapping[int, Sequence[_CellRows]], int]:
    """Returns the repetitions whose host was no bottleneck, and how many were left out.

    All are returned where a size has none: its figures then carry their mark.
    """
    kept = {
        memory_mb: [pair for pair in cells if not pair[0].host_bound]
        for memory_mb, cells in by_size.items()
    }
    if not all(kept.values()):
        return by_size, 0
    return kept, sum(len(by_size[size]) - len(cells) for size, cells in kept.items())


def _winners_alone(by_size: Mapping[int, Sequence[_CellRows]], table: str) -> list[int]:
    """Returns the best size by each repetition that has an answer at every size."""
    found: dict[int, dict[int, NDArray[np.float64]]] = {}
    for memory_mb, cells in sorted(by_size.items()):
        for cell, rows in cells:
            sample = _latency_and_dollars(rows, table)
            if len(sample):
                found.setdefault(cell.repetition, {})[memory_mb] = sample[:, :2].mean(axis=0)
    return [
        list(means)[_winner(list(means.values()))]
        for means in found.values()
        if len(means) == len(by_size)
    ]


def _winner(means: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> int:
    times, dollars = np.array(means).T.tolist()
    return winner(times, dollars, Strategy.BALANCED)


def _size_figures(
    memory_mb: int,
    rows: Sequence[RequestRow],
    sample: NDArray[np.float64],
    *,
    host_bound: bool,
    incomplete: bool,
) -> SizeFigures:
    answered = latencies(rows)
    users = user_requests(rows)
    return SizeFigures(
        memory_mb=memory_mb,
        requests=len(users),
        mean_ms=mean_estimate(answered),
        warm_ms=percentile_estimate(warm_latencies(rows), 50),
        max_ms=max(answered, default=None),
        million=float(sample[:, 1].mean()) * MILLION if len(sample) else None,
        errors=sum(not row.ok for row in users),
        host_bound=host_bound,
        incomplete=incomplete,
    )


def _latency_and_dollars(rows: Sequence[RequestRow], table: str) -> NDArray[np.float64]:
    """Returns a row for each user's request that was answered right.

    The columns are latency in milliseconds, dollars, and 1 for a cold start, else 0.
    """
    found = [
        (row.latency_ms, row.dollars[table], row.start in COLD_STARTS)
        for row in user_requests(rows)
        if row.ok and table in row.dollars
    ]
    return np.array(found, dtype=np.float64).reshape(-1, 3)


def _best_value(samples: Sequence[NDArray[np.float64]]) -> tuple[int, float, Estimate]:
    """Returns the index of the best value, the share of the resamples it wins, and its lead."""
    means = [sample[:, :2].mean(axis=0) for sample in samples]
    best = _winner(means)
    chance = generator()
    drawn = np.array([_resampled_means(sample, chance) for sample in samples])
    wins = sum(_winner(drawn[:, again]) == best for again in range(_RESAMPLES))
    leads = [_lead(drawn[:, again], best) for again in range(_RESAMPLES)]
    spread = Interval(*(float(np.percentile(leads, end)) for end in _ENDS))
    requests = min(len(sample) for sample in samples)
    return best, wins / _RESAMPLES, Estimate(_lead(means, best), spread, requests)


def _lead(means: Sequence[NDArray[np.float64]] | NDArray[np.float64], best: int) -> float:
    times, dollars = np.array(means).T.tolist()
    scores = balanced_scores(times, dollars)
    return min(score for place, score in enumerate(scores) if place != best) - scores[best]


def _resampled_means(
    sample: NDArray[np.float64], chance: np.random.Generator
) -> NDArray[np.float64]:
    """Returns the means of latency and dollars of each resample.

    Cold and warm requests are drawn apart, as many of each as there were: how many are cold is the
    load's doing, which brings so many users, and no chance of the size. Of a large sample a part is
    drawn, which bounds the memory: the spread then looks larger than it is, never smaller.
    """
    share = min(1.0, _MOST_DRAWN / len(sample))
    means = np.zeros((_RESAMPLES, 2))
    for kind in (False, True):
        part = sample[sample[:, 2] == kind][:, :2]
        if len(part):
            size = max(1, round(len(part) * share))
            drawn = [part[chance.integers(0, len(part), size)].mean(axis=0) for _ in _AGAIN]
            means += np.array(drawn) * len(part) / len(sample)
    return means
