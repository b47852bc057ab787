"""Keeps the APIs that were put in front of functions by clients, as documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from emulator.core.api_documents import api_of, document_of
from emulator.live.store.database import Schema

if TYPE_CHECKING:
    import sqlite3

    from emulator.core.apis import Api
    from emulator.live.store.database import Database

APIS = Schema("apis", 1, ("CREATE TABLE apis (id TEXT PRIMARY KEY, document TEXT NOT NULL)",))


class ApiStore:
    """Keeps one document an API, by the API's id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[Api]:
        """Returns all APIs, in the order of their ids."""

        def read(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT document FROM apis ORDER BY id").fetchall()
            return [str(document) for (document,) in rows]

        return [api_of(json.loads(text)) for text in await self._database.read(read)]

    async def put(self, api: Api) -> None:
        """Keeps an API in the place of an earlier one of its id."""
        row = (api.id, json.dumps(document_of(api)))

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO apis VALUES (?, ?)", row)

        await self._database.write(write)

    async def remove(self, name: str) -> None:
        """Forgets an API."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM apis WHERE id = ?", (name,))

        await self._database.write(write)
