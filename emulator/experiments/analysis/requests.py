"""Sorts request rows by the figure that they count for: users' requests, pings, cold and warm.

Users' requests and keep-warm pings are told apart: pings enter no latency and no rate, though
users pay for them. Latencies are those of requests that were answered right: a throttle that is
refused in a millisecond would else make a function look fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.model import StartKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.experiments.records.request_table import RequestRow

PING = 0
"""The user count of a keep-warm ping."""
COLD = StartKind.COLD.value
WARM = StartKind.WARM.value


def user_requests(rows: Iterable[RequestRow]) -> list[RequestRow]:
    """Returns the rows without keep-warm pings."""
    return [row for row in rows if row.user_count != PING]


def latencies(rows: Iterable[RequestRow], start: str = "") -> list[float]:
    """Returns the latencies in ms of the users' requests that were answered right.

    Args:
        rows: pings and failed requests among them are left out.
        start: the one kind of start that counts, of clients that waited for it; empty for every
            kind.
    """
    return [
        row.latency_ms
        for row in rows
        if row.ok and row.user_count != PING and (not start or _waited_for(row, start))
    ]


def is_event(row: RequestRow) -> bool:
    """Returns whether a request is an asynchronous event, whose client waited for no function."""
    return row.attempts is not None


def _waited_for(row: RequestRow, start: str) -> bool:
    return row.start == start and not is_event(row)


def cold_latencies(rows: Iterable[RequestRow]) -> list[float]:
    """Returns the latencies in ms of the requests that waited for a new sandbox."""
    return latencies(rows, COLD)


def warm_latencies(rows: Iterable[RequestRow]) -> list[float]:
    """Returns the latencies in ms of the requests that found an idle sandbox."""
    return latencies(rows, WARM)
