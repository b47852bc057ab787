"""Tells whether a quantity that was sampled for a while stayed flat: a slope with its interval.

Samples that follow each other are alike, so that a line through all of them is surer of itself
than it should be. The line goes through the means of a few blocks instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

BLOCKS = 12
_QUANTILE = 2.228
"""Of Student's t for 95 %, two-sided, with ten degrees of freedom."""
GROWTH = 0.05
"""Share of its mean by which a quantity may grow in an hour and be called flat all the same."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Holds how a quantity changes, per hour; `low` to `high` is the interval of 95 %."""

    mean: float
    per_hour: float
    low: float
    high: float

    @property
    def grows(self) -> bool:
        """Returns whether the quantity certainly grows, and by more than a little."""
        return self.low > 0 and self.per_hour > GROWTH * abs(self.mean)


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Returns the slope of a least-squares line through the means of twelve blocks of samples.

    Raises:
        ValueError: There are fewer samples than blocks.
    """
    if len(values) < BLOCKS:
        raise ValueError(f"a slope needs {BLOCKS} samples at least")
    at = np.array([block.mean() for block in np.array_split(np.asarray(seconds), BLOCKS)])
    level = np.array([block.mean() for block in np.array_split(np.asarray(values), BLOCKS)])
    hours = at / 3600.0
    (line, _), covariance = np.polyfit(hours, level, 1, cov=True)
    spread = _QUANTILE * float(np.sqrt(covariance[0, 0]))
    return Slope(float(level.mean()), float(line), float(line) - spread, float(line) + spread)
