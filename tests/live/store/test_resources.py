"""Documents are found at once, last once told, and are taken back where the disk refuses them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_names import Scope
from emulator.errors import StateVersionError
from emulator.live.store.database import Database
from emulator.live.store.resources import RESOURCES, Key, Kind, Resources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HERE, ABROAD = Scope(), Scope(region="eu-west-1")

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def resources(folder: Path) -> AsyncIterator[Resources]:
    database = Database(folder / "state.db", [RESOURCES])
    try:
        yield await Resources.open(database)
    finally:
        database.close()


def version(name: str, qualifier: str, scope: Scope = HERE) -> Key:
    return Key(scope, Kind.VERSION, name, qualifier)


async def test_documents_outlive_their_emulator(tmp_path: Path) -> None:
    async with resources(tmp_path) as first:
        await first.change({version("echo", "1"): {"a": [1]}, version("echo", "2"): {"a": [2]}})
        await first.change({version("echo", "1"): None})
    async with resources(tmp_path) as second:
        assert second.named(HERE, Kind.VERSION, "echo") == {"2": {"a": [2]}}


async def test_kind_of_a_later_emulator_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with resources(tmp_path) as first:
        await first.change({version("echo", "1"): {}})
        first._database._writer.execute("UPDATE resources SET kind = 'hologram'")
    with pytest.raises(StateVersionError, match="has a hologram"):
        async with resources(tmp_path):
            pass


async def test_accounts_and_regions_are_apart(tmp_path: Path) -> None:
    async with resources(tmp_path) as here:
        await here.change({version("echo", "1"): {}, version("ping", "1", ABROAD): {}})
        assert list(here.all(HERE, Kind.VERSION)) == ["echo"]
        assert list(here.all(ABROAD, Kind.VERSION)) == ["ping"]
        assert set(here.scopes(Kind.VERSION)) == {HERE, ABROAD}
        assert here.scopes(Kind.ALIAS) == []


async def test_change_is_seen_before_the_disk_has_it(tmp_path: Path) -> None:
    async with resources(tmp_path) as here:
        change = asyncio.ensure_future(here.change({version("echo", "1"): {"a": 1}}))
        await asyncio.sleep(0)
        assert here.get(version("echo", "1")) == {"a": 1}
        await change


async def test_what_the_disk_refuses_is_taken_back(tmp_path: Path) -> None:
    async with resources(tmp_path) as here:
        await here.change({version("echo", "1"): {"a": "kept"}})
        pages = here._database._writer.execute("PRAGMA page_count").fetchone()[0]
        here._database._writer.execute(f"PRAGMA max_page_count={pages + 1}")
        large = {"a": "x" * 100_000}
        with pytest.raises(sqlite3.OperationalError):
            await here.change({version("echo", "1"): large, version("new", "1"): large})
        assert here.get(version("echo", "1")) == {"a": "kept"}
        assert list(here.all(HERE, Kind.VERSION)) == ["echo"]


async def test_caller_who_leaves_takes_nothing_back(tmp_path: Path) -> None:
    async with resources(tmp_path) as first:
        change = asyncio.ensure_future(first.change({version("echo", "1"): {"a": 1}}))
        await asyncio.sleep(0)
        change.cancel()
        await asyncio.wait([change])
        assert first.get(version("echo", "1")) == {"a": 1}
    async with resources(tmp_path) as second:
        assert second.get(version("echo", "1")) == {"a": 1}
