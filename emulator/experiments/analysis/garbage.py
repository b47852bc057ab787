"""Sums what the JVMs of sandboxes told, cell by cell: what is held, and what collecting costs.

A short request leaves its collections to a later look, so that an average divides those of all
looks by the number of all requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.records.request_table import RequestRow


@dataclass(frozen=True, slots=True)
class Collections:
    """Holds what the JVMs of one cell's sandboxes told."""

    heap_mb: int
    """Most that a garbage collection left in a heap."""
    metaspace_mb: int
    """Most class metadata at a collection."""
    a_request: float
    """Collections of a request on average, those of inits included."""
    ms_a_request: float
    share: float
    """Part of all handlers' time in which a JVM collected garbage; at most 1."""


def collections(rows: Sequence[RequestRow]) -> Collections | None:
    """Sums one cell's garbage collections, pings included; None where no JVM told of any."""
    looked = [row for row in rows if row.gc_count is not None]
    if not looked:
        return None
    served = [row for row in rows if row.duration_ms is not None]
    spent = sum(row.gc_ms or 0.0 for row in looked)
    handled = sum(row.duration_ms or 0.0 for row in served)
    return Collections(
        heap_mb=max(row.heap_mb or 0 for row in looked),
        metaspace_mb=max(row.metaspace_mb or 0 for row in looked),
        a_request=sum(row.gc_count or 0 for row in looked) / len(served),
        ms_a_request=spent / len(served),
        share=min(1.0, spent / handled) if handled else 0.0,
    )
