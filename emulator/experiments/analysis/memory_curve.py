"""Which memory size each function of a study should have: latency and cost of every size.

The best value is `balanced` at equal weights: the least sum of the mean latency and of the cost,
each as a share of the greatest among the sizes (see memory_choice).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.experiments.analysis.cell_stats import PING, latencies, warm
from emulator.experiments.analysis.intervals import (
    Estimate,
    generator,
    mean_estimate,
    percentile_estimate,
)
from emulator.experiments.analysis.memory_choice import Strategy, winner
from emulator.experiments.records.price_tables import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

_RESAMPLES = 1000
_DRAWN = 2000
"""Of a size's requests at most enter a resample; more would only narrow what is narrow."""


@dataclass(frozen=True, slots=True)
class Size:
    """One memory size, its repetitions together."""

    memory_mb: int
    requests: int
    mean_ms: Estimate
    warm_ms: Estimate
    """The median."""
    max_ms: float | None
    million: float | None
    """Dollars for a million requests under the condition's own profile."""
    errors: int
    host_bound: bool


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    condition: Condition
    sizes: tuple[Size, ...]
    best: int | None
    """The place of the best value; None where less than two sizes can be compared."""
    confidence: float
    """In how many of the resamples the best one wins."""

    @property
    def best_mb(self) -> int | None:
        return None if self.best is None else self.sizes[self.best].memory_mb


def memory_curves(study: StudyRun) -> list[MemoryCurve]:
    """Of each condition under load that has two sizes or more, in the order of the plan."""
    grouped: dict[Condition, dict[int, list[tuple[MeasuredCell, tuple[RequestRow, ...]]]]] = {}
    for cell, rows in study.measured():
        if not cell.idles:
            sizes = grouped.setdefault(cell.condition, {})
            sizes.setdefault(cell.memory_mb, []).append((cell, rows))
    return [_curve(condition, sizes) for condition, sizes in grouped.items() if len(sizes) > 1]


def _curve(
    condition: Condition, by_size: dict[int, list[tuple[MeasuredCell, tuple[RequestRow, ...]]]]
) -> MemoryCurve:
    sizes, samples = [], []
    for memory_mb, cells in sorted(by_size.items()):
        rows = [row for _, of_cell in cells for row in of_cell]
        bound = any(cell.host_bound for cell, _ in cells)
        sizes.append(_size(memory_mb, rows, condition.profile, host_bound=bound))
        samples.append(_answered(rows, condition.profile))
    known = [place for place, sample in enumerate(samples) if len(sample)]
    if len(known) < 2:  # noqa: PLR2004
        return MemoryCurve(condition, tuple(sizes), None, 0.0)
    best, confidence = _best([samples[place] for place in known])
    return MemoryCurve(condition, tuple(sizes), known[best], confidence)


def _size(memory_mb: int, rows: Sequence[RequestRow], profile: str, *, host_bound: bool) -> Size:
    answered = latencies(rows)
    dollars = _answered(rows, profile)
    users = [row for row in rows if row.user_count != PING]
    return Size(
        memory_mb=memory_mb,
        requests=len(users),
        mean_ms=mean_estimate(answered),
        warm_ms=percentile_estimate(warm(rows), 50),
        max_ms=max(answered, default=None),
        million=float(dollars[:, 1].mean()) * 1e6 if len(dollars) else None,
        errors=sum(not row.ok for row in users),
        host_bound=host_bound,
    )


def _answered(rows: Sequence[RequestRow], profile: str) -> NDArray[np.float64]:
    """Latency and dollars of each user's request that was answered right, a row each."""
    table = table_of(profile)
    pairs = [
        (row.latency_ms, dollars)
        for row in rows
        if row.ok and row.user_count != PING and (dollars := row.dollars.get(table)) is not None
    ]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _best(samples: Sequence[NDArray[np.float64]]) -> tuple[int, float]:
    """The place of the best value, and in how many resamples it is that."""
    means = np.array([sample.mean(axis=0) for sample in samples])
    best = winner(means[:, 0].tolist(), means[:, 1].tolist(), Strategy.BALANCED)
    chance = generator()
    drawn = np.array([_resampled(sample, chance) for sample in samples])
    wins = sum(
        winner(drawn[:, again, 0].tolist(), drawn[:, again, 1].tolist(), Strategy.BALANCED) == best
        for again in range(_RESAMPLES)
    )
    return best, wins / _RESAMPLES


def _resampled(sample: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    """Means of latency and dollars of each resample; of a large sample the part is drawn that
    keeps the memory bounded, which makes the spread larger than it is and never smaller.
    """
    size = min(len(sample), _DRAWN)
    means = [sample[chance.integers(0, len(sample), size)].mean(axis=0) for _ in range(_RESAMPLES)]
    return np.array(means)
