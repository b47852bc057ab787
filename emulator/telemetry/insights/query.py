"""Reads a query, and runs its commands one after another over the rows of a time.

Source: the user guide's pages of the commands. A query shows @timestamp and @message where no
command says what to show, and 10,000 rows at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.telemetry.insights.expression import Parser
from emulator.telemetry.insights.functions import number, text, truth
from emulator.telemetry.insights.operators import regular_expression
from emulator.telemetry.insights.row import Group, timestamp
from emulator.telemetry.insights.words import Kind, QueryError, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from emulator.telemetry.insights.row import Row, Value
    from emulator.telemetry.insights.words import Token

    Step = Callable[[list[Row]], list[Row]]

_MOST_ROWS = 10_000
_DEFAULT_SHOWN = ("@timestamp", "@message")
_CHOOSING = ("fields", "display", "filter", "where", "parse", "sort", "order")
"""Commands that leave events as they are, or out where these do not match."""
_TIMES = ("@timestamp", "@ingestionTime")


@dataclass(frozen=True, slots=True)
class Query:
    """Holds a query that was read."""

    steps: tuple[Step, ...] = ()
    shown: tuple[str, ...] = ()
    """Fields that a command named; empty for the default."""
    is_grouped: bool = False
    """Whether rows stand for groups of events, and have no pointer."""

    matching: int = 0
    """How many of the steps, from the first on, choose which events match."""

    def run(self, rows: Iterable[Row], limit: int = _MOST_ROWS) -> list[list[tuple[str, str]]]:
        """Returns the fields and values of each row of the result; `rows` are newest first."""
        return self.shown_rows(self.matched(rows), limit)

    def matched(self, rows: Iterable[Row]) -> list[Row]:
        """Returns the events that match, before a command sums them up or leaves some out."""
        kept = list(rows)
        for step in self.steps[: self.matching]:
            kept = step(kept)
        return kept

    def shown_rows(self, matched: list[Row], limit: int) -> list[list[tuple[str, str]]]:
        """Returns the fields and values of each row of the result."""
        for step in self.steps[self.matching :]:
            matched = step(matched)
        return [self._fields(row) for row in matched[:limit]]

    def _fields(self, row: Row) -> list[tuple[str, str]]:
        found = [
            (name, _shown(name, value))
            for name in self.shown or _DEFAULT_SHOWN
            if (value := row.get(name)) is not None
        ]
        return found if self.is_grouped else [*found, ("@ptr", row.pointer)]


def read(source: str) -> Query:
    """Returns what a query asks for.

    Raises:
        QueryError: the query is none, or asks for what is not emulated.
    """
    query = Query()
    for command in _commands(tokens(source)):
        query = _with_command(query, command, source)
    return query


def _commands(found: Sequence[Token]) -> list[list[Token]]:
    commands: list[list[Token]] = [[]]
    for token in found:
        if token.is_word("|"):
            commands.append([])
        else:
            commands[-1].append(token)
    if not all(commands):
        raise QueryError("a command is empty")
    return commands


def _with_command(query: Query, command: list[Token], source: str) -> Query:
    word = command[0].text.lower()
    if word in _CHOOSING and query.matching == len(query.steps):
        return replace(told := _command(query, word, command, source), matching=len(told.steps))
    return _command(query, word, command, source)


def _command(query: Query, word: str, command: list[Token], source: str) -> Query:
    parser = Parser(command[1:], source, of_groups=word == "stats")
    match word:
        case "fields" | "display":
            query = _shows(query, parser, replaces=word == "display")
        case "filter" | "where":
            test = parser.expression()
            query = _then(query, lambda rows: [row for row in rows if truth(test(row))])
        case "sort" | "order":
            query = _then(query, _sort(parser))
        case "limit" | "head":
            count = _whole(parser.take())
            query = _then(query, lambda rows: rows[:count])
        case "parse":
            query = _parse(query, parser)
        case "dedup":
            query = _then(query, _dedup(parser))
        case "stats":
            query = _stats(query, parser)
        case _:
            raise QueryError(f"the command {command[0].text} is not emulated")
    if (left := parser.peek()) is not None:
        raise QueryError(f"unexpected symbol found {left.text} at position {left.start}")
    return query


def _then(query: Query, step: Step) -> Query:
    return replace(query, steps=(*query.steps, step))


def _shows(query: Query, parser: Parser, *, replaces: bool) -> Query:
    named = [parser.named()]
    while parser.skip(","):
        named.append(parser.named())

    def step(rows: list[Row]) -> list[Row]:
        for row in rows:
            row.made.update({name: compute(row) for name, compute in named})
        return rows

    names = tuple(name for name, _ in named)
    kept = () if replaces else query.shown
    return replace(_then(query, step), shown=tuple(dict.fromkeys((*kept, *names))))


def _sort(parser: Parser) -> Step:
    keys = []
    while True:
        compute = parser.expression()
        descending = not parser.skip("asc") and parser.skip("desc")
        keys.append((compute, descending))
        if not parser.skip(","):
            break

    def step(rows: list[Row]) -> list[Row]:
        for compute, descending in reversed(keys):
            rows = sorted(rows, key=lambda row: _order(compute(row)), reverse=descending)
        return rows

    return step


def _order(value: Value) -> tuple[int, float, str]:
    """Orders what is not there before numbers, and these before text."""
    if value is None:
        return 0, 0.0, ""
    found = number(value)
    return (2, 0.0, text(value)) if found is None else (1, found, "")


def _whole(token: Token) -> int:
    if token.kind is not Kind.NUMBER or not token.text.isdecimal():
        raise QueryError(f"'{token.text}' is no number of rows")
    return min(int(token.text), _MOST_ROWS)


def _parse(query: Query, parser: Parser) -> Query:
    """Reads `parse FIELD "a * b *" as x, y` or `parse FIELD /…(?<x>…)…/`."""
    source, pattern = parser.name(), parser.take()
    names: list[str] = []
    if pattern.kind is Kind.REGEX:
        expression = regular_expression(pattern.text)
        names = list(expression.groupindex)
    elif pattern.kind is Kind.STRING:
        expression = regular_expression(_glob(pattern.text))
        parser.expect("as")
        names.append(parser.name())
        while parser.skip(","):
            names.append(parser.name())
    else:
        raise QueryError(f"'{pattern.text}' is no string and no regular expression")
    if len(names) != expression.groups:
        raise QueryError(f"{expression.groups} values are parsed, and {len(names)} are named")

    def step(rows: list[Row]) -> list[Row]:
        for row in rows:
            found = expression.search(text(row.get(source)))
            if found is not None:
                row.made.update(zip(names, found.groups(), strict=True))
        return rows

    return _then(query, step)


def _glob(pattern: str) -> str:
    """Returns the regular expression of a pattern with asterisks, the last of them greedy."""
    *starts, last = (re.escape(part) for part in pattern.split("*"))
    return "(.*?)".join(starts) + ("(.*)" if not last else "(.*?)" + last) if starts else last


def _dedup(parser: Parser) -> Step:
    names = [parser.name()]
    while parser.skip(","):
        names.append(parser.name())

    def step(rows: list[Row]) -> list[Row]:
        first: dict[tuple[Value, ...], Row] = {}
        for row in rows:
            first.setdefault(tuple(row.get(name) for name in names), row)
        return list(first.values())

    return step


def _stats(query: Query, parser: Parser) -> Query:
    figures = [parser.named()]
    while parser.skip(","):
        figures.append(parser.named())
    groups = _groups(parser) if parser.skip("by") else []

    def step(rows: list[Row]) -> list[Row]:
        found: dict[tuple[Value, ...], list[Row]] = {} if groups else {(): []}
        # oldest first: what is the earliest value depends on the order
        for row in sorted(rows, key=lambda row: row.at):
            found.setdefault(tuple(compute(row) for _, compute in groups), []).append(row)
        return [_group(key, members) for key, members in found.items()]

    def _group(key: tuple[Value, ...], members: list[Row]) -> Row:
        made = dict(zip((name for name, _ in groups), key, strict=True))
        made |= {name: compute(members) for name, compute in figures}
        return Group.of(made)

    names = tuple(name for name, _ in (*groups, *figures))
    return replace(_then(query, step), shown=names, is_grouped=True)


def _groups(parser: Parser) -> list[tuple[str, Callable[[Row], Value]]]:
    parser.of_groups = False
    found = [parser.named()]
    while parser.skip(","):
        found.append(parser.named())
    return found


def _shown(name: str, value: Value) -> str:
    if name in _TIMES and isinstance(value, int | float):
        return timestamp(value)
    return text(value)
