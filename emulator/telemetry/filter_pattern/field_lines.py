"""Reads patterns in brackets, `[ip, user, ..., status = 4*, bytes > 1000]`, for lines of fields.

Fields stand between blanks; what stands in brackets or double quotes is one. A pattern names as
many fields as a line has, or has an ellipsis for any number of these: the guide's page of 2021 says
that `[w1=ERROR, w2]` matches `ERROR message` and not `ERROR WARN message`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.expression import expression
from emulator.telemetry.filter_pattern.operands import Scalar, condition
from emulator.telemetry.filter_pattern.words import Kind, check_regexes, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.telemetry.filter_pattern.expression import Tokens
    from emulator.telemetry.filter_pattern.words import Token

    Field = Callable[[Scalar], bool]

_ELLIPSIS = ("...", "…")
_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|%[^%]*%|[^,"%])*')


def field_pattern(text: str) -> Callable[[str], bool]:
    """Returns the test of what stands between the brackets.

    Raises:
        FilterPatternError: that is no list of fields.
    """
    parts = _parts(text)
    check_regexes([token for part in parts if part not in _ELLIPSIS for token in tokens(part)])
    gaps = [place for place, part in enumerate(parts) if part in _ELLIPSIS]
    if len(gaps) > 1:
        raise FilterPatternError("Invalid filter pattern: it has more than one ellipsis")
    if not gaps:
        whole = [_field(part) for part in parts]
        return lambda message: _all_hold(whole, fields(message))
    head = [_field(part) for part in parts[: gaps[0]]]
    tail = [_field(part) for part in parts[gaps[0] + 1 :]]
    return lambda message: _ends_hold(head, tail, fields(message))


def fields(message: str) -> list[str]:
    """Returns a line's fields, without the quotes or brackets around them."""
    return [quoted or bracketed or word for quoted, bracketed, word in _FIELD.findall(message)]


def _all_hold(tests: Sequence[Field], found: Sequence[str]) -> bool:
    return len(found) == len(tests) and all(
        test(field) for test, field in zip(tests, found, strict=True)
    )


def _ends_hold(head: Sequence[Field], tail: Sequence[Field], found: Sequence[str]) -> bool:
    if len(found) < len(head) + len(tail):
        return False
    end = len(found) - len(tail)
    return _all_hold(head, found[: len(head)]) and _all_hold(tail, found[end:])


def _parts(text: str) -> list[str]:
    """Cuts at commas outside of quotes and regular expressions."""
    parts, at = [], 0
    while True:
        match = _PART.match(text, at)
        assert match is not None  # it matches nothing as well
        parts.append(match[0].strip())
        at = match.end()
        if at >= len(text):
            return parts
        if text[at] != ",":
            raise FilterPatternError(f"Invalid filter pattern at '{text[at:]}'")
        at += 1


def _field(part: str) -> Field:
    """Returns the test of a field; a name alone, or nothing, takes any."""
    found = tokens(part)
    if len(found) <= 1 and all(token.kind is Kind.WORD for token in found):
        return _anything
    test: Field = expression(found, _read)
    return test


def _anything(_: Scalar) -> bool:
    return True


def _read(rest: Tokens) -> Field:
    name = rest.take()
    comparison = rest.take()
    operand = rest.take()
    if name.kind is not Kind.WORD or not _compares(comparison) or operand.kind is Kind.SIGN:
        raise FilterPatternError(
            f"Invalid filter pattern at '{name.text} {comparison.text} {operand.text}'"
        )
    return condition(comparison.text, operand.operand)


def _compares(token: Token) -> bool:
    return token.kind is Kind.SIGN and token.text not in ("&&", "||", "(", ")")
