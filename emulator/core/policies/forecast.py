"""Forecasts the next idle time of a function from its last ones.

Shahrad et al. fit an ARIMA model whose orders are searched anew after each request (`auto_arima`
of pmdarima). The core imports no library, so the order is fixed here: an autoregression of order
1, fitted by least squares. It follows a level and an alternation, not a trend or a longer period.
Whoever wants the original passes a forecaster to `HybridHistogram` from a file of their own.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATIONARY = 0.99
"""Greatest weight of the last value: a fit of few values can leave the stationary range."""


def autoregression(values: Sequence[float]) -> float:
    """Returns the value that an AR(1) model expects after `values`, which are not empty.

    The mean, where there is no variance or too little history; never below 0.
    """
    mean = fmean(values)
    before = [value - mean for value in values[:-1]]
    squares = sum(value * value for value in before)
    if len(values) < 3 or squares == 0:  # noqa: PLR2004  # two values always lie on a line
        return mean
    products = sum((a - mean) * (b - mean) for a, b in pairwise(values))
    weight = max(-_STATIONARY, min(_STATIONARY, products / squares))
    return max(0.0, mean + weight * (values[-1] - mean))
