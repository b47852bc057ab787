"""Computes CloudWatch's statistics of a distribution, by their names.

Source: "Statistics definitions" of the CloudWatch user guide. A range `(a:b)` takes values above a
and up to b; with percent signs the bounds are ranks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.telemetry.metric_data.distribution import Distribution

    Statistic = Callable[[Distribution], float | None]

_HUNDRED = 100.0
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,10})?)")
_SHORT = re.compile(r"(tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?)")
_RANGE = re.compile(r"(TM|WM|TC|TS|PR)\((-?[\d.]*)(%?):(-?[\d.]*)(%?)\)")
_SIMPLE: dict[str, Statistic] = {
    "SampleCount": lambda values: values.count,
    "Average": lambda values: values.total / values.count,
    "Sum": lambda values: values.total,
    "Minimum": lambda values: values.low,
    "Maximum": lambda values: values.high,
}

_Weighted = list[tuple[float, float]]
"""Values in their order, each with how many samples of it count."""


def statistic(name: str) -> Statistic | None:
    """Returns the statistic of a name; None where CloudWatch has none of this name.

    The statistic of a distribution is None where single values must be known and are not.
    """
    if name in _SIMPLE:
        return _SIMPLE[name]
    if found := _PERCENTILE.fullmatch(name):
        rank = float(found[1])
        return None if rank > _HUNDRED else _of_known(lambda values: _percentile(values, rank))
    if name.upper() == "IQM":
        return _of_known(lambda values: _mean(_between_ranks(values, 25, 75)))
    if found := _SHORT.fullmatch(name):
        return _ranged(found[1].upper(), 0.0, float(found[2]), by_rank=True)
    if found := _RANGE.fullmatch(name):
        return _of_range(found)
    return None


def _of_range(found: re.Match[str]) -> Statistic | None:
    kind, low, low_percent, high, high_percent = found.groups()
    by_rank = bool(low_percent or high_percent)
    if not (low or high) or (kind == "PR" and by_rank):
        return None
    try:
        start = float(low) if low else (0.0 if by_rank else float("-inf"))
        end = float(high) if high else (_HUNDRED if by_rank else float("inf"))
    except ValueError:
        return None
    if by_rank and not 0 <= start <= end <= _HUNDRED:
        return None
    return _ranged(kind, start, end, by_rank=by_rank)


def _ranged(kind: str, start: float, end: float, *, by_rank: bool) -> Statistic:
    def compute(values: Distribution) -> float | None:
        cut = _between_ranks if by_rank else _between_values
        chosen = cut(values, start, end)
        samples = sum(times for _, times in chosen)
        match kind:
            case "TC":
                return samples
            case "TS":
                return sum(value * times for value, times in chosen)
            case "PR":
                return _HUNDRED * samples / values.count
            case "WM":
                return _winsorized(values, chosen)
            case _:
                return _mean(chosen)

    return _of_known(compute)


def _of_known(compute: Statistic) -> Statistic:
    return lambda values: compute(values) if values.is_known and values.count > 0 else None


def _percentile(values: Distribution, rank: float) -> float:
    """Returns the least value that as many percent of all samples do not exceed."""
    wanted = values.count * rank / _HUNDRED
    passed = 0.0
    ordered = sorted(values.counts.items())
    for value, times in ordered:
        passed += times
        if passed >= wanted - 1e-9:
            return value
    return ordered[-1][0]


def _between_ranks(values: Distribution, start: float, end: float) -> _Weighted:
    first, last = values.count * start / _HUNDRED, values.count * end / _HUNDRED
    chosen, passed = [], 0.0
    for value, times in sorted(values.counts.items()):
        inside = min(passed + times, last) - max(passed, first)
        passed += times
        if inside > 0:
            chosen.append((value, inside))
    return chosen


def _between_values(values: Distribution, start: float, end: float) -> _Weighted:
    return [
        (value, times) for value, times in sorted(values.counts.items()) if start < value <= end
    ]


def _mean(chosen: _Weighted) -> float | None:
    samples = sum(times for _, times in chosen)
    return sum(value * times for value, times in chosen) / samples if samples else None


def _winsorized(values: Distribution, chosen: _Weighted) -> float | None:
    """Returns the mean with what lies outside of the range replaced by the range's ends."""
    if not chosen:
        return None
    low, high = chosen[0][0], chosen[-1][0]
    total = sum(min(max(value, low), high) * times for value, times in values.counts.items())
    return total / values.count
