"""Zips are kept and unpacked as they are, and none writes where it may not."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import sqlite3
import stat
import zipfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.core.function_names import Scope
from emulator.errors import InvalidParameterValueError
from emulator.live.store.archives import ARCHIVES, Archives
from emulator.live.store.database import Database
from emulator.live.store.resources import RESOURCES, Key, Kind, Resources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

MOST = 10_000_000
LARGE = os.urandom(300_000)
"""A file whose zip is too large for the database."""
CHANGE = {Key(Scope(), Kind.FUNCTION, "any"): {}}
DAMAGED = "Could not unzip uploaded file"

pytestmark = pytest.mark.anyio


def zipped(files: Mapping[str, bytes | str], modes: Mapping[str, int] | None = None) -> bytes:
    """Returns a zip as one made on Unix; a mode may make a file executable, or a link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (modes or {}).get(name, 0o100644) << 16
            entry.create_system = 3
            archive.writestr(entry, content)
    return out.getvalue()


@asynccontextmanager
async def kept(folder: Path) -> AsyncIterator[tuple[Archives, Resources]]:
    """The archives in a folder, and the resources whose changes write them."""
    database = Database(folder / "state.db", [RESOURCES, ARCHIVES])
    try:
        resources = await Resources.open(database)
        yield Archives(folder / "code", database, resources), resources
    finally:
        database.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_archive_is_described_as_lambda_does(tmp_path: Path) -> None:
    content = zipped({"app.py": "x = 1\n", "data/table.bin": bytes(1000)})
    async with kept(tmp_path) as (archives, _):
        archive = await archives.keep(content, MOST)
    digest = hashlib.sha256(content).digest()
    assert archive.sha256 == base64.b64encode(digest).decode()
    assert (archive.size, archive.unzipped) == (len(content), 1006)


async def test_small_zip_is_written_with_the_next_change_and_large_ones_are_files(
    tmp_path: Path,
) -> None:
    small, large = zipped({"a": "1"}), zipped({"a": LARGE})
    async with kept(tmp_path) as (archives, resources):
        one, other = [await archives.keep(content, MOST) for content in (small, large)]
        assert await archives.content(one.name) is None
        await resources.change(CHANGE)
    async with kept(tmp_path) as (archives, _):
        assert await archives.content(one.name) == small
        assert await archives.content(other.name) is None
        assert archives.file(other.name).read_bytes() == large
        assert names(tmp_path / "code") == [f"{other.name}.zip"]


async def test_small_zip_of_a_change_that_failed_is_written_with_the_next(tmp_path: Path) -> None:
    content = zipped({"a": "1"})
    async with kept(tmp_path) as (archives, resources):
        name = (await archives.keep(content, MOST)).name
        resources._database._writer.execute("DROP TABLE resources")
        with pytest.raises(sqlite3.OperationalError):
            await resources.change(CHANGE)
        resources._database._writer.execute(RESOURCES.statements[0])
        assert await archives.content(name) is None
        await resources.change(CHANGE)
        assert await archives.content(name) == content


