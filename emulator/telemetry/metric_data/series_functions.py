"""Computes what metric math makes of series: SUM and its like, ABS, RATE, DIFF, IF. Pure.

Source: "Using math expressions with CloudWatch metrics" of the user guide.
"""

from __future__ import annotations

import math
import operator
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.telemetry.metric_data.expression import Series, Value

COMPARISONS: dict[str, Callable[[float, float], float]] = {
    sign: lambda left, right, compare=compare: float(compare(left, right))  # type: ignore[misc]
    for sign, compare in {
        "==": operator.eq,
        "!=": operator.ne,
        "<=": operator.le,
        ">=": operator.ge,
        "<": operator.lt,
        ">": operator.gt,
    }.items()
}
"""Comparisons, which are 1 where they hold and else 0."""


def _both(left: float, right: float) -> float:
    return float(bool(left) and bool(right))


def _either(left: float, right: float) -> float:
    return float(bool(left) or bool(right))


CONJUNCTIONS: dict[str, Callable[[float, float], float]] = {
    **dict.fromkeys(("&&", "AND", "and"), _both),
    **dict.fromkeys(("||", "OR", "or"), _either),
}


def _differences(series: Series) -> Series:
    return {at: series[at] - series[before] for before, at in pairwise(sorted(series))}


def _rate(series: Series) -> Series:
    """Returns the change of each value since the one before, a second."""
    times = sorted(series)
    return {at: (series[at] - series[before]) / (at - before) for before, at in pairwise(times)}


def _running_sum(series: Series) -> Series:
    times = sorted(series)
    return dict(zip(times, accumulate(series[at] for at in times), strict=True))


FOLDS: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
"""Functions that make one of many."""
OF_SERIES: dict[str, Callable[[Series], Series]] = {
    "DIFF": _differences,
    "RATE": _rate,
    "RUNNING_SUM": _running_sum,
}
"""Functions of a whole series."""
OF_VALUES: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda value: float(math.ceil(value)),
    "FLOOR": lambda value: float(math.floor(value)),
}
"""Functions of each value by itself."""


def chosen(
    condition: Series | float, when: Series | float, otherwise: Series | float | None
) -> Series | float:
    """Returns one of two for each time: `when` where the condition is not 0, else `otherwise`.

    A time at which there is nothing to choose has no value.
    """
    if isinstance(condition, float):
        found = when if condition else otherwise
        return {} if found is None else found
    made: Series = {}
    for at, holds in condition.items():
        source = when if holds else otherwise
        value = source.get(at) if isinstance(source, dict) else source
        if value is not None:
            made[at] = value
    return made


def fold(name: str, operand: Value) -> Value:
    """Folds several series into one, or the values of one series into a number."""
    folded = FOLDS[name]
    match operand:
        case list():
            by_time: dict[int, list[float]] = {}
            for series in operand:
                for at, value in series.items():
                    by_time.setdefault(at, []).append(value)
            return {at: float(folded(values)) for at, values in by_time.items()}
        case dict():
            return float(folded(list(operand.values()))) if operand else 0.0
        case _:
            return operand
