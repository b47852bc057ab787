"""What a name leads to is looked up once, and anew when something has changed."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_names import FunctionName, Reference, Scope
from emulator.core.version_key import LATEST
from emulator.errors import ResourceNotFoundError
from emulator.live.functions.targets import Targets
from emulator.live.store.catalog import Catalog
from emulator.live.store.function_records import Alias, Code, Function, State, Status, Version
from tests.live.store.test_resources import resources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from emulator.core.version_key import VersionKey

HERE = Scope()
ECHO = FunctionName(HERE, "echo")
NAME, LIVE = Reference(ECHO), Reference(ECHO, "live")

pytestmark = pytest.mark.anyio


class ReadyAtOnce:
    """Stands for a deployer that has made everything, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] | None = None

    async def ready(self, version: Version) -> VersionKey:
        self.asked.append(version.version)
        if self.meanwhile is not None:
            await self.meanwhile()
        return version.function.key(version.version, HERE)


class World:
    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.deployer = ReadyAtOnce()
        self.targets = Targets(catalog, self.deployer, random.Random(0))


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    async with resources(folder) as found:
        here = World(Catalog(found))
        await here.catalog.save(Function(ECHO), *(version(n) for n in (LATEST, "1", "2")))
        await here.catalog.save(Alias(ECHO, "live", "1"))
        yield here


def version(number: str) -> Version:
    return Version(ECHO, number, {}, Code(), Status(State.ACTIVE), number, "now")


async def test_name_is_looked_up_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        assert here.targets.get("words") is None
        found = await here.targets.find("words", NAME)
        assert (found.key, found.arn, found.alias) == ("echo:$LATEST", ECHO.arn(), "")
        assert here.targets.get("words") is found
        assert here.targets.get("other words") is None


async def test_alias_leads_to_its_version_and_keeps_its_name(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        found = await here.targets.find("words", LIVE)
        assert (found.choose(), found.alias) == ("echo:1", "live")
        assert (found.arn, found.function_arn) == (ECHO.arn("live"), ECHO.arn())


async def test_both_versions_of_a_shared_alias_are_ready(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.catalog.save(Alias(ECHO, "live", "1", {"2": 0.5}))
        found = await here.targets.find("words", LIVE)
        assert set(here.deployer.asked) == {"1", "2"}
        assert {found.choose() for _ in range(50)} == {"echo:1", "echo:2"}


@pytest.mark.parametrize("changed", [Function(ECHO, 9), version("1"), Alias(ECHO, "live", "2")])
async def test_change_is_seen_by_the_next_request(
    changed: Function | Version | Alias, tmp_path: Path
) -> None:
    async with world(tmp_path) as here:
        await here.targets.find("words", LIVE)
        await here.catalog.save(changed)
        assert here.targets.get("words") is None


async def test_what_changed_while_it_was_found_is_not_remembered(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.deployer.meanwhile = lambda: here.catalog.save(Alias(ECHO, "live", "2"))
        await here.targets.find("words", LIVE)
        remembered = here.targets.get("words")
        assert remembered is None or remembered.key == "echo:2"


async def test_what_is_not_there_is_told_by_its_arn(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        for qualifier in ("7", "dead"):
            with pytest.raises(ResourceNotFoundError, match=f"{ECHO.arn(qualifier)}$"):
                await here.targets.find("words", Reference(ECHO, qualifier))
