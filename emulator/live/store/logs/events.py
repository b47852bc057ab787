"""Keeps log events: plain functions of a connection, to be run by the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from emulator.live.store.logs.groups import (
    create_group,
    create_stream,
    find_group,
    find_stream,
)
from emulator.live.store.logs.position import AFTER_ALL, BEFORE_ALL, Position
from emulator.telemetry.line_splitter import EVENT_OVERHEAD

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from emulator.core.function_names import Scope


class StreamName(NamedTuple):
    """Names one stream among all accounts' and regions'."""

    scope: Scope
    group: str
    stream: str


class NewEvent(NamedTuple):
    """Holds an event that is not stored yet."""

    at: int
    """Epoch milliseconds."""
    message: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Holds an event; times are epoch milliseconds."""

    position: Position
    stream: int
    ingested: int
    message: str


class Span(NamedTuple):
    """Bounds events by time, in epoch milliseconds, and by place."""

    start: int = 0
    """The first millisecond."""
    end: int = AFTER_ALL.at
    """The millisecond after the last."""
    after: Position = BEFORE_ALL
    before: Position = AFTER_ALL


_EVENT = "id, stream, at, ingested, message"


def append(
    connection: sqlite3.Connection, batch: Sequence[tuple[StreamName, NewEvent]], ingested: int
) -> None:
    """Stores events in the order of their arrival; makes groups and streams that are not there.

    `ingested` is the epoch millisecond of their arrival.
    """
    owners = {name: ensure_stream(connection, name, ingested) for name in {one[0] for one in batch}}
    grown = {owner: _Growth() for owner in owners.values()}
    rows = []
    for name, (at, message) in batch:
        group, stream = owner = owners[name]
        text, size = message, len(message) + EVENT_OVERHEAD
        if not message.isascii():
            # half a surrogate, which JSON can write, is no text that can be stored
            encoded = message.encode(errors="replace")
            text, size = encoded.decode(), len(encoded) + EVENT_OVERHEAD
        rows.append((group, stream, at, ingested, size, text))
        grown[owner].add(at, size)
    connection.executemany(
        "INSERT INTO log_events (log_group, stream, at, ingested, size, message)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    for owner, growth in grown.items():
        _grow(connection, owner, growth, ingested)


@dataclass(slots=True)
class _Growth:
    """Holds what a batch adds to a stream."""

    first: int = AFTER_ALL.at
    last: int = 0
    size: int = 0

    def add(self, at: int, size: int) -> None:
        # comparisons take a third of the time of min and max, for every line of every function
        self.first = min(self.first, at)
        self.last = max(self.last, at)
        self.size += size


def _grow(
    connection: sqlite3.Connection, owner: tuple[int, int], growth: _Growth, ingested: int
) -> None:
    group, stream = owner
    connection.execute(
        "UPDATE log_streams SET first = min(coalesce(first, ?1), ?1),"
        " last = max(coalesce(last, ?2), ?2), ingested = ?3, size = size + ?4 WHERE id = ?5",
        (growth.first, growth.last, ingested, growth.size, stream),
    )
    connection.execute("UPDATE log_groups SET size = size + ? WHERE id = ?", (growth.size, group))


def ensure_stream(
    connection: sqlite3.Connection, name: StreamName, created: int
) -> tuple[int, int]:
    """Returns the ids of a group and a stream, which are made where they are not there."""
    group = find_group(connection, name.scope, name.group)
    if group is None:
        create_group(connection, name.scope, name.group, created)
        group = find_group(connection, name.scope, name.group)
        assert group is not None
    stream = find_stream(connection, group.id, name.stream)
    if stream is None:
        create_stream(connection, group.id, name.stream, created)
        stream = find_stream(connection, group.id, name.stream)
        assert stream is not None
    return group.id, stream.id


def forward(
    connection: sqlite3.Connection, stream: int, span: Span, limit: int
) -> list[StoredEvent]:
    """Returns the first events of a stream within the span, oldest first."""
    return _events(connection, "stream", stream, span, limit=limit, order="ASC")


def backward(
    connection: sqlite3.Connection, stream: int, span: Span, limit: int
) -> list[StoredEvent]:
    """Returns the last events of a stream within the span, oldest first."""
    return _events(connection, "stream", stream, span, limit=limit, order="DESC")[::-1]


def scan(
    connection: sqlite3.Connection, group: int, span: Span, *, descending: bool = False
) -> Iterator[StoredEvent]:
    """Yields the events of a group within the span, oldest first unless `descending`."""
    order = "DESC" if descending else "ASC"
    yield from map(_event, _select(connection, "log_group", group, span, limit=-1, order=order))


def arrivals(
    connection: sqlite3.Connection, group: int, after: int, limit: int
) -> list[StoredEvent]:
    """Returns the first events of a group that came after an arrival, as they came."""
    rows = connection.execute(
        f"SELECT {_EVENT} FROM log_events WHERE id > ? AND log_group = ? ORDER BY id LIMIT ?",  # noqa: S608
        (after, group, limit),
    )
    return [_event(row) for row in rows]


def last_arrival(connection: sqlite3.Connection) -> int:
    """Returns the arrival of the newest event of all groups; 0 where there is none."""
    found: int = connection.execute("SELECT coalesce(max(id), 0) FROM log_events").fetchone()[0]
    return found


def by_arrival(connection: sqlite3.Connection, arrival: int) -> StoredEvent | None:
    """Returns the event that came as the `arrival`-th; None where there is none."""
    row = connection.execute(
        f"SELECT {_EVENT} FROM log_events WHERE id = ?",  # noqa: S608
        (arrival,),
    ).fetchone()
    return None if row is None else _event(row)


def newest(connection: sqlite3.Connection, group: int, span: Span, limit: int) -> list[StoredEvent]:
    """Returns the last events of a group within the span, oldest first."""
    return _events(connection, "log_group", group, span, limit=limit, order="DESC")[::-1]


def _events(
    connection: sqlite3.Connection, owner: str, of: int, span: Span, *, limit: int, order: str
) -> list[StoredEvent]:
    return [_event(row) for row in _select(connection, owner, of, span, limit=limit, order=order)]


def _select(
    connection: sqlite3.Connection, owner: str, of: int, span: Span, *, limit: int, order: str
) -> sqlite3.Cursor:
    return connection.execute(
        f"SELECT {_EVENT} FROM log_events WHERE {owner} = ?"  # noqa: S608  # a column's name
        " AND at >= ? AND at < ? AND (at, id) > (?, ?) AND (at, id) < (?, ?)"
        f" ORDER BY at {order}, id {order} LIMIT ?",
        (of, span.start, span.end, *span.after, *span.before, limit),
    )


def _event(row: tuple[int, int, int, int, str]) -> StoredEvent:
    arrival, stream, at, ingested, message = row
    return StoredEvent(Position(at, arrival), stream, ingested, message)
