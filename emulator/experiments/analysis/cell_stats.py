"""Figures of a study's cells, from raw requests: rates, latencies, cold starts, costs.

Users' requests and keep-warm pings are told apart: pings enter no latency and no rate, but what
they cost is spread over the users' requests. Latencies are those of requests that were answered
right: a throttle that is refused in a millisecond would else make a function look fast. A rate
counts every request in the second in which it was sent.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from emulator.core.model import StartKind
from emulator.core.records import Status
from emulator.experiments.analysis.intervals import Estimate, mean_estimate, percentile_estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

PING = 0
"""The user count of a keep-warm ping."""
ANATOMY = ("queued_ms", "create_ms", "start_ms", "connect_ms", "init_ms", "leftover_ms")
_COLD = StartKind.COLD.value
_WARM = StartKind.WARM.value
_SECOND_BUCKETS = 600
"""A longer cell has wider buckets, so that it has no more of them."""


@dataclass(frozen=True, slots=True)
class CellStats:
    """One line of the tables; a figure is None where there is nothing to take it from."""

    cell: MeasuredCell
    requests: int
    """Of users."""
    pings: int
    seconds: float
    """From the first request to the last answer."""
    hits_mean: float | None
    """A second; None where single requests stand far apart."""
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
    """Median Duration, as REPORT has it, of warm requests."""
    throttled_ms: float | None
    """Mean time a request in which the CPU quota held its sandbox back."""
    max_memory_mb: int | None
    errors: int
    out_of_memory: int
    throttles: int
    million_2018: float | None
    """Dollars for a million requests, pings included, by the rules and prices of 2018."""
    million_2025: float | None
    dollars_2018: float
    """Of the whole cell."""
    dollars_2025: float
    anatomy_ms: Mapping[str, float]
    """Mean of each part of a cold start; means add up, medians do not. Empty without any."""

    def million(self, profile: str) -> float | None:
        """Under the price table that belongs to the profile."""
        return self.million_2018 if profile == "aws-2018" else self.million_2025


@dataclass(frozen=True, slots=True)
class CellSeries:
    """The study's four series; latencies are NaN in a bucket without an answer, users NaN where
    no client told.
    """

    width_s: float
    """Of a bucket."""
    at_s: NDArray[np.float64]
    """Where each begins, since the cell's first request."""
    hits: NDArray[np.float64]
    """A second."""
    max_ms: NDArray[np.float64]
    mean_ms: NDArray[np.float64]
    users: NDArray[np.float64]


def all_stats(study: StudyRun) -> list[CellStats]:
    """Of the cells that have rows, in the order of the plan."""
    return [cell_stats(cell, rows) for cell, rows in study.measured()]


def users_rows(rows: Iterable[RequestRow]) -> list[RequestRow]:
    """Without keep-warm pings."""
    return [row for row in rows if row.user_count != PING]


def latencies(rows: Iterable[RequestRow], start: str = "") -> list[float]:
    """Of the users' requests that were answered right; of one kind of start alone, if given."""
    return [
        row.latency_ms
        for row in rows
        if row.ok and row.user_count != PING and (not start or row.start == start)
    ]


def cold(rows: Iterable[RequestRow]) -> list[float]:
    return latencies(rows, _COLD)


def warm(rows: Iterable[RequestRow]) -> list[float]:
    return latencies(rows, _WARM)


def costs(rows: Sequence[RequestRow], table: str) -> list[float]:
    """Dollars of each request that a sandbox took, pings too, under one price table."""
    return [dollars for row in rows if (dollars := row.dollars.get(table)) is not None]


def cell_stats(cell: MeasuredCell, rows: Sequence[RequestRow]) -> CellStats:
    users = users_rows(rows)
    answered = latencies(users)
    statuses = Counter(row.emulator_status for row in users)
    seconds = _seconds(users)
    held = [row.throttled_ms for row in users if row.throttled_ms is not None]
    return CellStats(
        cell=cell,
        requests=len(users),
        pings=len(rows) - len(users),
        seconds=seconds,
        hits_mean=None if cell.idles or not users else len(users) / max(seconds, 1.0),
        hits_peak=None if cell.idles or not users else max(_hits(users).values()),
        min_ms=min(answered, default=None),
        mean_ms=mean_estimate(answered),
        max_ms=max(answered, default=None),
        p95_ms=percentile_estimate(answered, 95),
        p99_ms=percentile_estimate(answered, 99),
        cold_ms=percentile_estimate(cold(users), 50),
        warm_ms=percentile_estimate(warm(users), 50),
        cold_starts=sum(row.start == _COLD for row in users),
        init_ms=percentile_estimate(_column(rows, "init_duration_ms", _COLD), 50),
        handler_ms=percentile_estimate(_column(users, "duration_ms", _WARM), 50),
        throttled_ms=float(np.mean(held)) if held else None,
        max_memory_mb=max((row.max_memory_mb for row in rows if row.max_memory_mb), default=None),
        errors=sum(not row.ok for row in users),
        out_of_memory=statuses[Status.OUT_OF_MEMORY.value],
        throttles=statuses[Status.THROTTLED.value],
        million_2018=_million(rows, users, "2018"),
        million_2025=_million(rows, users, "2025"),
        dollars_2018=sum(costs(rows, "2018")),
        dollars_2025=sum(costs(rows, "2025")),
        anatomy_ms=anatomy(rows),
    )


