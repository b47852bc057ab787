"""Computes the figures of one cell that a claim is tested with, over all its repetitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.experiments.analysis.intervals import Estimate, mean_estimate, percentile_estimate
from emulator.experiments.analysis.requests import cold_latencies, latencies, warm_latencies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.records.request_table import RequestRow

STUDY_PRICES = AWS_2018.prices.name
"""Name of the price table by which the study reckoned."""


class UntestableError(Exception):
    """Means that no cell of the run can tell; the message is the sentence that says why."""


@dataclass(frozen=True, slots=True)
class CellPool:
    """Holds all repetitions of one cell together."""

    memory_mb: int
    rows: tuple[RequestRow, ...]
    stats: tuple[CellStats, ...]
    """Figures of each repetition."""

    @property
    def hits(self) -> float:
        """Requests a second, mean of the repetitions."""
        rates = [figures.hits_mean or 0.0 for figures in self.stats]
        return sum(rates) / len(rates)

    @property
    def latencies(self) -> list[float]:
        return latencies(self.rows)

    @property
    def mean(self) -> Estimate:
        return mean_estimate(self.latencies)

    @property
    def mean_ms(self) -> float:
        """Mean latency. Raises UntestableError where no request was answered."""
        mean = self.mean.value
        if mean is None:
            raise self._unanswered()
        return mean

    @property
    def max_ms(self) -> float:
        """Slowest latency. Raises UntestableError where no request was answered."""
        if not self.latencies:
            raise self._unanswered()
        return max(self.latencies)

    def _unanswered(self) -> UntestableError:
        return UntestableError(f"No request was answered at {self.memory_mb} MB.")

    @property
    def cold(self) -> list[float]:
        """Latencies of cold starts."""
        return cold_latencies(self.rows)

    @property
    def cold_median(self) -> Estimate:
        return percentile_estimate(self.cold, 50)

    @property
    def warm_median(self) -> Estimate:
        return percentile_estimate(warm_latencies(self.rows), 50)

    def ramp_dollars(self, seconds: float) -> float | None:
        """Returns the cost of some seconds of the load by the study's prices, with API Gateway.

        None where the load had no duration or no request.
        """
        took = sum(_duration(figures.cell.id, self.rows) for figures in self.stats)
        compute = sum(figures.costs[STUDY_PRICES].total for figures in self.stats)
        asked = len(self.rows) * (AWS_2018.prices.rest_api_request or 0.0)
        return (compute + asked) * seconds / took if took and self.rows else None


def together(memory_mb: int, pools: Iterable[CellPool]) -> CellPool:
    """Returns one pool of the requests and figures of several."""
    pools = list(pools)
    return CellPool(
        memory_mb,
        tuple(row for pool in pools for row in pool.rows),
        tuple(figures for pool in pools for figures in pool.stats),
    )


def _duration(cell: str, rows: Iterable[RequestRow]) -> float:
    """Returns the emulated seconds from a cell's first request to its last answer."""
    own = [row for row in rows if row.cell == cell]
    ends = [row.sent_at_s + row.latency_ms / 1000 for row in own]
    return max(ends) - min(row.sent_at_s for row in own) if own else 0.0
