"""Names lead to versions, and functions are as they were after a restart."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_names import FunctionName, Reference, Scope
from emulator.core.version_key import LATEST
from emulator.errors import ResourceNotFoundError
from emulator.live.store.catalog import Catalog
from emulator.live.store.function_records import (
    Alias,
    Code,
    Function,
    State,
    Status,
    Version,
    revised,
)
from emulator.live.store.resources import Key, Kind
from tests.live.store.test_resources import resources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ECHO = FunctionName(Scope(), "echo")
FUNCTION = Function(ECHO, next_version=11, tags={"team": "a"})
MEMBERS = {"Runtime": "python3.13", "Environment": {"Variables": {"A": "1"}}}

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def catalog(folder: Path) -> AsyncIterator[Catalog]:
    async with resources(folder) as found:
        yield Catalog(found)


def numbered(version: str) -> Version:
    code = Code(sha256="c2hh", size=1, archive="f00", layers=("/a", "/b"))
    return Version(ECHO, version, MEMBERS, code, Status(State.ACTIVE), "r", "now")


async def test_functions_are_as_they_were_after_a_restart(tmp_path: Path) -> None:
    saved = (FUNCTION, numbered(LATEST), numbered("1"), Alias(ECHO, "live", "1", {LATEST: 0.1}))
    async with catalog(tmp_path) as first:
        await first.save(*saved)
    async with catalog(tmp_path) as second:
        assert second.all_functions() == second.functions(Scope()) == [FUNCTION]
        assert [*second.versions(ECHO), *second.aliases(ECHO)] == [*saved[1:]]


async def test_versions_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    async with catalog(tmp_path) as here:
        await here.save(*(numbered(version) for version in ("10", "9", LATEST)))
        assert [version.version for version in here.versions(ECHO)] == [LATEST, "9", "10"]


async def test_qualifiers_lead_to_versions(tmp_path: Path) -> None:
    async with catalog(tmp_path) as here:
        await here.save(FUNCTION, numbered(LATEST), numbered("1"), Alias(ECHO, "live", "1"))
        found = [here.find(Reference(ECHO, q)).version for q in ("", LATEST, "1", "live")]
        assert found == [LATEST, LATEST, "1", "1"]
        with pytest.raises(ResourceNotFoundError, match=r":function:echo:2$"):
            here.find(Reference(ECHO, "2"))
        with pytest.raises(ResourceNotFoundError, match=r":function:echo:dead$"):
            here.find(Reference(ECHO, "dead"))
        with pytest.raises(ResourceNotFoundError, match=r":function:other$"):
            here.existing(FunctionName(Scope(), "other"))


async def test_deleted_function_takes_its_settings_along_and_no_others(tmp_path: Path) -> None:
    async with catalog(tmp_path) as here:
        url, source = Key(Scope(), Kind.URL, "echo"), Key(Scope(), Kind.EVENT_SOURCE, "echo")
        await here.save(FUNCTION, numbered(LATEST), Alias(ECHO, "live", "1"))
        await here.resources.change({url: {}, source: {"id": 1}})
        await here.delete(ECHO)
        assert here.function(ECHO) is None
        assert (here.versions(ECHO), here.aliases(ECHO)) == ([], [])
        assert (here.resources.get(url), here.resources.get(source)) == (None, {"id": 1})


def test_every_change_has_a_revision_of_its_own() -> None:
    one, two = (revised(numbered("1"), "later", status=Status()) for _ in range(2))
    assert len({numbered("1").revision, one.revision, two.revision}) == 3
    assert (one.modified, one.status.state) == ("later", State.PENDING)
