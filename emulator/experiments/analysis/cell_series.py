"""Counts one cell's requests second by second: users, hits, average and slowest latency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.experiments.analysis.requests import latencies, user_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emulator.experiments.records.request_table import RequestRow

_MOST_BUCKETS = 600
"""Number of buckets; those of a longer cell are wider."""


@dataclass(frozen=True, slots=True)
class CellSeries:
    """Holds the study's four series, a value for each bucket of time.

    Latencies are NaN in a bucket without an answer, users NaN where no client told their number.
    A request counts in the bucket in which it was sent.
    """

    width_s: float
    """Width of a bucket."""
    at_s: NDArray[np.float64]
    """Beginning of each bucket, since the cell's first request."""
    hits: NDArray[np.float64]
    """Requests a second."""
    max_ms: NDArray[np.float64]
    mean_ms: NDArray[np.float64]
    users: NDArray[np.float64]


def cell_series(rows: Sequence[RequestRow]) -> CellSeries:
    """Sorts the users' requests into buckets of a second; into wider ones past ten minutes."""
    users = user_requests(rows)
    last = users[-1].sent_at_s if users else 0.0
    width = float(max(1, math.ceil((last + 1) / _MOST_BUCKETS)))
    count = math.floor(last / width) + 1 if users else 0
    buckets: list[list[RequestRow]] = [[] for _ in range(count)]
    for row in users:
        buckets[math.floor(row.sent_at_s / width)].append(row)
    answered = [latencies(bucket) for bucket in buckets]
    return CellSeries(
        width_s=width,
        at_s=np.arange(count, dtype=np.float64) * width,
        hits=np.array([len(bucket) / width for bucket in buckets]),
        max_ms=np.array([max(values, default=math.nan) for values in answered]),
        mean_ms=np.array([np.mean(values) if values else math.nan for values in answered]),
        users=_user_counts(buckets),
    )


def _user_counts(buckets: Sequence[Sequence[RequestRow]]) -> NDArray[np.float64]:
    """Returns the greatest user count of each bucket; a bucket without requests keeps the last."""
    users = np.full(len(buckets), math.nan)
    for place, bucket in enumerate(buckets):
        counts = [row.user_count for row in bucket if row.user_count > 0]
        users[place] = max(counts) if counts else (users[place - 1] if place else math.nan)
    return users
