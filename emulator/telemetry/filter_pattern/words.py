"""Cuts a filter pattern into words, and the conditions in braces and brackets into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from emulator.telemetry.filter_pattern.errors import FilterPatternError
from emulator.telemetry.filter_pattern.operands import Operand

_MOST_REGEXES = 2
"""Regular expressions of a pattern with conditions (the user guide's quota)."""
_TERM = re.compile(
    r"""\s*(?P<sign>[?-]?)
    (?:"(?P<phrase>(?:[^"\\]|\\.)*)" | %(?P<regex>[^%]*)% | (?P<word>[^\s"%]+))
    (?=\s|$)""",
    re.VERBOSE | re.DOTALL,
)
_TOKEN = re.compile(
    r"""\s*(?:"(?P<phrase>(?:[^"\\]|\\.)*)" | %(?P<regex>[^%]*)%
    | (?P<sign>&&|\|\||>=|<=|!=|=|<|>|\(|\))
    | (?P<selector>\$(?:\.?\[(?:'[^']*'|"[^"]*"|[^\]]*)\]|\.?[\w*:-]+|\.)*)
    | (?P<word>[^\s()&|=!<>"%]+))""",
    re.VERBOSE | re.DOTALL,
)


class Kind(Enum):
    """Tells what a token is."""

    SIGN = auto()
    """An operator or a parenthesis."""
    SELECTOR = auto()
    """`$` and what follows it: a property of a JSON event."""
    WORD = auto()
    STRING = auto()
    REGEX = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """Holds one piece of a condition."""

    kind: Kind
    text: str

    @property
    def operand(self) -> Operand:
        """Returns the token as what stands behind an operator."""
        kind = self.kind
        return Operand(self.text, is_quoted=kind is Kind.STRING, is_regex=kind is Kind.REGEX)


@dataclass(frozen=True, slots=True)
class Term:
    """Holds one word, phrase or regular expression of an unstructured pattern."""

    sign: str
    """`?` for any of several, `-` for one that must be absent, else empty."""
    operand: Operand


_KINDS = {
    "phrase": Kind.STRING,
    "regex": Kind.REGEX,
    "sign": Kind.SIGN,
    "selector": Kind.SELECTOR,
    "word": Kind.WORD,
}


def terms(pattern: str) -> list[Term]:
    """Returns the terms of an unstructured pattern.

    Raises:
        FilterPatternError: a quote does not end, or a word needs quotes.
    """
    found, at = [], 0
    while pattern[at:].strip():
        match = _TERM.match(pattern, at)
        if match is None:
            raise FilterPatternError(f"Invalid term at '{pattern[at:].strip()}'")
        found.append(_term(match))
        at = match.end()
    return found


def tokens(expression: str) -> list[Token]:
    """Returns the tokens of a condition.

    Raises:
        FilterPatternError: there is a character that no condition has, or too many expressions.
    """
    found, at = [], 0
    while expression[at:].strip():
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise FilterPatternError(f"Invalid filter pattern at '{expression[at:].strip()}'")
        kind, text = _KINDS[match.lastgroup], match[match.lastgroup]
        found.append(Token(kind, _unescaped(text) if kind is Kind.STRING else text))
        at = match.end()
    check_regexes(found)
    return found


def check_regexes(found: list[Token]) -> None:
    """Refuses more regular expressions than CloudWatch Logs takes.

    Raises:
        FilterPatternError: there are more.
    """
    if sum(token.kind is Kind.REGEX for token in found) > _MOST_REGEXES:
        raise FilterPatternError(f"A filter pattern has at most {_MOST_REGEXES} regexes")


def _term(match: re.Match[str]) -> Term:
    sign = match["sign"]
    if match["phrase"] is not None:
        return Term(sign, Operand(_unescaped(match["phrase"]), is_quoted=True))
    if match["regex"] is not None:
        return Term(sign, Operand(match["regex"], is_regex=True))
    word = match["word"]
    if not word.replace("_", "").isalnum():
        raise FilterPatternError(f"Invalid character(s) in term '{word}'")
    return Term(sign, Operand(word))


def _unescaped(text: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", text)
