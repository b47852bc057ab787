"""Keeps batches of lines that are on the disk and not in the tables of events yet.

An event costs two entries in indexes, which is most of what a line of a function under load costs;
a batch is one row, whatever it has. Plain functions of a connection, to be run by the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from emulator.core.function_names import Scope
from emulator.live.store.logs.events import NewEvent, StreamName, append
from emulator.telemetry.line_splitter import EVENT_OVERHEAD

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


class _Kept(msgspec.Struct, array_like=True):
    """Holds a batch as its row has it."""

    streams: list[tuple[str, str, str, str]]
    """Account, region, group and stream of each stream that has lines."""
    lines: list[tuple[int, float, str]]
    """Place of the line's stream among the streams, epoch seconds and text, in order of arrival."""


_decoder = msgspec.msgpack.Decoder(_Kept)


def put_aside(
    connection: sqlite3.Connection, lines: Sequence[tuple[StreamName, float, str]], ingested: int
) -> None:
    """Stores a batch; `ingested` is the epoch millisecond of its arrival.

    Raises:
        UnicodeEncodeError: a line has half a surrogate; nothing is stored.
    """
    places: dict[StreamName, int] = {}
    kept = [(places.setdefault(name, len(places)), at, line) for name, at, line in lines]
    streams = [(scope.account, scope.region, group, stream) for scope, group, stream in places]
    packed = msgspec.msgpack.encode(_Kept(streams, kept))
    size = len(packed) + EVENT_OVERHEAD * len(kept)
    connection.execute(
        "INSERT INTO log_batches (ingested, lines, size, events) VALUES (?, ?, ?, ?)",
        (ingested, len(kept), size, packed),
    )


def waiting(connection: sqlite3.Connection) -> int:
    """Returns how many lines of all batches are not among the events yet."""
    found: int = connection.execute("SELECT coalesce(sum(lines), 0) FROM log_batches").fetchone()[0]
    return found


def index_oldest(connection: sqlite3.Connection) -> int:
    """Makes events of the batch that came first; returns its lines, 0 where there is none."""
    row = connection.execute(
        "SELECT id, ingested, events FROM log_batches ORDER BY id LIMIT 1"
    ).fetchone()
    if row is None:
        return 0
    batch, ingested, packed = row
    kept = _decoder.decode(packed)
    names = [StreamName(Scope(*scope), group, stream) for *scope, group, stream in kept.streams]
    events = [(names[place], NewEvent(int(at * 1000), line)) for place, at, line in kept.lines]
    append(connection, events, ingested)
    connection.execute("DELETE FROM log_batches WHERE id = ?", (batch,))
    return len(events)


def drop_oldest(connection: sqlite3.Connection) -> int:
    """Deletes the batch that came first; returns its size, 0 where there is none."""
    row = connection.execute("SELECT id, size FROM log_batches ORDER BY id LIMIT 1").fetchone()
    if row is None:
        return 0
    batch, size = row
    connection.execute("DELETE FROM log_batches WHERE id = ?", (batch,))
    found: int = size
    return found
