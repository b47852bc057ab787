"""Reads the expressions of queries into functions of a row, or of the rows of a group."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from emulator.telemetry.insights.functions import (
    AGGREGATES,
    SCALARS,
    number,
    percentile,
    text,
    truth,
)
from emulator.telemetry.insights.operators import (
    COMPARISONS,
    both,
    compared,
    computed,
    either,
    member,
    regular_expression,
)
from emulator.telemetry.insights.row import timestamp
from emulator.telemetry.insights.words import Kind, QueryError, Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.telemetry.insights.row import Row, Value

    Compute = Callable[[Any], Value]
    """Computes of a row; in `stats`, of a list of rows."""

_SUMS: dict[str, Callable[[float, float], float]] = {"+": operator.add, "-": operator.sub}
_PRODUCTS: dict[str, Callable[[float, float], float]] = {
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
}
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DEEPEST = 40
_PERCENTILES = ("pct", "percentile")


class Parser:
    """Reads tokens one after another; `of_groups` lets functions of whole groups in."""

    def __init__(self, found: Sequence[Token], source: str, *, of_groups: bool = False) -> None:
        self._tokens = found
        self._source = source
        self.of_groups = of_groups
        self._at = 0
        self._depth = 0

    # tokens

    @property
    def is_done(self) -> bool:
        return self._at == len(self._tokens)

    def peek(self) -> Token | None:
        return None if self.is_done else self._tokens[self._at]

    def take(self) -> Token:
        """Takes the next token.

        Raises:
            QueryError: the command ends here.
        """
        token = self.peek()
        if token is None:
            raise QueryError("the query ends too early")
        self._at += 1
        return token

    def skip(self, *words: str) -> bool:
        """Takes the next token if that is one of the words, and returns whether it is."""
        token = self.peek()
        found = token is not None and token.is_word(*words)
        self._at += found
        return found

    def expect(self, word: str) -> None:
        """Takes the next token, which must be `word`.

        Raises:
            QueryError: something else comes.
        """
        token = self.peek()
        if not self.skip(word):
            came = "its end" if token is None else f"'{token.text}'"
            raise QueryError(f"expected '{word}' instead of {came}")

    def name(self) -> str:
        """Takes a field's name.

        Raises:
            QueryError: something else comes.
        """
        token = self.take()
        if token.kind not in (Kind.NAME, Kind.FIELD):
            raise QueryError(f"'{token.text}' is no field")
        return token.text

    def named(self) -> tuple[str, Compute]:
        """Takes an expression, and the name that it has or is given with `as`."""
        start = self._at
        compute = self.expression()
        written = self._source[self._tokens[start].start : self._tokens[self._at - 1].end]
        if self._at - start == 1:
            written = self._tokens[start].text
        return (self.name() if self.skip("as") else written), compute

    # expressions, the loosest binding first

    def expression(self) -> Compute:
        """Reads an expression, and returns what computes its value.

        Raises:
            QueryError: there is none, or it is not emulated.
        """
        self._depth += 1
        if self._depth > _DEEPEST:
            raise QueryError("the expression is too deep")
        left = self._conjunction()
        while self.skip("or"):
            left = either(left, self._conjunction())
        self._depth -= 1
        return left

    def _conjunction(self) -> Compute:
        left = self._negation()
        while self.skip("and"):
            left = both(left, self._negation())
        return left

    def _negation(self) -> Compute:
        if not self.skip("not"):
            return self._comparison()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise QueryError("the expression is too deep")
        inner = self._negation()
        self._depth -= 1
        return lambda row: float(not truth(inner(row)))

    def _comparison(self) -> Compute:
        left = self._sum()
        token = self.peek()
        if token is None:
            return left
        if self.skip(*COMPARISONS):
            return compared(token.text, left, self._sum())
        negated = self.skip("not")
        if self.skip("like", "=~"):
            found = self._like(left)
        elif self.skip("in"):
            found = member(left, self._list())
        elif negated:
            raise QueryError("expected 'like' or 'in' after 'not'")
        else:
            return left
        return (lambda row: float(not truth(found(row)))) if negated else found

    def _like(self, left: Compute) -> Compute:
        token = self.take()
        if token.kind is Kind.STRING:
            return lambda row: float(token.text in text(left(row)))
        if token.kind is not Kind.REGEX:
            raise QueryError(f"'{token.text}' is no string and no regular expression")
        pattern = regular_expression(token.text)
        return lambda row: float(pattern.search(text(left(row))) is not None)

    def _list(self) -> list[Compute]:
        self.expect("[")
        members = [self._sum()]
        while self.skip(","):
            members.append(self._sum())
        self.expect("]")
        return members

    def _sum(self) -> Compute:
        left = self._product()
        while (token := self.peek()) is not None and self.skip(*_SUMS):
            left = computed(_SUMS[token.text], left, self._product())
        return left

    def _product(self) -> Compute:
        left = self._factor()
        while (token := self.peek()) is not None and self.skip(*_PRODUCTS):
            left = computed(_PRODUCTS[token.text], left, self._factor())
        return left

    def _factor(self) -> Compute:
        token = self.take()
        match token.kind:
            case Kind.NUMBER:
                value = float(token.text)
                return lambda _: value
            case Kind.STRING:
                return lambda _: token.text
            case Kind.FIELD:
                return self._field(token.text)
            case Kind.NAME:
                return self._call(token) if self.skip("(") else self._field(token.text)
        if token.is_word("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if token.is_word("-"):
            return computed(operator.sub, lambda _: 0.0, self._product())
        raise QueryError(f"unexpected symbol found {token.text} at position {token.start}")

    def _field(self, name: str) -> Compute:
        if self.of_groups:  # what a group is by is the same in all of its rows
            return lambda rows: rows[0].get(name) if rows else None
        return lambda row: row.get(name)

    def _call(self, token: Token) -> Compute:
        name = token.text.lower()
        if name == "bin":
            return self._bin()
        if self.of_groups and (name in AGGREGATES or name in _PERCENTILES):
            return self._aggregate(name)
        if name not in SCALARS:
            raise QueryError(f"the function {token.text} is not emulated")
        least, most, compute = SCALARS[name]
        arguments = self._arguments()
        if not least <= len(arguments) <= most:
            raise QueryError(f"{token.text} has {len(arguments)} arguments")
        return lambda row: compute([argument(row) for argument in arguments])

    def _arguments(self) -> list[Compute]:
        if self.skip(")"):
            return []
        found = [self.expression()]
        while self.skip(","):
            found.append(self.expression())
        self.expect(")")
        return found

    def _aggregate(self, name: str) -> Compute:
        """Takes the rest of a call of a function of groups, whose arguments are of rows."""
        self.of_groups = False
        star = self.skip("*")
        if star:
            self.expect(")")
        arguments = [] if star else self._arguments()
        self.of_groups = True
        if name in _PERCENTILES:
            if len(arguments) != 2:  # noqa: PLR2004
                raise QueryError(f"{name} has a field and a rank")
            rank = number(arguments[1](None)) or 0.0
            return lambda rows: percentile([arguments[0](row) for row in rows], rank)
        compute = AGGREGATES[name]
        of_row: Compute = arguments[0] if arguments else lambda _: 1.0
        return lambda rows: compute([of_row(row) for row in rows])

    def _bin(self) -> Compute:
        """Takes the rest of `bin(5m)`, the start of the time that an event is in."""
        token = self.take()
        if token.kind is not Kind.PERIOD:
            raise QueryError(f"'{token.text}' is no period such as 5m")
        self.expect(")")
        digits = token.text.rstrip("mshdw")
        length = int(digits) * _UNITS[token.text.removeprefix(digits)]
        if not length:
            raise QueryError(f"'{token.text}' is no period such as 5m")

        def compute(row: Row) -> Value:
            at = number(row.get("@timestamp")) or 0.0
            return timestamp(at // length * length)

        return compute
