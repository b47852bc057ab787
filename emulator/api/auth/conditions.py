"""Evaluates the Condition element of a policy's statement. Pure.

Source: the IAM user guide, "IAM JSON policy elements: Condition operators" and "Single-valued vs.
multivalued context keys". The values of a request are a context: texts by the key's name in lower
case. A key that the request does not have is absent there, as aws:PrincipalOrgID always is here.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from emulator.api.auth.patterns import arn_matches, like, literal, substituted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_IF_EXISTS = "IfExists"
_ARN_PARTS = 6


class Quantifier(Enum):
    """Says which values of a key with several must match."""

    NONE = ""
    ALL = "ForAllValues:"
    ANY = "ForAnyValue:"


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds one operator with one key and the values that are compared with the request's."""

    operator: str
    key: str
    """In lower case."""
    values: tuple[str, ...]
    quantifier: Quantifier = Quantifier.NONE
    if_exists: bool = False


def read_conditions(value: Any) -> tuple[Condition, ...]:
    """Returns the conditions of a statement, all of which must hold.

    Raises:
        ValueError: the element is none of IAM's; the message is a sentence.
    """
    if not isinstance(value, dict):
        raise ValueError("Syntax errors in policy: Condition must be an object.")  # noqa: TRY004
    found = []
    for stated, keys in value.items():
        quantifier, operator, if_exists = _operator(stated)
        if not isinstance(keys, dict):
            raise ValueError(f"Syntax errors in policy: {stated} must be an object.")  # noqa: TRY004
        for key, values in keys.items():
            texts = tuple(
                _text(each) for each in (values if isinstance(values, list) else [values])
            )
            found.append(Condition(operator, key.lower(), texts, quantifier, if_exists))
    return tuple(found)


def _operator(stated: str) -> tuple[Quantifier, str, bool]:
    quantifier = next(
        (each for each in Quantifier if each.value and stated.startswith(each.value)),
        Quantifier.NONE,
    )
    name = stated.removeprefix(quantifier.value)
    operator = name.removesuffix(_IF_EXISTS)
    if operator != "Null" and _NEGATED.get(operator, operator) not in _TESTS:
        raise ValueError(f"Invalid condition operator: {stated}.")
    if operator == "Null" and name != operator:
        raise ValueError(f"Invalid condition operator: {stated}.")
    return quantifier, operator, name != operator


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("Syntax errors in policy: a condition's value must be a text.")


def holds(condition: Condition, context: Mapping[str, tuple[str, ...]], *, variables: bool) -> bool:
    """Returns whether a condition holds for a request; `variables` are replaced in its values."""
    actual = context.get(condition.key)
    if condition.operator == "Null":
        return any((value.lower() == "true") == (not actual) for value in condition.values)
    test, negated = _test(condition.operator)
    if not actual:
        return _without_value(condition, negated=negated)
    expected = _expected(condition.values, context) if variables else condition.values

    def matches(value: str) -> bool:
        return any(test(value, each) for each in expected) != negated

    if condition.quantifier is Quantifier.ALL:
        return all(map(matches, actual))
    if condition.quantifier is Quantifier.NONE and negated:
        return all(map(matches, actual))
    return any(map(matches, actual))


def _without_value(condition: Condition, *, negated: bool) -> bool:
    """Returns what holds where the request has no such key."""
    if condition.quantifier is Quantifier.ALL or condition.if_exists:
        return True
    return negated and condition.quantifier is Quantifier.NONE


def _expected(values: tuple[str, ...], context: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the values with their variables replaced; one without a value matches nothing."""

    def value_of(key: str) -> str | None:
        found = context.get(key.lower())
        return found[0] if found and len(found) == 1 else None

    replaced = (substituted(value, value_of) for value in values)
    return tuple(value for value in replaced if value is not None)


def _test(operator: str) -> tuple[Callable[[str, str], bool], bool]:
    """Returns how two values are compared, and whether they must differ."""
    negated = operator in _NEGATED
    return _TESTS[_NEGATED[operator] if negated else operator], negated


# comparisons: the request's value, then the policy's


def _equal(actual: str, expected: str) -> bool:
    return actual == literal(expected)


def _equal_whatever_case(actual: str, expected: str) -> bool:
    return actual.casefold() == literal(expected).casefold()


def _like(actual: str, expected: str) -> bool:
    return like(expected, actual)


def _arn(actual: str, expected: str) -> bool:
    parts = expected.count(":") + 1
    return parts >= _ARN_PARTS and arn_matches(expected, actual) if expected != "*" else True


def _boolean(actual: str, expected: str) -> bool:
    return actual.lower() == expected.lower()


def _binary(actual: str, expected: str) -> bool:
    try:
        return base64.b64decode(actual) == base64.b64decode(expected)
    except binascii.Error:
        return False


def _address(actual: str, expected: str) -> bool:
    try:
        return ipaddress.ip_address(actual) in ipaddress.ip_network(expected, strict=False)
    except (ValueError, TypeError):  # another family
        return False


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def test(actual: str, expected: str) -> bool:
        try:
            return compare(float(actual), float(expected))
        except ValueError:
            return False

    return test


def _date(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def test(actual: str, expected: str) -> bool:
        try:
            return compare(_epoch(actual), _epoch(expected))
        except ValueError:
            return False

    return test


def _epoch(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "Equals": lambda actual, expected: actual == expected,
    "LessThan": lambda actual, expected: actual < expected,
    "LessThanEquals": lambda actual, expected: actual <= expected,
    "GreaterThan": lambda actual, expected: actual > expected,
    "GreaterThanEquals": lambda actual, expected: actual >= expected,
}
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_whatever_case,
    "StringLike": _like,
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": _boolean,
    "BinaryEquals": _binary,
    "IpAddress": _address,
    **{f"Numeric{name}": _number(compare) for name, compare in _ORDERS.items()},
    **{f"Date{name}": _date(compare) for name, compare in _ORDERS.items()},
}
"""Each operator but Null and the negated ones."""
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
"""Operators that hold where the other does not."""
