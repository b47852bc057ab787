"""Sums what the kernel counted of sandboxes' memory, cell by cell: what came from disk, how often.

Owns which figure is taken from which rows. A short request leaves its faults to a later look, so
an average divides the faults of all looks by the number of all requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.experiments.analysis.requests import COLD, WARM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.records.request_table import RequestRow


@dataclass(frozen=True, slots=True)
class Pages:
    """Holds one cell's figures; None where no row tells."""

    anonymous_mb: int
    """Most anonymous memory of a sandbox at the end of a request."""
    cache_mb: int
    """Most page cache of a sandbox at the end of a request."""
    cold_faults: float | None
    """Major faults of a cold request on average, its init included."""
    warm_faults: float | None
    warm_refaults: float | None
    most_faults: int
    """Major faults between two looks at a sandbox, at most."""


def pages(rows: Sequence[RequestRow]) -> Pages | None:
    """Computes one cell's figures from its rows, pings included; None where nobody looked."""
    looked = [row for row in rows if row.major_faults is not None]
    if not looked:
        return None
    cold = [row for row in rows if row.start == COLD]
    warm = [row for row in rows if row.start == WARM]
    return Pages(
        anonymous_mb=max(row.anonymous_mb or 0 for row in looked),
        cache_mb=max(row.cache_mb or 0 for row in looked),
        cold_faults=_mean([row.major_faults for row in cold]),
        warm_faults=_mean([row.major_faults for row in warm]),
        warm_refaults=_mean([row.refaults for row in warm]),
        most_faults=max(row.major_faults or 0 for row in looked),
    )


def _mean(counts: Sequence[int | None]) -> float | None:
    """Returns the sum of what was counted over the number of all; None where nothing was."""
    if all(count is None for count in counts):
        return None
    return sum(count or 0 for count in counts) / len(counts)
