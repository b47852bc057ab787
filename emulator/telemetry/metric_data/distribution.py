"""Keeps the values that a metric had in one minute: enough for every statistic, in little space.

Values are exact up to a number of different ones (`_EXACT`); beyond, each is rounded to three
significant digits, so that a percentile is off by half a percent at most. CloudWatch itself keeps
values in bins of a tenth of a power of ten.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXACT = 500
_DIGITS = 3


@dataclass(slots=True)
class Distribution:
    """Holds how often each value came."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    counts: dict[float, float] = field(default_factory=dict)
    """Times that each value came; less than `count` where only statistics were told."""
    is_coarse: bool = False
    """Whether values are rounded as they come, since there were too many different ones."""

    @classmethod
    def of(cls, value: float, times: float = 1.0) -> Self:
        """Returns the distribution of one value."""
        found = cls()
        found.add(value, times)
        return found

    @property
    def is_known(self) -> bool:
        """Returns whether each single value is known, as a percentile must have them."""
        return math.isclose(sum(self.counts.values()), self.count)

    def add(self, value: float, times: float = 1.0) -> None:
        self._extend(times, value * times, value, value)
        self._count(value, times)

    def add_statistics(self, count: float, total: float, low: float, high: float) -> None:
        """Takes values of which only statistics are known; equal ones are known all the same."""
        self._extend(count, total, low, high)
        if low == high:
            self._count(low, count)

    def merge(self, other: Distribution) -> None:
        """Takes all values of another distribution."""
        self._extend(other.count, other.total, other.low, other.high)
        for value, times in other.counts.items():
            self._count(value, times)

    def encode(self) -> str:
        """Returns the distribution as text."""
        counts = [[value, times] for value, times in self.counts.items()]
        return json.dumps([self.count, self.total, self.low, self.high, counts, self.is_coarse])

    @classmethod
    def decode(cls, text: str) -> Self:
        """Reads what `encode` wrote."""
        count, total, low, high, counts, is_coarse = json.loads(text)
        return cls(count, total, low, high, dict(counts), is_coarse)

    def _extend(self, count: float, total: float, low: float, high: float) -> None:
        self.count += count
        self.total += total
        self.low, self.high = min(self.low, low), max(self.high, high)

    def _count(self, value: float, times: float) -> None:
        kept = _rounded(value) if self.is_coarse else value
        self.counts[kept] = self.counts.get(kept, 0.0) + times
        if len(self.counts) > _EXACT and not self.is_coarse:
            self.is_coarse = True
            exact, self.counts = self.counts, {}
            for known, often in exact.items():
                self._count(known, often)


def count(counts: dict[float, int], value: float) -> None:
    """Counts a value once more, at a fraction of what a distribution takes for that."""
    counts[value] = counts.get(value, 0) + 1


def counted(counts: Mapping[float, int]) -> Distribution:
    """Returns the distribution of values that were counted."""
    found = Distribution()
    for value, times in counts.items():
        found.add(value, times)
    return found


def share(chosen: int, of: int) -> Distribution:
    """Returns a 1 for each that was chosen, and a 0 for each other."""
    found = Distribution()
    if chosen:
        found.add(1.0, chosen)
    if of > chosen:
        found.add(0.0, of - chosen)
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
