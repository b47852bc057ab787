"""Takes percentiles from raw values: nothing is rounded or put in buckets before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Returns a percentile of the values, or None where there are none.

    By numpy's method `linear`: the value at position percent / 100 · (n - 1) of n sorted values,
    both neighbours weighed where the position lies between them.
    """
    return float(np.percentile(values, percent, method="linear")) if len(values) else None
