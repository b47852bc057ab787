"""Bounds the logs: events beyond their group's retention go, and the oldest beyond all space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.live.store.logs.aside import drop_oldest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_DAY_MS = 86_400_000
_CHUNK = 1000
"""Events that are looked at at once, where some must go."""
_SLACK = 0.01
"""Share of the limit that is freed beyond need, so that not every batch must delete."""


def expire(connection: sqlite3.Connection, now: int) -> None:
    """Deletes what is older than its group's retention; `now` is in epoch milliseconds."""
    groups = connection.execute(
        "SELECT id, retention FROM log_groups WHERE retention IS NOT NULL"
    ).fetchall()
    for group, days in groups:
        bounds = (group, now - days * _DAY_MS)
        sizes = connection.execute(
            "SELECT stream, sum(size) FROM log_events WHERE log_group = ? AND at < ?"
            " GROUP BY stream",
            bounds,
        ).fetchall()
        if sizes:
            connection.execute("DELETE FROM log_events WHERE log_group = ? AND at < ?", bounds)
            _shrink(connection, sizes)


def forget_empty_streams(connection: sqlite3.Connection, now: int) -> None:
    """Deletes streams whose events are all gone since a day; each sandbox leaves one behind."""
    connection.execute("DELETE FROM log_streams WHERE size = 0 AND ingested < ?", (now - _DAY_MS,))


def shrink_to(connection: sqlite3.Connection, limit: int) -> None:
    """Deletes the events that came first until all together have `limit` bytes at most."""
    size: int = connection.execute(
        "SELECT (SELECT coalesce(sum(size), 0) FROM log_groups)"
        " + (SELECT coalesce(sum(size), 0) FROM log_batches)"
    ).fetchone()[0]
    if size <= limit:
        return
    excess = size - int(limit * (1 - _SLACK))
    while excess > 0:
        rows = connection.execute(
            "SELECT id, stream, size FROM log_events ORDER BY id LIMIT ?", (_CHUNK,)
        ).fetchall()
        if not rows:  # what is in no table came later
            excess -= (dropped := drop_oldest(connection))
            if dropped:
                continue
            return
        freed: dict[int, int] = {}
        last = 0
        for event, stream, event_size in rows:
            if excess <= 0:
                break
            last = event
            excess -= event_size
            freed[stream] = freed.get(stream, 0) + event_size
        connection.execute("DELETE FROM log_events WHERE id <= ?", (last,))
        _shrink(connection, freed.items())


def _shrink(connection: sqlite3.Connection, freed: Iterable[tuple[int, int]]) -> None:
    """Takes freed bytes off streams and their groups; a stream begins at what is left of it."""
    for stream, size in freed:
        connection.execute(
            "UPDATE log_groups SET size = size - ? WHERE id ="
            " (SELECT log_group FROM log_streams WHERE id = ?)",
            (size, stream),
        )
        connection.execute(
            "UPDATE log_streams SET size = size - ?1,"
            " first = (SELECT min(at) FROM log_events WHERE stream = ?2) WHERE id = ?2",
            (size, stream),
        )