@pytest.mark.parametrize("more", [{}, {"large": LARGE}])
async def test_files_are_unpacked_with_their_executable_bits_and_links(
    more: dict[str, bytes], tmp_path: Path
) -> None:
    modes = {"bootstrap": 0o100750, "lib/current": 0o120777, "secret": 0o100600}
    files = {"bootstrap": "#!", "lib/v1/a": "a", "lib/current": "v1", "secret": "s", "empty/": ""}
    folder = await _unpacked(tmp_path, zipped(files | more, modes))
    assert names(folder) == sorted(["bootstrap", "empty", "lib", "secret", *more])
    assert stat.S_IMODE((folder / "bootstrap").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o644
    assert (folder / "lib/current/a").read_text() == "a"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


async def test_archive_is_unpacked_once(tmp_path: Path) -> None:
    first = (await _unpacked(tmp_path, zipped({"a": "1"}))).stat()
    assert (await _unpacked(tmp_path, zipped({"a": "1"}))).stat().st_ino == first.st_ino
    assert len(names(tmp_path / "code")) == 1


@pytest.mark.parametrize(
    "content", [b"", b"no zip", zipped({"a": "1"})[:-30], zipped({"a": LARGE})[:-30]]
)
async def test_what_is_no_zip_is_refused_in_awss_words(content: bytes, tmp_path: Path) -> None:
    async with kept(tmp_path) as (archives, resources):
        with pytest.raises(InvalidParameterValueError, match=DAMAGED):
            await archives.keep(content, MOST)
        assert resources._also == []
    assert names(tmp_path) == ["state.db"]


@pytest.mark.parametrize("size", [1000, 300_000])
async def test_file_that_is_damaged_is_told_when_it_is_unpacked(size: int, tmp_path: Path) -> None:
    content = bytearray(zipped({"a": os.urandom(size)}))
    content[200] ^= 0xFF
    with pytest.raises(InvalidParameterValueError, match=DAMAGED):
        await _unpacked(tmp_path, bytes(content))
    assert [name for name in names(tmp_path / "code") if not name.endswith(".zip")] == []


async def test_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    content = zipped({"a": bytes(600), "b": bytes(400)})
    async with kept(tmp_path) as (archives, _):
        with pytest.raises(InvalidParameterValueError, match="must be smaller than 1000 bytes"):
            await archives.keep(content, 1000)
        await archives.keep(content, 1001)


@pytest.mark.parametrize(
    ("files", "modes"),
    [
        ({"../out": "x"}, {}),
        ({"/out": "x"}, {}),
        ({"a/../../out": "x"}, {}),
        ({"link": "..", "link/out": "x"}, {"link": 0o120777}),
        ({"link": "/"}, {"link": 0o120777}),
    ],
)
async def test_no_archive_writes_outside_its_folder(
    files: dict[str, str], modes: dict[str, int], tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameterValueError, match=DAMAGED):
        await _unpacked(tmp_path, zipped(files, modes))
    assert names(tmp_path) == ["code", "state.db"]
    assert names(tmp_path / "code") == []


async def test_only_what_is_needed_is_kept(tmp_path: Path) -> None:
    async with kept(tmp_path) as (archives, resources):
        contents = [zipped({"a": text}) for text in ("1", "2", LARGE, LARGE[1:])]
        small, unneeded, large, other = [(await archives.keep(c, MOST)).name for c in contents]
        await resources.change(CHANGE)
        for name in (unneeded, other):
            await archives.folder(name)
        (tmp_path / "code" / ".unpacking-of-a-killed-one").mkdir()
        await archives.keep_only({small, large})
        assert names(tmp_path / "code") == [f"{large}.zip"]
        assert await archives.content(small) == contents[0]
        assert await archives.content(unneeded) is None


async def _unpacked(folder: Path, content: bytes) -> Path:
    async with kept(folder) as (archives, resources):
        name = (await archives.keep(content, MOST)).name
        await resources.change(CHANGE)
        return await archives.folder(name)


async def test_unneeded_archives_go_while_the_emulator_runs(tmp_path: Path) -> None:
    async with kept(tmp_path) as (archives, resources):
        contents = [zipped({"a": text}) for text in ("1", "2", LARGE, LARGE[1:])]
        small, unneeded, large, other = [(await archives.keep(c, MOST)).name for c in contents]
        await resources.change(CHANGE)
        for name in (small, unneeded, large, other):
            await archives.folder(name)
        (tmp_path / "code" / ".unpacking-by-another-thread").mkdir()
        assert not await archives.prune(lambda: {small, large}, 0.0)
        left = [".unpacking-by-another-thread", *sorted((large, f"{large}.zip", small))]
        assert names(tmp_path / "code") == left
        assert await archives.content(small) == contents[0]
        assert await archives.content(unneeded) is None


@pytest.mark.parametrize("text", ["1", LARGE], ids=["small", "large"])
async def test_archive_that_a_version_is_about_to_need_stays(
    text: bytes | str, tmp_path: Path
) -> None:
    content = zipped({"a": text})
    async with kept(tmp_path) as (archives, resources):
        name = (await archives.keep(content, MOST)).name
        await resources.change(CHANGE)
        assert await archives.prune(set, 60.0), "it is to be looked at again"
        folder = await archives.folder(name)
        assert (folder / "a").is_file()


async def test_archive_that_went_is_kept_and_unpacked_again(tmp_path: Path) -> None:
    async with kept(tmp_path) as (archives, resources):
        for _ in range(2):
            for text in ("1", LARGE):
                name = (await archives.keep(zipped({"a": text}), MOST)).name
                await resources.change(CHANGE)
                assert (await archives.folder(name) / "a").is_file()
            await archives.prune(set, 0.0)
            assert names(tmp_path / "code") == []


async def test_one_round_removes_a_bounded_number(tmp_path: Path) -> None:
    async with kept(tmp_path) as (archives, resources):
        for number in range(20):
            await archives.keep(zipped({"a": str(number)}), MOST)
        await resources.change(CHANGE)
        rounds = 1
        while await archives.prune(set, 0.0):
            rounds += 1
        assert rounds == 3
