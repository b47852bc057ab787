"""Defines what a validation says of each figure: predicted, measured, error, wanted."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH = 1.96
"""Standard deviations on either side of a mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Holds a predicted figure, with the interval that holds 95 % of single runs."""

    mean: float
    low: float
    high: float

    @classmethod
    def of_runs(cls, figures: Sequence[float]) -> Prediction:
        """Makes a prediction of simulated runs that differ in their seed."""
        mean = fmean(figures)
        spread = _WIDTH * stdev(figures) if len(figures) > 1 else 0.0
        return cls(mean, mean - spread, mean + spread)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holds one figure beside what AWS did."""

    what: str
    predicted: Prediction
    measured: float
    unit: str = ""
    wanted: float | None = None
    """Largest relative error that counts as met; None: nothing was promised."""

    @property
    def error(self) -> float | None:
        """Returns the prediction's relative error; None where nothing was measured but zero."""
        if self.measured == 0:
            return 0.0 if self.predicted.mean == 0 else None
        return self.predicted.mean / self.measured - 1

    @property
    def met(self) -> bool | None:
        """Returns whether the error is within what is wanted; None where nothing is."""
        if self.wanted is None:
            return None
        return self.error is not None and abs(self.error) <= self.wanted

    @property
    def inside(self) -> bool:
        """Returns whether the measured figure lies in the prediction's interval."""
        return self.predicted.low <= self.measured <= self.predicted.high


def quantile(values: Sequence[float], share: float) -> float:
    """Returns the value below which a share of some sorted values lies, between two by line."""
    place = share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
