"""Reads conditions that `&&`, `||` and parentheses join: parentheses bind first, `||` last.

What a single condition looks like is the caller's: `read_one` takes its tokens off the front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.words import Kind, Token

if TYPE_CHECKING:
    from collections.abc import Callable

Subject = TypeVar("Subject")
"""What conditions are asked of: a JSON event, or a field."""

_DEEPEST = 50
"""Parentheses within each other; a pattern has 1,024 characters, and Python a stack."""


class Tokens:
    """Holds the tokens that are not read yet."""

    def __init__(self, found: list[Token]) -> None:
        self._found = found
        self._at = 0
        self.depth = 0

    def peek(self) -> Token | None:
        return self._found[self._at] if self._at < len(self._found) else None

    def take(self) -> Token:
        """Takes the next token.

        Raises:
            FilterPatternError: there is none.
        """
        token = self.peek()
        if token is None:
            raise FilterPatternError("Invalid filter pattern: it ends too early")
        self._at += 1
        return token

    def skip(self, sign: str) -> bool:
        """Takes the next token if that is this sign, and returns whether it is."""
        token = self.peek()
        found = token is not None and token.kind is Kind.SIGN and token.text == sign
        self._at += found
        return found


def expression(
    found: list[Token], read_one: Callable[[Tokens], Callable[[Subject], bool]]
) -> Callable[[Subject], bool]:
    """Returns the test that all tokens together make.

    Raises:
        FilterPatternError: they make none.
    """
    rest = Tokens(found)
    test = _any(rest, read_one)
    if (left := rest.peek()) is not None:
        raise FilterPatternError(f"Invalid filter pattern at '{left.text}'")
    return test


def _any(
    rest: Tokens, read_one: Callable[[Tokens], Callable[[Subject], bool]]
) -> Callable[[Subject], bool]:
    tests = [_all(rest, read_one)]
    while rest.skip("||"):
        tests.append(_all(rest, read_one))
    return tests[0] if len(tests) == 1 else lambda subject: any(test(subject) for test in tests)


def _all(
    rest: Tokens, read_one: Callable[[Tokens], Callable[[Subject], bool]]
) -> Callable[[Subject], bool]:
    tests = [_one(rest, read_one)]
    while rest.skip("&&"):
        tests.append(_one(rest, read_one))
    return tests[0] if len(tests) == 1 else lambda subject: all(test(subject) for test in tests)


def _one(
    rest: Tokens, read_one: Callable[[Tokens], Callable[[Subject], bool]]
) -> Callable[[Subject], bool]:
    if not rest.skip("("):
        return read_one(rest)
    rest.depth += 1
    if rest.depth > _DEEPEST:
        raise FilterPatternError("Invalid filter pattern: too many parentheses")
    test = _any(rest, read_one)
    rest.depth -= 1
    if not rest.skip(")"):
        raise FilterPatternError("Invalid filter pattern: a parenthesis does not end")
    return test
