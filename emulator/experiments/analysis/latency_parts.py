"""Splits a user's latency into what the time went to: the network, the gateway, the function.

The parts of a request add up to its latency: each is taken from what the parts before left, so that
a journal whose clock differs from the client's by a little makes no part negative. What no part
accounts for is the client's own time and the emulator's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from emulator.experiments.analysis.requests import is_event, user_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun


class Part(Enum):
    """Names the parts of a latency, in the order in which a request meets them."""

    NETWORK = "network"
    GATEWAY = "gateway"
    QUEUE = "queue"
    """Waiting for a sandbox, or for a place to start one."""
    DOWNLOAD = "placement and download"
    INIT = "init"
    """Making a sandbox and loading the function."""
    HANDLER = "handler"
    REST = "everything else"


@dataclass(frozen=True, slots=True)
class CellParts:
    """Holds where the time of one cell's requests went, on average."""

    cell: MeasuredCell
    requests: int
    mean_ms: Mapping[Part, float]
    """Mean of each part over all answered requests; the parts add up to the mean latency."""

    @property
    def total_ms(self) -> float:
        """Returns the mean latency."""
        return sum(self.mean_ms.values())


def all_parts(study: StudyRun) -> list[CellParts]:
    """Returns the parts of each cell that has any answered request in its journal."""
    found = (cell_parts(cell, rows) for cell, rows in study.measured())
    return [parts for parts in found if parts is not None]


def cell_parts(cell: MeasuredCell, rows: Iterable[RequestRow]) -> CellParts | None:
    """Returns the mean parts of users' requests that were answered right; None without any."""
    split = [
        parts_of(row)
        for row in user_requests(rows)
        if row.ok and row.duration_ms is not None and not is_event(row)
    ]
    if not split:
        return None
    means = {
        part: float(np.mean(times))
        for part, times in zip(Part, zip(*split, strict=True), strict=True)
    }
    return CellParts(cell, len(split), means)


def has_way(parts: Sequence[CellParts]) -> bool:
    """Returns whether anything lay between a client and a function in some cell."""
    return any(each.mean_ms[Part.NETWORK] + each.mean_ms[Part.GATEWAY] > 0 for each in parts)


def parts_of(row: RequestRow) -> tuple[float, ...]:
    """Returns the ms of each Part of one request, in their order; they add up to its latency."""
    left, parts = row.latency_ms, []
    for stated in _stated(row):
        part = min(max(stated, 0.0), left)
        parts.append(part)
        left -= part
    return (*parts, left)


def _stated(row: RequestRow) -> tuple[float, ...]:
    """Returns what a row states of each Part but the last, in their order."""
    waited_for_start = row.init_ms is not None
    return (
        row.network_ms or 0.0,
        row.gateway_ms or 0.0,
        _sum(row.queued_ms, row.leftover_ms) if waited_for_start else row.waited_ms or 0.0,
        row.download_ms or 0.0,
        _sum(row.create_ms, row.start_ms, row.connect_ms, row.init_ms),
        row.duration_ms or 0.0,
    )


def _sum(*values: float | None) -> float:
    return sum(value or 0.0 for value in values)
