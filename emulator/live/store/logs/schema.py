"""Describes the tables of logs.db: groups, their streams, the events of both, and batches of
events that are in no table yet.
"""

from __future__ import annotations

from emulator.live.store.database import Schema

_BATCHES = """
    CREATE TABLE log_batches (
        id INTEGER PRIMARY KEY,
        ingested INTEGER NOT NULL,
        lines INTEGER NOT NULL,
        size INTEGER NOT NULL,
        events BLOB NOT NULL
    )
    """
"""Events come last, so that a sum of sizes reads no page of theirs."""

LOGS = Schema(
    "logs",
    version=2,
    statements=(
        """
        CREATE TABLE log_groups (
            id INTEGER PRIMARY KEY,
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            name TEXT NOT NULL,
            created INTEGER NOT NULL,
            retention INTEGER,
            class TEXT NOT NULL,
            key_id TEXT,
            protected INTEGER NOT NULL,
            tags TEXT NOT NULL,
            size INTEGER NOT NULL DEFAULT 0,
            UNIQUE (account, region, name)
        )
        """,
        """
        CREATE TABLE log_streams (
            id INTEGER PRIMARY KEY,
            log_group INTEGER NOT NULL,
            name TEXT NOT NULL,
            created INTEGER NOT NULL,
            first INTEGER,
            last INTEGER,
            ingested INTEGER,
            size INTEGER NOT NULL DEFAULT 0,
            UNIQUE (log_group, name)
        )
        """,
        # AUTOINCREMENT: an id that was given once is never another event's, so that a token stays
        # right when the newest events were deleted
        """
        CREATE TABLE log_events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            log_group INTEGER NOT NULL,
            stream INTEGER NOT NULL,
            at INTEGER NOT NULL,
            ingested INTEGER NOT NULL,
            size INTEGER NOT NULL,
            message TEXT NOT NULL
        )
        """,
        "CREATE INDEX log_events_of_group ON log_events (log_group, at, id)",
        "CREATE INDEX log_events_of_stream ON log_events (stream, at, id)",
        _BATCHES,
    ),
    migrations={1: (_BATCHES,)},
)
"""Times are epoch milliseconds, retentions days, sizes bytes as CloudWatch Logs counts them."""
