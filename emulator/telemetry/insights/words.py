"""Cuts a query into tokens, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


class QueryError(ValueError):
    """Reports a query that is none, or asks for what is not emulated; a sentence."""


class Kind(Enum):
    """Tells what a token is."""

    NUMBER = auto()
    PERIOD = auto()
    """`5m`, `1h`."""
    STRING = auto()
    NAME = auto()
    """A field, a function or a keyword."""
    FIELD = auto()
    """A name between backquotes, which is a field whatever it looks like."""
    SIGN = auto()
    REGEX = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """Holds one piece of a query."""

    kind: Kind
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Returns whether the token is one of these keywords or signs."""
        plain = self.kind in (Kind.NAME, Kind.SIGN)
        return plain and self.text.lower() in words


_TOKEN = re.compile(
    r"""(?P<PERIOD>\d+(?:ms|s|m|h|d|w)\b) | (?P<NUMBER>\d+\.?\d*(?:[eE][+-]?\d+)?)
    | "(?P<STRING>(?:[^"\\]|\\.)*)" | '(?P<QUOTED>(?:[^'\\]|\\.)*)' | `(?P<FIELD>[^`]*)`
    | (?P<NAME>[A-Za-z_@][\w.@]*) | (?P<SIGN>=~|!=|<=|>=|[-+*/%=<>()\[\],|])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)+)/", re.DOTALL)
_NUMBERS = frozenset({"NUMBER", "PERIOD"})
_MOST_DIGITS = 100
_BLANK = re.compile(r"(?:\s|\#[^\n]*)*")


def tokens(text: str) -> list[Token]:
    """Returns a query's tokens.

    Raises:
        QueryError: there is a character that no query has.
    """
    found: list[Token] = []
    at = _past_blank(text, 0)
    while at < len(text):
        token = _regex(text, at) if _wants_regex(found) else None
        token = token or _plain(text, at)
        found.append(token)
        at = _past_blank(text, token.end)
    return found


def _past_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    assert match is not None  # it matches nothing as well
    return match.end()


def _wants_regex(found: list[Token]) -> bool:
    """Returns whether a slash begins a regular expression, and is no division."""
    if not found:
        return False
    if found[-1].is_word("like", "=~"):
        return True
    begin = max((i + 1 for i, one in enumerate(found) if one.is_word("|")), default=0)
    return len(found) - begin == 2 and found[begin].is_word("parse")  # noqa: PLR2004


def _regex(text: str, at: int) -> Token | None:
    match = _REGEX.match(text, at)
    return None if match is None else Token(Kind.REGEX, match[1], at, match.end())


def _plain(text: str, at: int) -> Token:
    match = _TOKEN.match(text, at)
    too_long = match is not None and match.lastgroup in _NUMBERS and len(match[0]) > _MOST_DIGITS
    if match is None or match.lastgroup is None or too_long:
        raise QueryError(f"unexpected symbol found {text[at]} at position {at}")
    name = match.lastgroup
    value = match[name]
    kind = Kind.STRING if name == "QUOTED" else Kind[name]
    if kind is Kind.STRING:
        value = re.sub(r"\\(.)", r"\1", value)
    return Token(kind, value, at, match.end())
