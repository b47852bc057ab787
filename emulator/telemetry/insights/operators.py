"""Joins the expressions of queries: conditions, comparisons, arithmetic."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

from emulator.telemetry.insights.functions import number, text, truth
from emulator.telemetry.insights.words import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.telemetry.insights.row import Value

    Compute = Callable[[Any], Value]
    """Computes of a row; in `stats`, of a list of rows."""

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def regular_expression(pattern: str) -> re.Pattern[str]:
    """Compiles a query's regular expression, whose named groups are `(?<name>…)`.

    Raises:
        QueryError: it is none.
    """
    try:
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern))
    except re.error as error:
        raise QueryError(f"the regular expression /{pattern}/ is none: {error}") from error


def either(left: Compute, right: Compute) -> Compute:
    """Returns 1 where one of two conditions holds, else 0."""
    return lambda row: float(truth(left(row)) or truth(right(row)))


def both(left: Compute, right: Compute) -> Compute:
    """Returns 1 where two conditions hold, else 0."""
    return lambda row: float(truth(left(row)) and truth(right(row)))


def member(left: Compute, members: list[Compute]) -> Compute:
    """Returns 1 where a value is one of several, else 0."""
    return lambda row: float(text(left(row)) in {text(member(row)) for member in members})


def computed(compute: Callable[[float, float], float], left: Compute, right: Compute) -> Compute:
    """Computes with two numbers; there is no value where one of them is none."""

    def apply(row: Any) -> Value:
        one, other = number(left(row)), number(right(row))
        if one is None or other is None:
            return None
        try:
            return compute(one, other)
        except (ZeroDivisionError, OverflowError):
            return None

    return apply


def compared(sign: str, left: Compute, right: Compute) -> Compute:
    """Compares numbers as such, and all else as text; what is not there is unequal to all."""
    compare = COMPARISONS[sign]

    def apply(row: Any) -> Value:
        one, other = left(row), right(row)
        if one is None or other is None:
            return float(sign == "!=" and one != other)
        numbers = number(one), number(other)
        if None in numbers:
            return float(compare(text(one), text(other)))
        return float(compare(*numbers))

    return apply
