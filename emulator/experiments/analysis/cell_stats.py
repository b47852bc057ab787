"""Computes figures of a study's cells from raw requests: rates, latencies, cold starts, costs.

Owns which figure is taken from which rows. A rate counts every request in the second in which it
was sent, answered or not; what pings cost is spread over the users' requests.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.core.profiles import PRICE_TABLES
from emulator.core.records import Status
from emulator.experiments.analysis.costs import MILLION, total_dollars
from emulator.experiments.analysis.intervals import Estimate, mean_estimate, percentile_estimate
from emulator.experiments.analysis.requests import (
    COLD,
    WARM,
    cold_latencies,
    is_event,
    latencies,
    user_requests,
    warm_latencies,
)
from emulator.experiments.records.price_tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

ANATOMY = (
    *("queued_ms", "download_ms", "create_ms", "start_ms"),
    *("connect_ms", "init_ms", "leftover_ms"),
)
"""Columns of a cold start's parts, in their order in time."""


@dataclass(frozen=True, slots=True)
class CellCost:
    """Holds what a cell cost under one price table, in dollars."""

    total: float
    """Dollars of the whole cell, pings included."""
    per_million: float | None
    """Dollars for a million users' requests, pings included; None where no sandbox took one."""


@dataclass(frozen=True, slots=True)
class CellStats:
    """Holds a cell's figures, a line of the report's tables; None where no row tells a figure."""

    cell: MeasuredCell
    requests: int
    """Number of the users' requests."""
    pings: int
    seconds: float
    """Time from the first request to the last answer."""
    hits_mean: float | None
    """Requests a second; None where single requests stand far apart."""
    hits_peak: int | None
    min_ms: float | None
    mean_ms: Estimate
    max_ms: float | None
    p95_ms: Estimate
    p99_ms: Estimate
    cold_ms: Estimate
    """Median latency of the requests that waited for a new sandbox."""
    warm_ms: Estimate
    cold_starts: int
    init_ms: Estimate
    """Median Init Duration of the sandboxes that pings or users waited for."""
    handler_ms: Estimate
    """Median Duration of warm requests, as the REPORT line has it."""
    throttled_ms: float | None
    """Mean time of a request in which the CPU quota held its sandbox back."""
    max_memory_mb: int | None
    errors: int
    out_of_memory: int
    throttles: int
    costs: Mapping[str, CellCost]
    """Cost under each price table, by the table's name."""
    anatomy_ms: Mapping[str, float]
    """Mean of each part of a cold start; means add up, medians do not. Empty without any."""

    @property
    def own_million(self) -> float | None:
        """Dollars for a million requests under the cell's own profile's prices."""
        return self.costs[table_of(self.cell.condition.profile)].per_million


def all_stats(study: StudyRun) -> list[CellStats]:
    """Returns the figures of each cell that has rows, in the order of the plan."""
    return [cell_stats(cell, rows) for cell, rows in study.measured()]


def cell_stats(cell: MeasuredCell, rows: Sequence[RequestRow]) -> CellStats:
    """Computes one cell's figures from its rows, which are in the order of their times."""
    users = user_requests(rows)
    answered = latencies(users)
    # an event that is refused waits in its queue: `analysis.events` counts these
    statuses = Counter(row.emulator_status for row in users if not is_event(row) or row.attempts)
    seconds = _seconds(users)
    throttled = [row.throttled_ms for row in users if row.throttled_ms is not None]
    has_rate = bool(users) and not cell.idles
    return CellStats(
        cell=cell,
        requests=len(users),
        pings=len(rows) - len(users),
        seconds=seconds,
        hits_mean=len(users) / max(seconds, 1.0) if has_rate else None,
        hits_peak=max(_hits_a_second(users).values()) if has_rate else None,
        min_ms=min(answered, default=None),
        mean_ms=mean_estimate(answered),
        max_ms=max(answered, default=None),
        p95_ms=percentile_estimate(answered, 95),
        p99_ms=percentile_estimate(answered, 99),
        cold_ms=percentile_estimate(cold_latencies(users), 50),
        warm_ms=percentile_estimate(warm_latencies(users), 50),
        cold_starts=sum(map(_cold_starts, users)),
        init_ms=percentile_estimate(_column(rows, "init_duration_ms", COLD), 50),
        handler_ms=percentile_estimate(_column(users, "duration_ms", WARM), 50),
        throttled_ms=float(np.mean(throttled)) if throttled else None,
        max_memory_mb=max((row.max_memory_mb for row in rows if row.max_memory_mb), default=None),
        errors=sum(not row.ok for row in users),
        out_of_memory=statuses[Status.OUT_OF_MEMORY.value],
        throttles=statuses[Status.THROTTLED.value],
        costs={table: _cost(rows, users, table) for table in PRICE_TABLES},
        anatomy_ms=mean_anatomy(rows),
    )


def _cold_starts(row: RequestRow) -> int:
    """Returns how many sandboxes were started for a request: an event may have several attempts."""
    return int(row.start == COLD) if row.cold_attempts is None else row.cold_attempts


def mean_anatomy(rows: Iterable[RequestRow]) -> dict[str, float]:
    """Returns the mean ms of each part of the cold starts; an empty dict without cold starts."""
    started = [row for row in rows if row.start == COLD and row.init_ms is not None]
    if not started:
        return {}
    return {
        name: float(np.mean([getattr(row, name) or 0.0 for row in started])) for name in ANATOMY
    }


def _column(rows: Iterable[RequestRow], name: str, start: str) -> list[float]:
    return [
        value for row in rows if row.start == start and (value := getattr(row, name)) is not None
    ]


def _seconds(rows: Sequence[RequestRow]) -> float:
    if not rows:
        return 0.0
    return max(row.sent_at_s + row.latency_ms / 1000 for row in rows) - rows[0].sent_at_s


def _hits_a_second(rows: Iterable[RequestRow]) -> Counter[int]:
    """Counts the requests sent in each second in which any was sent."""
    return Counter(math.floor(row.sent_at_s) for row in rows)


def _cost(rows: Sequence[RequestRow], users: Sequence[RequestRow], table: str) -> CellCost:
    """Adds up dollars; a request that no sandbox took is free, a ping costs and serves nobody."""
    total = total_dollars(rows, table)
    served = sum(table in row.dollars for row in users)
    return CellCost(total, total / served * MILLION if served else None)
