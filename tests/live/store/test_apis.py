from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

from emulator.core.apis import HttpApi, RestApi
from emulator.core.routes import Route
from emulator.live.store.apis import APIS, ApiStore
from emulator.live.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path


def test_apis_outlive_the_emulator_that_was_told_of_them(tmp_path: Path) -> None:
    first = HttpApi("b", (Route("GET", "/", "f"),))
    second = RestApi("a", (Route("GET", "/", "f"),))

    async def keep() -> None:
        with closing(Database(tmp_path / "state.db", [APIS])) as database:
            store = ApiStore(database)
            await store.put(HttpApi("b"))
            await store.put(first)
            await store.put(second)
            await store.put(HttpApi("c"))
            await store.remove("c")

    async def load() -> list[object]:
        with closing(Database(tmp_path / "state.db", [APIS])) as database:
            return list(await ApiStore(database).load())

    asyncio.run(keep())
    assert asyncio.run(load()) == [second, first]
