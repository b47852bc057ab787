"""Tells how long sandboxes idled between single requests far apart, and which survived."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from emulator.experiments.analysis.requests import COLD, WARM, user_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell

_LETTERS = {COLD: "C", WARM: "W"}


@dataclass(frozen=True, slots=True)
class IdleGap:
    """Holds the time between two requests in a row, and whether a sandbox outlived it."""

    minutes: float
    """Emulated time from the first request's answer to the second request."""
    survived: bool
    """Whether the second request found a warm sandbox."""


def idle_gaps(cell: MeasuredCell, rows: Sequence[RequestRow]) -> list[IdleGap]:
    """Returns the idle times between the users' requests of an idle cell, in their order."""
    found = []
    for before, after in pairwise(user_requests(rows)):
        idle_s = after.sent_at_s - before.sent_at_s - before.latency_ms / 1000
        found.append(IdleGap(idle_s * cell.idle_speedup / 60, after.start == WARM))
    return found


def start_letters(rows: Iterable[RequestRow]) -> str:
    """Returns a letter for each user's request: C for cold, W for warm, - for neither."""
    return "".join(_LETTERS.get(row.start, "-") for row in user_requests(rows))


def emulated_minutes(cell: MeasuredCell, rows: Sequence[RequestRow]) -> list[float]:
    """Returns when each request came, in minutes of emulated time since the first request.

    The clock runs `idle_speedup` times faster while no request is open, as handlers always take
    real time.
    """
    minutes, at, busy_until, now = [], 0.0, 0.0, 0.0
    for row in rows:
        busy = max(0.0, min(row.sent_at_s, busy_until) - at)
        now += busy + (row.sent_at_s - at - busy) * cell.idle_speedup
        at = row.sent_at_s
        busy_until = max(busy_until, at + row.latency_ms / 1000)
        minutes.append(now / 60)
    return minutes