def _column(rows: Iterable[RequestRow], name: str, start: str) -> list[float]:
    return [
        value for row in rows if row.start == start and (value := getattr(row, name)) is not None
    ]


def _seconds(rows: Sequence[RequestRow]) -> float:
    if not rows:
        return 0.0
    return max(row.sent_at_s + row.latency_ms / 1000 for row in rows) - rows[0].sent_at_s


def _hits(rows: Iterable[RequestRow]) -> Counter[int]:
    """How many were sent in each second that had any."""
    return Counter(math.floor(row.sent_at_s) for row in rows)


def _million(rows: Sequence[RequestRow], users: Sequence[RequestRow], table: str) -> float | None:
    """Requests that no sandbox took cost nothing and are no request here; pings cost, and serve
    nobody.
    """
    served = sum(table in row.dollars for row in users)
    return sum(costs(rows, table)) / served * 1e6 if served else None


def anatomy(rows: Iterable[RequestRow]) -> dict[str, float]:
    started = [row for row in rows if row.start == _COLD and row.init_ms is not None]
    if not started:
        return {}
    return {
        name: float(np.mean([getattr(row, name) or 0.0 for row in started])) for name in ANATOMY
    }


def cell_series(rows: Sequence[RequestRow]) -> CellSeries:
    """Second by second, or in wider buckets where there are more than ten minutes of them."""
    users = users_rows(rows)
    last = users[-1].sent_at_s if users else 0.0
    width = float(max(1, math.ceil((last + 1) / _SECOND_BUCKETS)))
    count = math.floor(last / width) + 1 if users else 0
    buckets: list[list[RequestRow]] = [[] for _ in range(count)]
    for row in users:
        buckets[math.floor(row.sent_at_s / width)].append(row)
    of_bucket = [latencies(bucket) for bucket in buckets]
    return CellSeries(
        width_s=width,
        at_s=np.arange(count, dtype=np.float64) * width,
        hits=np.array([len(bucket) / width for bucket in buckets]),
        max_ms=np.array([max(values, default=math.nan) for values in of_bucket]),
        mean_ms=np.array([np.mean(values) if values else math.nan for values in of_bucket]),
        users=_users(buckets),
    )


def _users(buckets: Sequence[Sequence[RequestRow]]) -> NDArray[np.float64]:
    """The most that were told in each bucket; kept through those in which nobody asked."""
    users = np.full(len(buckets), math.nan)
    for place, bucket in enumerate(buckets):
        told = [row.user_count for row in bucket if row.user_count > 0]
        users[place] = max(told) if told else (users[place - 1] if place else math.nan)
    return users


@dataclass(frozen=True, slots=True)
class Gap:
    """Two requests in a row, and whether the second found a sandbox."""

    minutes: float
    """Of emulated time, from the first one's answer to the second one."""
    survived: bool


def start_string(rows: Iterable[RequestRow]) -> str:
    """A letter a user's request: C cold, W warm, - neither."""
    letters = {_COLD: "C", _WARM: "W"}
    return "".join(letters.get(row.start, "-") for row in users_rows(rows))


def emulated_minutes(cell: MeasuredCell, rows: Sequence[RequestRow]) -> list[float]:
    """When each request came, since the first, on a clock that runs `idle_speedup` times faster
    while nothing is asked, as handlers always take real time.
    """
    minutes, at, busy_until, now = [], 0.0, 0.0, 0.0
    for row in rows:
        busy = max(0.0, min(row.sent_at_s, busy_until) - at)
        now += busy + (row.sent_at_s - at - busy) * cell.idle_speedup
        at = row.sent_at_s
        busy_until = max(busy_until, at + row.latency_ms / 1000)
        minutes.append(now / 60)
    return minutes


def gaps(cell: MeasuredCell, rows: Sequence[RequestRow]) -> list[Gap]:
    """The idle times between the requests of an idle cell."""
    found = []
    for before, after in pairwise(users_rows(rows)):
        idle_s = after.sent_at_s - before.sent_at_s - before.latency_ms / 1000
        found.append(Gap(idle_s * cell.idle_speedup / 60, after.start == _WARM))
    return found


def by_condition(stats: Iterable[CellStats]) -> dict[Condition, dict[int, list[CellStats]]]:
    """The repetitions of each memory size of each condition, sizes in their order."""
    grouped: dict[Condition, dict[int, list[CellStats]]] = {}
    for figures in stats:
        sizes = grouped.setdefault(figures.cell.condition, {})
        sizes.setdefault(figures.cell.memory_mb, []).append(figures)
    return {condition: dict(sorted(sizes.items())) for condition, sizes in grouped.items()}
