"""Keeps queued events in the state's database, from their acceptance to their end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emulator.live.store.database import Schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from emulator.live.store.database import Database

EVENTS = Schema(
    "events",
    version=2,
    statements=(
        """CREATE TABLE events (
            id TEXT PRIMARY KEY, function TEXT NOT NULL, payload BLOB NOT NULL,
            trace TEXT NOT NULL, context TEXT NOT NULL,
            accepted REAL NOT NULL, due REAL NOT NULL,
            attempts INTEGER NOT NULL, refusals INTEGER NOT NULL,
            tenant TEXT NOT NULL DEFAULT ''
        )""",
    ),
    migrations={1: ("ALTER TABLE events ADD COLUMN tenant TEXT NOT NULL DEFAULT ''",)},
)
_WITHOUT_PAYLOAD = "id, function, trace, context, accepted, due, attempts, refusals, tenant"


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """Holds an event without its payload, which may be large; times are seconds since the epoch."""

    id: str
    """The request id of every attempt."""
    function_arn: str
    trace_id: str
    client_context: str
    accepted_at: float
    due_at: float
    attempts: int = 0
    refusals: int = 0
    tenant: str = ""


class EventStore:
    """Adds, finds, changes and takes away events; each call returns when that lasts."""

    def __init__(self, database: Database) -> None:
        """Takes a database that was opened with `EVENTS`."""
        self._database = database

    async def add(self, event: QueuedEvent, payload: bytes) -> None:
        """Keeps a new event.

        Raises:
            sqlite3.Error: the disk is full or broken.
        """
        await self._database.write(partial(_add, event=event, payload=payload))

    async def all(self) -> list[QueuedEvent]:
        """Returns what an earlier run has left, in the order of acceptance."""
        return await self._database.read(_all)

    async def clear(self, kept: Collection[str]) -> None:
        """Forgets every event but for those with ids in `kept`."""
        for event in await self.all():
            if event.id not in kept:
                await self.remove(event.id)

    async def payload(self, event_id: str) -> bytes:
        """Returns an event's payload."""
        return await self._database.read(partial(_payload, event_id=event_id))

    async def postpone(self, event: QueuedEvent) -> None:
        """Keeps when an event is due again, and what has become of it."""
        await self._database.write(partial(_postpone, event=event))

    async def remove(self, event_id: str) -> None:
        """Forgets an event that has ended."""
        await self._database.write(partial(_remove, event_id=event_id))


def _add(connection: sqlite3.Connection, event: QueuedEvent, payload: bytes) -> None:
    connection.execute(
        f"INSERT INTO events (payload, {_WITHOUT_PAYLOAD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            payload,
            event.id,
            event.function_arn,
            event.trace_id,
            event.client_context,
            event.accepted_at,
            event.due_at,
            event.attempts,
            event.refusals,
            event.tenant,
        ),
    )


def _all(connection: sqlite3.Connection) -> list[QueuedEvent]:
    rows = connection.execute(f"SELECT {_WITHOUT_PAYLOAD} FROM events ORDER BY accepted, rowid")  # noqa: S608
    return [QueuedEvent(*row) for row in rows]


def _payload(connection: sqlite3.Connection, event_id: str) -> bytes:
    row = connection.execute("SELECT payload FROM events WHERE id = ?", (event_id,)).fetchone()
    return b"" if row is None else bytes(row[0])


def _postpone(connection: sqlite3.Connection, event: QueuedEvent) -> None:
    connection.execute(
        "UPDATE events SET due = ?, attempts = ?, refusals = ? WHERE id = ?",
        (event.due_at, event.attempts, event.refusals, event.id),
    )


def _remove(connection: sqlite3.Connection, event_id: str) -> None:
    connection.execute("DELETE FROM events WHERE id = ?", (event_id,))
