"""Matches JSON against event patterns, as filters of event sources and rules of EventBridge do.

A pattern is an object whose leaves are lists of what a value may be; all its fields must match,
and of a list any. Sources: the EventBridge user guide, "Comparison operators for use in event
patterns"; the Lambda developer guide, "Control which events Lambda sends to your function".
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Pattern: TypeAlias = Mapping[str, Any]

_ABSENT = object()
_OR = "$or"
_BITS = 32
_MOST_BYTE = 255
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


class PatternError(ValueError):
    """Tells what is wrong with a pattern."""


def read_pattern(text: str) -> Pattern:
    """Reads a pattern.

    Raises:
        PatternError: the text is no pattern.
    """
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise PatternError(f"it is no JSON: {error}") from None
    if not isinstance(pattern, dict) or not pattern:
        raise PatternError("it is no object with fields")
    _check(pattern)
    return pattern


def matches(pattern: Pattern, event: object) -> bool:
    """Returns whether an event, JSON that was read, matches a pattern that was checked."""
    if isinstance(event, list):
        return any(matches(pattern, one) for one in event)
    found = event if isinstance(event, dict) else {}
    for name, wanted in pattern.items():
        if name == _OR and _is_list_of_patterns(wanted):
            if not any(matches(one, event) for one in wanted):
                return False
        elif isinstance(wanted, dict):
            if not matches(wanted, found.get(name)):
                return False
        elif not _is_one_of(wanted, found.get(name, _ABSENT)):
            return False
    return True


def _is_one_of(wanted: Sequence[Any], value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    # of an empty list nothing can match but its absence
    return any(_fits(matcher, one) for matcher in wanted for one in values or [_ABSENT])


def _fits(matcher: object, value: object) -> bool:
    if not isinstance(matcher, dict):
        return _equal(matcher, value)
    ((operator, operand),) = matcher.items()
    if operator == "exists":
        # an object is no leaf, of which alone EventBridge says that it exists
        there = value is not _ABSENT and not isinstance(value, dict)
        return bool(there == operand)
    return value is not _ABSENT and _OPERATORS[operator](operand, value)


def _equal(wanted: object, value: object) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value  # 1 is not true
    return bool(wanted == value)


def _prefix(operand: Any, value: object) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(operand, dict):
        wanted = str(operand["equals-ignore-case"])
        return value[: len(wanted)].casefold() == wanted.casefold()
    return value.startswith(str(operand))


def _suffix(operand: Any, value: object) -> bool:
    if not isinstance(value, str):
        return False
    if isinstance(operand, dict):
        wanted = str(operand["equals-ignore-case"])
        return not wanted or value[-len(wanted) :].casefold() == wanted.casefold()
    return value.endswith(str(operand))


def _ignoring_case(operand: Any, value: object) -> bool:
    wanted = operand if isinstance(operand, list) else [operand]
    return isinstance(value, str) and value.casefold() in {one.casefold() for one in wanted}


def _anything_but(operand: Any, value: object) -> bool:
    if isinstance(operand, dict):
        ((operator, inner),) = operand.items()
        wanted = inner if isinstance(inner, list) else [inner]
        return not any(_OPERATORS[operator](one, value) for one in wanted)
    wanted = operand if isinstance(operand, list) else [operand]
    return not any(_equal(one, value) for one in wanted)


def _numeric(operand: Any, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return all(_COMPARISONS[sign](value, bound) for sign, bound in pairs)


def _wildcard(operand: Any, value: object) -> bool:
    return isinstance(value, str) and _wild(operand).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def _wild(text: str) -> re.Pattern[str]:
    """Reads a text in which `*` is anything; a backslash takes the meaning of what follows."""
    parts = re.findall(r"\\[\\*]|\*+|[^*\\]+|\\", text)
    return re.compile("".join(map(_expression, parts)), re.DOTALL)


def _expression(part: str) -> str:
    if part[0] == "*":
        return ".*"
    return re.escape(part[1] if part in ("\\*", "\\\\") else part)


def _cidr(operand: Any, value: object) -> bool:
    network, _, length = operand.partition("/")
    address = _address(value) if isinstance(value, str) else None
    if address is None:
        return False
    shift = _BITS - int(length)
    return address >> shift == (_address(network) or 0) >> shift


def _address(text: str) -> int | None:
    """Returns an IPv4 address as a number; None for what is none (IPv6 is not matched)."""
    parts = text.split(".")
    if len(parts) != 4 or not all(  # noqa: PLR2004
        part.isascii() and part.isdigit() and int(part) <= _MOST_BYTE for part in parts
    ):
        return None
    return int.from_bytes(bytes(int(part) for part in parts), "big")


_OPERATORS: Mapping[str, Callable[[Any, object], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "wildcard": _wildcard,
    "cidr": _cidr,
}


# checks


def _is_list_of_patterns(wanted: object) -> bool:
    return isinstance(wanted, list) and all(isinstance(one, dict) for one in wanted)


def _check(pattern: Pattern) -> None:
    for name, wanted in pattern.items():
        if name == _OR and _is_list_of_patterns(wanted) and wanted:
            for one in wanted:
                _check(one)
        elif isinstance(wanted, dict):
            _check(wanted)
        elif not isinstance(wanted, list):
            raise PatternError(f"{name!r} must be an object or a list")
        else:
            for matcher in wanted:
                _check_matcher(name, matcher)


def _check_matcher(name: str, matcher: object) -> None:
    if isinstance(matcher, list):
        raise PatternError(f"{name!r} has a list within a list")
    if not isinstance(matcher, dict):
        return
    if len(matcher) != 1:
        raise PatternError(f"a matcher of {name!r} must have one operator")
    ((operator, operand),) = matcher.items()
    if operator != "exists" and operator not in _OPERATORS:
        raise PatternError(f"{name!r} has the unknown operator {operator!r}")
    if not _OPERANDS[operator](operand):
        raise PatternError(f"{operator!r} of {name!r} cannot have {json.dumps(operand)}")


def _is_text(operand: object) -> bool:
    return isinstance(operand, str)


def _is_text_or_case(operand: object) -> bool:
    return _is_text(operand) or (
        isinstance(operand, dict)
        and list(operand) == ["equals-ignore-case"]
        and _is_text(operand["equals-ignore-case"])
    )


def _are_texts(operand: object) -> bool:
    return _is_text(operand) or (isinstance(operand, list) and all(map(_is_text, operand)))


def _is_scalar(operand: object) -> bool:
    return operand is None or isinstance(operand, str | int | float)


def _is_unwanted(operand: object) -> bool:
    if isinstance(operand, dict):
        if len(operand) != 1:
            return False
        ((operator, inner),) = operand.items()
        known = operator in ("prefix", "suffix", "equals-ignore-case", "wildcard")
        return known and _are_texts(inner)
    values = operand if isinstance(operand, list) else [operand]
    return bool(values) and all(map(_is_scalar, values))


def _are_comparisons(operand: object) -> bool:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        return False
    signs, bounds = operand[::2], operand[1::2]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in bounds)
    return numbers and all(_is_text(sign) and sign in _COMPARISONS for sign in signs)


def _is_network(operand: object) -> bool:
    if not isinstance(operand, str):
        return False
    network, _, length = operand.partition("/")
    known = length.isascii() and length.isdigit() and int(length) <= _BITS
    return known and _address(network) is not None


_OPERANDS: Mapping[str, Callable[[object], bool]] = {
    "exists": lambda operand: isinstance(operand, bool),
    "prefix": _is_text_or_case,
    "suffix": _is_text_or_case,
    "equals-ignore-case": _are_texts,
    "anything-but": _is_unwanted,
    "numeric": _are_comparisons,
    "wildcard": _is_text,
    "cidr": _is_network,
}
