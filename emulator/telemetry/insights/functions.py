"""Computes the functions of queries, on values and on all values of a group of events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.telemetry.insights.row import Value


_MOST_WHOLE = 1e15
_DIGITS = 10
"""Digits of a number that is not whole."""


def number(value: Value) -> float | None:
    """Returns a value as a number; None where the value is none."""
    if value is None:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def text(value: Value) -> str:
    """Returns a value as a result shows it: whole numbers without a point, others rounded."""
    if value is None:
        return ""
    if isinstance(value, str | int):
        return str(value)
    is_whole = value.is_integer() and abs(value) < _MOST_WHOLE
    return str(int(value)) if is_whole else f"{value:.{_DIGITS}g}"


def truth(value: Value) -> bool:
    """Returns whether a value counts as true in a query."""
    return value not in (None, "", 0, "0", "false")


def _flag(holds: bool) -> float:
    return 1.0 if holds else 0.0


def _numeric(compute: Callable[[float], float]) -> Callable[[Sequence[Value]], Value]:
    def apply(values: Sequence[Value]) -> Value:
        found = number(values[0])
        return None if found is None else compute(found)

    return apply


SCALARS: dict[str, tuple[int, int, Callable[[Sequence[Value]], Value]]] = {
    "abs": (1, 1, _numeric(abs)),
    "ceil": (1, 1, _numeric(math.ceil)),
    "floor": (1, 1, _numeric(math.floor)),
    "strlen": (1, 1, lambda values: float(len(text(values[0])))),
    "tolower": (1, 1, lambda values: text(values[0]).lower()),
    "toupper": (1, 1, lambda values: text(values[0]).upper()),
    "trim": (1, 1, lambda values: text(values[0]).strip()),
    "concat": (1, 99, lambda values: "".join(text(value) for value in values)),
    "strcontains": (2, 2, lambda values: _flag(text(values[1]) in text(values[0]))),
    "coalesce": (1, 99, lambda values: next((v for v in values if v is not None), None)),
    "ispresent": (1, 1, lambda values: _flag(values[0] is not None)),
    "isempty": (1, 1, lambda values: _flag(values[0] in (None, ""))),
    "isblank": (1, 1, lambda values: _flag(not text(values[0]).strip())),
}
"""Functions of values: the least and the most arguments, and what computes."""


def _numbers(values: Sequence[Value]) -> list[float]:
    return [found for value in values if (found := number(value)) is not None]


def _of_numbers(compute: Callable[[list[float]], float]) -> Callable[[Sequence[Value]], Value]:
    def apply(values: Sequence[Value]) -> Value:
        found = _numbers(values)
        return compute(found) if found else None

    return apply


def _extreme(
    choose: Callable[[list[float]], float], words: Callable[[list[str]], str]
) -> Callable[[Sequence[Value]], Value]:
    def apply(values: Sequence[Value]) -> Value:
        if found := _numbers(values):
            return choose(found)
        present = [text(value) for value in values if value is not None]
        return words(present) if present else None

    return apply


def percentile(values: Sequence[Value], rank: float) -> Value:
    """Returns the least value that as many percent of all do not exceed."""
    found = sorted(_numbers(values))
    if not found:
        return None
    return found[max(0, math.ceil(len(found) * rank / 100) - 1)]


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


AGGREGATES: dict[str, Callable[[Sequence[Value]], Value]] = {
    "count": lambda values: float(sum(value is not None for value in values)),
    "count_distinct": lambda values: float(len({v for v in values if v is not None})),
    "sum": _of_numbers(sum),
    "avg": _of_numbers(lambda values: sum(values) / len(values)),
    "min": _extreme(min, min),
    "max": _extreme(max, max),
    "median": lambda values: percentile(values, 50),
    "stddev": _of_numbers(_deviation),
    "earliest": lambda values: values[0] if values else None,
    "latest": lambda values: values[-1] if values else None,
}
"""Functions of all values of a group, which are in the order of time."""
