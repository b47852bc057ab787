"""Keeps log groups and their streams: plain functions of a connection, for the database to run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from emulator.core.function_names import Scope

STANDARD = "STANDARD"
"""The class of a group that names none."""


@dataclass(frozen=True, slots=True)
class LogGroup:
    """Holds one group; times are epoch milliseconds, sizes bytes."""

    id: int
    name: str
    created: int
    retention_days: int | None
    log_class: str
    key_id: str | None
    protected: bool
    tags: Mapping[str, str]
    size: int


@dataclass(frozen=True, slots=True)
class LogStream:
    """Holds one stream; times are epoch milliseconds, None before the first event."""

    id: int
    name: str
    created: int
    first: int | None
    last: int | None
    ingested: int | None
    size: int


_GROUP = "id, name, created, retention, class, key_id, protected, tags, size"
_STREAM = "id, name, created, first, last, ingested, size"


def create_group(
    connection: sqlite3.Connection,
    scope: Scope,
    name: str,
    created: int,
    *,
    log_class: str = STANDARD,
    key_id: str | None = None,
    protected: bool = False,
    tags: Mapping[str, str] | None = None,
) -> bool:
    """Makes a group and returns whether there was none of the name."""
    row = (
        scope.account,
        scope.region,
        name,
        created,
        log_class,
        key_id,
        protected,
        json.dumps(tags or {}),
    )
    found = connection.execute(
        "INSERT OR IGNORE INTO log_groups"
        " (account, region, name, created, class, key_id, protected, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    return found.rowcount == 1


def find_group(connection: sqlite3.Connection, scope: Scope, name: str) -> LogGroup | None:
    """Returns a log group; None where there is none of the name."""
    row = connection.execute(
        f"SELECT {_GROUP} FROM log_groups WHERE account = ? AND region = ? AND name = ?",  # noqa: S608
        (scope.account, scope.region, name),
    ).fetchone()
    return None if row is None else _group(row)


def list_groups(
    connection: sqlite3.Connection, scope: Scope, after: str = "", limit: int = -1
) -> list[LogGroup]:
    """Returns the groups whose names come after `after`, in the order of names."""
    rows = connection.execute(
        f"SELECT {_GROUP} FROM log_groups"  # noqa: S608
        " WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?",
        (scope.account, scope.region, after, limit),
    )
    return [_group(row) for row in rows]


def delete_group(connection: sqlite3.Connection, group: int) -> None:
    """Deletes a group with its streams and events."""
    connection.execute("DELETE FROM log_events WHERE log_group = ?", (group,))
    connection.execute("DELETE FROM log_streams WHERE log_group = ?", (group,))
    connection.execute("DELETE FROM log_groups WHERE id = ?", (group,))


def set_retention(connection: sqlite3.Connection, group: int, days: int | None) -> None:
    """Sets for how many days a group keeps its events; None: for ever."""
    connection.execute("UPDATE log_groups SET retention = ? WHERE id = ?", (days, group))


def set_tags(connection: sqlite3.Connection, group: int, tags: Mapping[str, str]) -> None:
    """Puts a group's tags in the place of earlier ones."""
    connection.execute("UPDATE log_groups SET tags = ? WHERE id = ?", (json.dumps(tags), group))


def create_stream(connection: sqlite3.Connection, group: int, name: str, created: int) -> bool:
    """Makes a stream and returns whether there was none of the name."""
    found = connection.execute(
        "INSERT OR IGNORE INTO log_streams (log_group, name, created) VALUES (?, ?, ?)",
        (group, name, created),
    )
    return found.rowcount == 1


def find_stream(connection: sqlite3.Connection, group: int, name: str) -> LogStream | None:
    """Returns a group's stream; None where there is none of the name."""
    row = connection.execute(
        f"SELECT {_STREAM} FROM log_streams WHERE log_group = ? AND name = ?",  # noqa: S608
        (group, name),
    ).fetchone()
    return None if row is None else LogStream(*row)


def list_streams(connection: sqlite3.Connection, group: int) -> list[LogStream]:
    """Returns a group's streams in the order of names."""
    rows = connection.execute(
        f"SELECT {_STREAM} FROM log_streams WHERE log_group = ? ORDER BY name",  # noqa: S608
        (group,),
    )
    return [LogStream(*row) for row in rows]


def stream_names(connection: sqlite3.Connection, group: int) -> dict[int, str]:
    """Returns the names of a group's streams by their ids."""
    rows = connection.execute("SELECT id, name FROM log_streams WHERE log_group = ?", (group,))
    return dict(rows.fetchall())


def delete_stream(connection: sqlite3.Connection, stream: int) -> None:
    """Deletes a stream with its events."""
    connection.execute("DELETE FROM log_events WHERE stream = ?", (stream,))
    connection.execute(
        "UPDATE log_groups SET size = size - (SELECT size FROM log_streams WHERE id = ?)"
        " WHERE id = (SELECT log_group FROM log_streams WHERE id = ?)",
        (stream, stream),
    )
    connection.execute("DELETE FROM log_streams WHERE id = ?", (stream,))


def _group(row: tuple[int, str, int, int | None, str, str | None, int, str, int]) -> LogGroup:
    id_, name, created, days, log_class, key_id, protected, tags, size = row
    return LogGroup(
        id_, name, created, days, log_class, key_id, bool(protected), json.loads(tags), size
    )
