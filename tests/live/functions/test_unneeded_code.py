"""When zips are looked at that no version needs any more, and which stay meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_names import FunctionName, Scope
from emulator.core.version_key import LATEST
from emulator.live.functions import unneeded_code
from emulator.live.functions.deployer import ACTIVE
from emulator.live.functions.functions import FUNCTION_SCHEMAS
from emulator.live.functions.unneeded_code import UnneededCode
from emulator.live.store.archives import Archives
from emulator.live.store.catalog import Catalog
from emulator.live.store.database import Database
from emulator.live.store.function_records import Code, Version
from emulator.live.store.resources import Resources
from tests.live.store.test_archives import LARGE, MOST, zipped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

pytestmark = pytest.mark.anyio

NAME = FunctionName(Scope(), "f")
BOUND = 20.0


class Here:
    def __init__(self, folder: Path, catalog: Catalog, archives: Archives) -> None:
        self.folder, self.catalog, self.archives = folder / "code", catalog, archives
        self.in_work: set[str] = set()
        self.watch = UnneededCode(catalog, archives, self._in_work)

    def _in_work(self) -> Collection[str]:
        return self.in_work

    async def update(self, text: bytes) -> str:
        archive = await self.archives.keep(zipped({"a": text}), MOST)
        code = Code(archive.sha256, archive.size, archive.name)
        await self.catalog.save(Version(NAME, LATEST, {}, code, ACTIVE, "r", "now"))
        return archive.name

    async def left(self, *archives: str) -> None:
        """Waits until these are the archives."""
        wanted = sorted(f"{name}.zip" for name in archives)
        async with asyncio.timeout(BOUND):
            while sorted(path.name for path in self.folder.iterdir()) != wanted:  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0.01)


@asynccontextmanager
async def here(folder: Path) -> AsyncIterator[Here]:
    database = Database(folder / "state.db", FUNCTION_SCHEMAS)
    resources = await Resources.open(database)
    made = Here(folder, Catalog(resources), Archives(folder / "code", database, resources))
    try:
        yield made
    finally:
        await made.watch.close()
        database.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unneeded_code, "_CALM", 0.01)
    monkeypatch.setattr(unneeded_code, "_GRACE", 0.05)


async def test_code_that_an_update_replaced_goes(tmp_path: Path) -> None:
    async with here(tmp_path) as made:
        await made.watch.begin()
        await made.update(LARGE)
        new = await made.update(LARGE[1:])
        await made.left(new)


async def test_code_of_a_deleted_function_goes(tmp_path: Path) -> None:
    async with here(tmp_path) as made:
        await made.watch.begin()
        await made.update(LARGE)
        await made.catalog.delete(NAME)
        await made.left()


async def test_code_that_an_update_may_go_back_to_stays_until_it_is_over(tmp_path: Path) -> None:
    async with here(tmp_path) as made:
        await made.watch.begin()
        old = await made.update(LARGE)
        made.in_work = {old}
        middle = await made.update(LARGE[1:])
        new = await made.update(LARGE[2:])
        await made.left(old, new)
        assert middle not in made.catalog.archives()
        made.in_work = set()
        await made.left(new)


async def test_nothing_is_looked_at_before_the_catalogue_is_whole(tmp_path: Path) -> None:
    async with here(tmp_path) as made:
        old = await made.update(LARGE)
        new = await made.update(LARGE[1:])
        await asyncio.sleep(0.1)
        await made.left(old, new)
        await made.watch.begin()
        await made.left(new)
