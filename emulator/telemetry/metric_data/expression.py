"""Computes metric math: `+ - * /`, comparisons, AND, OR, IF, SUM, AVG, MIN, MAX, FILL, METRICS()
and the functions of a series in `series_functions`.

Source: "Using math expressions with CloudWatch metrics" of the user guide. Two series meet at their
common times; a division by zero leaves no value. Every other function is refused by its name.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

from emulator.telemetry.metric_data.series_functions import (
    COMPARISONS,
    CONJUNCTIONS,
    FOLDS,
    OF_SERIES,
    OF_VALUES,
    chosen,
    fold,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Series = dict[int, float]
"""Values by the epoch second at which their period begins."""
Value = Series | float | list[Series]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)|"
    r"(?P<sign>[=!<>]=|&&|\|\||[-+*/()\[\],<>]))"
)
_DEEPEST = 50
_ADDITIVE: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub}
_MULTIPLICATIVE: dict[str, Callable[[float, float], float]] = {
    "*": operator.mul,
    "/": operator.truediv,
}
_CALLED = frozenset({*FOLDS, *OF_SERIES, *OF_VALUES, "FILL", "IF"})
"""Functions that take operands."""


class ExpressionError(ValueError):
    """Reports an expression that cannot be computed; a sentence for the client."""


def computed(
    expression: str, names: Callable[[str], Series], metrics: Sequence[str], times: Sequence[int]
) -> Series:
    """Returns the series that an expression makes.

    `names` returns the series of an id, `metrics` are the ids that METRICS() means, and `times` the
    periods that FILL fills.

    Raises:
        ExpressionError: the expression is none, asks for a function that is not emulated, or makes
            no series.
    """
    made = _Reader(expression, names, metrics, times).whole()
    if not isinstance(made, dict):
        raise ExpressionError("The expression must return a time series.")
    return made


class _Reader:
    """Reads an expression and computes as it goes."""

    def __init__(
        self,
        text: str,
        names: Callable[[str], Series],
        metrics: Sequence[str],
        times: Sequence[int],
    ) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._names = names
        self._metrics = metrics
        self._times = times

    def whole(self) -> Value:
        made = self._condition()
        if self._at < len(self._tokens):
            raise ExpressionError(f"Unexpected '{self._tokens[self._at]}'.")
        return made

    def _condition(self) -> Value:
        return self._chain(CONJUNCTIONS, self._comparison)

    def _comparison(self) -> Value:
        return self._chain(COMPARISONS, self._sum)

    def _sum(self) -> Value:
        return self._chain(_ADDITIVE, self._product)

    def _product(self) -> Value:
        return self._chain(_MULTIPLICATIVE, self._factor)

    def _chain(
        self,
        operators: Mapping[str, Callable[[float, float], float]],
        part: Callable[[], Value],
    ) -> Value:
        made = part()
        while (sign := self._peek()) in operators:
            self._at += 1
            made = _apply(operators[sign], sign, made, part())
        return made

    def _factor(self) -> Value:
        token = self._take()
        if token == "-":  # noqa: S105  # a sign
            return _apply(operator.mul, "-", -1.0, self._factor_within())
        if token == "(":  # noqa: S105
            made = self._within(self._condition)
            self._expect(")")
            return made
        if token == "[":  # noqa: S105
            return self._array()
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if self._peek() == "(" and token[0].isalpha():
            return self._call(token)
        if not (token[0].isalpha() or token[0] == "_"):
            raise ExpressionError(f"Unexpected '{token}'.")
        return self._names(token)

    def _factor_within(self) -> Value:
        return self._within(self._factor)

    def _within(self, part: Callable[[], Value]) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError("The expression is too deep.")
        made = part()
        self._depth -= 1
        return made

    def _array(self) -> list[Series]:
        found: list[Series] = []
        while True:
            member = self._within(self._condition)
            found += _series("[", member)
            if (sign := self._take()) == "]":
                return found
            if sign != ",":
                raise ExpressionError(f"Unexpected '{sign}'.")

    def _call(self, function: str) -> Value:
        self._expect("(")
        name = function.upper()
        if name == "METRICS":
            self._expect(")")
            return [self._names(metric) for metric in self._metrics]
        if name not in _CALLED:
            raise ExpressionError(f"The function {function} is not emulated.")
        operand = self._within(self._condition)
        match name:
            case "FILL":
                made: Value = self._fill(operand)
            case "IF":
                made = self._choose(operand)
            case _:
                made = _of_one(name, operand) if name not in FOLDS else fold(name, operand)
        self._expect(")")
        return made

    def _choose(self, condition: Value) -> Value:
        self._expect(",")
        when, otherwise = self._within(self._condition), None
        if self._peek() == ",":
            self._take()
            otherwise = self._within(self._condition)
        if isinstance(condition, list) or isinstance(when, list) or isinstance(otherwise, list):
            raise ExpressionError("IF takes time series and numbers.")
        return chosen(condition, when, otherwise)

    def _fill(self, operand: Value) -> Value:
        self._expect(",")
        if self._peek().upper() == "REPEAT":
            self._take()
            return _repeated(_one_series(operand), self._times)
        filler = self._within(self._condition)
        if not isinstance(filler, float):
            raise ExpressionError("FILL takes a number or REPEAT.")
        return dict.fromkeys(self._times, filler) | _one_series(operand)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise ExpressionError("The expression ends too early.")
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        if (token := self._take()) != sign:
            raise ExpressionError(f"Unexpected '{token}'; there should be '{sign}'.")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"Unexpected '{text[at:].strip()}'.")
        found.append(match[match.lastgroup or 0])
        at = match.end()
    return found


def _apply(compute: Callable[[float, float], float], sign: str, left: Value, right: Value) -> Value:
    match left, right:
        case dict(), dict():
            return {
                at: made
                for at in left.keys() & right.keys()
                if (made := _pair(compute, left[at], right[at])) is not None
            }
        case dict(), float():
            pairs = ((at, _pair(compute, value, right)) for at, value in left.items())
        case float(), dict():
            pairs = ((at, _pair(compute, left, value)) for at, value in right.items())
        case float(), float():
            if (number := _pair(compute, left, right)) is None:
                raise ExpressionError("Division by zero.")
            return number
        case _:
            raise ExpressionError(
                f"Unsupported operand type(s) for {sign}: '[{_kind(left)}, {_kind(right)}]'"
            )
    return {at: made for at, made in pairs if made is not None}


def _pair(compute: Callable[[float, float], float], left: float, right: float) -> float | None:
    try:
        return compute(left, right)
    except (ZeroDivisionError, OverflowError):
        return None


def _of_one(name: str, operand: Value) -> Value:
    """Returns what a function makes of a series, or of each in an array, or of a number."""
    if isinstance(operand, list):
        return [found for one in operand if isinstance(found := _of_one(name, one), dict)]
    if name in OF_SERIES:
        if isinstance(operand, float):
            raise ExpressionError(f"{name} takes a time series.")
        return OF_SERIES[name](operand)
    function = OF_VALUES[name]
    if isinstance(operand, float):
        return function(operand)
    return {at: function(value) for at, value in operand.items()}


def _repeated(series: Series, times: Sequence[int]) -> Series:
    filled: Series = {}
    last: float | None = None
    for at in sorted(times):
        last = series.get(at, last)
        if last is not None:
            filled[at] = last
    return filled | series


def _series(of: str, value: Value) -> list[Series]:
    if isinstance(value, float):
        raise ExpressionError(f"'{of}' takes time series, not numbers.")
    return value if isinstance(value, list) else [value]


def _one_series(value: Value) -> Series:
    if not isinstance(value, dict):
        raise ExpressionError("FILL takes one time series.")
    return value


def _kind(value: Value) -> str:
    match value:
        case float():
            return "Number"
        case dict():
            return "TimeSeries"
        case _:
            return "Array[TimeSeries]"
