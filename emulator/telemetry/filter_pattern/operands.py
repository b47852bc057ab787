"""Compares a value of a log event with what stands behind an operator of a filter pattern.

Sources: the user guide's pages of string, numeric, wildcard and regular-expression conditions. An
asterisk stands for anything at the beginning and at the end of a string alone.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.telemetry.filter_pattern.errors import FilterPatternError

if TYPE_CHECKING:
    from collections.abc import Callable

Scalar = str | int | float | bool | None
"""A value node of JSON, or a field of a line."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_ORDERED: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_REGEX_ALPHABET = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.]*")
"""Characters that the user guide lists; parentheses are none of them."""


@dataclass(frozen=True, slots=True)
class Operand:
    """Holds what stands behind an operator."""

    text: str
    """The string without quotes, or the regular expression without its percent signs."""
    is_quoted: bool = False
    is_regex: bool = False

    @property
    def number(self) -> float | None:
        """Returns the operand as a number; None where the operand is none."""
        if self.is_quoted or self.is_regex or not _NUMBER.fullmatch(self.text):
            return None
        return float(self.text)


def condition(comparison: str, operand: Operand) -> Callable[[Scalar], bool]:
    """Returns the test of `value comparison operand`.

    Raises:
        FilterPatternError: the operator asks for a number, or the expression is not allowed.
    """
    if comparison in _ORDERED:
        return _ordered(comparison, operand)
    equals = _equals(operand)
    return equals if comparison == "=" else lambda value: not equals(value)


def regular_expression(text: str) -> re.Pattern[str]:
    """Compiles what stands between percent signs.

    Raises:
        FilterPatternError: the expression is none, or has characters that AWS does not take.
    """
    if not _REGEX_ALPHABET.fullmatch(text):
        raise FilterPatternError(f"Invalid regular expression '{text}'")
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise FilterPatternError(f"Invalid regular expression '{text}': {error}") from error


def as_text(value: Scalar) -> str:
    """Returns a value as a string condition sees the value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _ordered(comparison: str, operand: Operand) -> Callable[[Scalar], bool]:
    bound, compare = operand.number, _ORDERED[comparison]
    if bound is None:
        raise FilterPatternError(f"Invalid number '{operand.text}' after '{comparison}'")
    limit = bound

    def test(value: Scalar) -> bool:
        number = _as_number(value)
        return number is not None and compare(number, limit)

    return test


def _equals(operand: Operand) -> Callable[[Scalar], bool]:
    if operand.is_regex:
        pattern = regular_expression(operand.text)
        return lambda value: pattern.search(as_text(value)) is not None
    text = _wildcard(operand.text)
    number = operand.number
    if number is None:
        return lambda value: text(as_text(value))
    return lambda value: _as_number(value) == number or text(as_text(value))


def _wildcard(text: str) -> Callable[[str], bool]:
    start, end = text.startswith("*"), text.endswith("*")
    core = text.removeprefix("*").removesuffix("*")
    if start and end:
        return lambda value: core in value
    if start:
        return lambda value: value.endswith(core)
    return (lambda value: value.startswith(core)) if end else (lambda value: value == text)


def _as_number(value: Scalar) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return None
