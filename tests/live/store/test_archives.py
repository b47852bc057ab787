"""Zips are kept and unpacked as they are, and none writes where it may not."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from emulator.errors import InvalidParameterValueError
from emulator.live.store.archives import Archives

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST = 1_000_000
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


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_archive_is_described_as_lambda_does(tmp_path: Path) -> None:
    content = zipped({"app.py": "x = 1\n", "data/table.bin": bytes(1000)})
    archive = await Archives(tmp_path / "code").keep(content, MOST)
    digest = hashlib.sha256(content).digest()
    assert archive.sha256 == base64.b64encode(digest).decode()
    assert (archive.size, archive.unzipped) == (len(content), 1006)
    assert Archives(tmp_path / "code").file(archive.name).read_bytes() == content


async def test_files_are_unpacked_with_their_executable_bits_and_links(tmp_path: Path) -> None:
    archives = Archives(tmp_path / "code")
    modes = {"bootstrap": 0o100750, "lib/current": 0o120777, "secret": 0o100600}
    files = {"bootstrap": "#!", "lib/v1/a": "a", "lib/current": "v1", "secret": "s", "empty/": ""}
    folder = await archives.folder((await archives.keep(zipped(files, modes), MOST)).name)
    assert names(folder) == ["bootstrap", "empty", "lib", "secret"]
    assert stat.S_IMODE((folder / "bootstrap").stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o644
    assert (folder / "lib/current/a").read_text() == "a"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


async def test_archive_is_unpacked_once(tmp_path: Path) -> None:
    archives = Archives(tmp_path / "code")
    name = (await archives.keep(zipped({"a": "1"}), MOST)).name
    first = (await archives.folder(name)).stat()
    assert (await archives.folder(name)).stat().st_ino == first.st_ino
    assert names(tmp_path / "code") == [name, f"{name}.zip"]


@pytest.mark.parametrize("content", [b"", b"no zip", zipped({"a": "1"})[:-30]])
async def test_what_is_no_zip_is_refused_in_awss_words(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterValueError, match=DAMAGED):
        await Archives(tmp_path / "code").keep(content, MOST)
    assert not (tmp_path / "code").exists()


async def test_file_that_is_damaged_is_told_when_it_is_unpacked(tmp_path: Path) -> None:
    archives = Archives(tmp_path / "code")
    content = bytearray(zipped({"a": os.urandom(1000)}))
    content[200] ^= 0xFF
    name = (await archives.keep(bytes(content), MOST)).name
    with pytest.raises(InvalidParameterValueError, match=DAMAGED):
        await archives.folder(name)
    assert names(tmp_path / "code") == [f"{name}.zip"]


async def test_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    content = zipped({"a": bytes(600), "b": bytes(400)})
    with pytest.raises(InvalidParameterValueError, match="must be smaller than 1000 bytes"):
        await Archives(tmp_path / "code").keep(content, 1000)
    await Archives(tmp_path / "code").keep(content, 1001)


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
    archives = Archives(tmp_path / "code")
    name = (await archives.keep(zipped(files, modes), MOST)).name
    with pytest.raises(InvalidParameterValueError, match=DAMAGED):
        await archives.folder(name)
    assert names(tmp_path) == ["code"]
    assert names(tmp_path / "code") == [f"{name}.zip"]


async def test_only_what_is_needed_is_kept(tmp_path: Path) -> None:
    archives = Archives(tmp_path / "code")
    one, two, three = [
        (await archives.keep(zipped({"a": text}), MOST)).name for text in ("1", "2", "3")
    ]
    await archives.folder(two)
    (tmp_path / "code" / ".unpacking-of-a-killed-one").mkdir()
    await archives.keep_only({one, three})
    await archives.remove(three)
    assert names(tmp_path / "code") == [f"{one}.zip"]
