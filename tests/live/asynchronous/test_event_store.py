from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.live.asynchronous.event_store import EVENTS, EventStore, QueuedEvent
from emulator.live.store.database import Database, Schema

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

EVENT = QueuedEvent("id-1", "arn:f", "Root=1", "{}", 10.5, 10.5, tenant="blue")
FIRST = Schema(
    "events",
    version=1,
    statements=(
        """CREATE TABLE events (
            id TEXT PRIMARY KEY, function TEXT NOT NULL, payload BLOB NOT NULL,
            trace TEXT NOT NULL, context TEXT NOT NULL,
            accepted REAL NOT NULL, due REAL NOT NULL,
            attempts INTEGER NOT NULL, refusals INTEGER NOT NULL
        )""",
        "INSERT INTO events VALUES ('id-1', 'arn:f', 'p', 'Root=1', '{}', 10.5, 10.5, 0, 0)",
    ),
)
"""The tables before events had tenants."""


async def test_event_outlives_its_database(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", [EVENTS])
    await EventStore(database).add(EVENT, b"\x00payload")
    later = replace(EVENT, due_at=70.5, attempts=1, refusals=2)
    await EventStore(database).postpone(later)
    database.close()
    again = Database(tmp_path / "state.db", [EVENTS])
    store = EventStore(again)
    assert await store.all() == [later]
    assert await store.payload("id-1") == b"\x00payload"
    again.close()


async def test_events_come_in_the_order_of_acceptance(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", [EVENTS])
    store = EventStore(database)
    for number in (3, 1, 2):
        await store.add(replace(EVENT, id=str(number), accepted_at=number), b"")
    await store.remove("2")
    assert [event.id for event in await store.all()] == ["1", "3"]
    database.close()


async def test_event_of_an_earlier_version_has_no_tenant(tmp_path: Path) -> None:
    Database(tmp_path / "state.db", [FIRST]).close()
    database = Database(tmp_path / "state.db", [EVENTS])
    assert await EventStore(database).all() == [replace(EVENT, tenant="")]
    database.close()


async def test_events_are_cleared_but_for_those_that_are_kept(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db", [EVENTS])
    store = EventStore(database)
    await store.add(EVENT, b"")
    await store.add(replace(EVENT, id="id-2"), b"")
    await store.clear({"id-2"})
    assert [event.id for event in await store.all()] == ["id-2"]
    database.close()
