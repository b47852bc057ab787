"""Prices requests by a dated price table, which is chosen by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.experiments.records.request_table import RequestRow

MILLION = 1_000_000


def paid_dollars(rows: Iterable[RequestRow], table: str) -> list[float]:
    """Returns the dollars of each request that a sandbox took, keep-warm pings too."""
    return [row.dollars[table] for row in rows if table in row.dollars]


def total_dollars(rows: Iterable[RequestRow], table: str) -> float:
    """Returns the dollars of all requests together, keep-warm pings too."""
    return sum(paid_dollars(rows, table))
