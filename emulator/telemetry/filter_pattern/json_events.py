"""Reads patterns in braces, `{ $.user.id = 1 && $.users[0].email = "a@b" }`, for JSON events."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.expression import expression
from emulator.telemetry.filter_pattern.operands import condition
from emulator.telemetry.filter_pattern.words import Kind, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator.telemetry.filter_pattern.expression import Tokens

_STEP = re.compile(
    r"""\.?\[(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<index>\d+|\*))\]|\.(?P<name>[\w:-]+|\*)""",
    re.VERBOSE,
)
_ANY = "*"
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_CONSTANTS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}

Step = str | int


def json_pattern(text: str) -> Callable[[str], bool]:
    """Returns the test of what stands between the braces.

    Raises:
        FilterPatternError: that is no condition.
    """
    test: Callable[[Any], bool] = expression(tokens(text), _read)

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return test(event)

    return matches


def _read(rest: Tokens) -> Callable[[Any], bool]:
    selector = rest.take()
    if selector.kind is not Kind.SELECTOR:
        raise FilterPatternError(f"Invalid filter pattern: '{selector.text}' is no $.property")
    steps = _steps(selector.text)
    comparison = rest.take()
    word = comparison.text.upper()
    if comparison.kind is Kind.WORD and word == "IS":
        return _is(steps, rest.take().text.upper())
    if comparison.kind is Kind.WORD and word == "NOT" and rest.take().text.upper() == "EXISTS":
        return lambda event: next(_select(event, steps), _MISSING) is _MISSING
    if comparison.kind is not Kind.SIGN or comparison.text not in _COMPARISONS:
        raise FilterPatternError(f"Invalid operator '{comparison.text}'")
    operand = rest.take()
    if operand.kind in (Kind.SIGN, Kind.SELECTOR):
        raise FilterPatternError(f"Invalid value '{operand.text}'")
    holds = condition(comparison.text, operand.operand)
    # an array or an object is no value: neither = nor != holds of it
    return lambda event: any(
        holds(value) for value in _select(event, steps) if not isinstance(value, dict | list)
    )


def _is(steps: list[Step], constant: str) -> Callable[[Any], bool]:
    if constant not in _CONSTANTS:
        raise FilterPatternError(f"Invalid value '{constant}' after IS")
    wanted = _CONSTANTS[constant]
    return lambda event: any(value is wanted for value in _select(event, steps))


def _steps(selector: str) -> list[Step]:
    found: list[Step] = []
    at = 1
    while at < len(selector):
        match = _STEP.match(selector, at)
        if match is None:
            raise FilterPatternError(f"Invalid property selector '{selector}'")
        found.append(_step(match))
        at = match.end()
    if not found:
        raise FilterPatternError(f"Invalid property selector '{selector}'")
    return found


def _step(match: re.Match[str]) -> Step:
    index = match["index"]
    if index is not None:
        return _ANY if index == _ANY else int(index)
    for group in ("single", "double", "name"):
        if match[group] is not None:
            return match[group]
    raise AssertionError(match)


_MISSING = object()


def _select(value: Any, steps: list[Step], at: int = 0) -> Iterator[Any]:
    """Yields the values that the steps lead to: one, or several where a step is an asterisk."""
    if at == len(steps):
        yield value
        return
    for inner in _inner(value, steps[at]):
        yield from _select(inner, steps, at + 1)


def _inner(value: Any, step: Step) -> Iterator[Any]:
    if step == _ANY and isinstance(value, dict | list):
        yield from value.values() if isinstance(value, dict) else value
    elif isinstance(step, int):
        if isinstance(value, list) and step < len(value):
            yield value[step]
    elif isinstance(value, dict) and step in value:
        yield value[step]
