"""Percentiles from raw values: nothing is rounded or put in buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float | None:
    """As numpy's `linear` one: of n sorted values, that at position percent / 100 · (n - 1), the
    two neighbours weighed where the position lies between them; None of nothing.
    """
    return float(np.percentile(values, percent, method="linear")) if len(values) else None
