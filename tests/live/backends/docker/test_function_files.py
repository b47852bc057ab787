"""Which functions' files are kept for stem cells, and which go; on real folders, no engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from emulator.core.version_key import VersionKey
from emulator.live.backends.docker.function_files import FunctionFiles

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

pytestmark = pytest.mark.anyio

KEY, OTHER = VersionKey.of("one"), VersionKey.of("other")
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


async def code(folder: Path) -> None:
    (folder / "task/app.py").write_text("def echo(event, context): ...")


async def kept(files: FunctionFiles, *versions: tuple[VersionKey, str]) -> None:
    for key, package in versions:
        await files.take_in(package, code)
        files.put(key, package)
    await files.close()


def there(folder: Path) -> set[str]:
    return {f"sha256:{path.name}" for path in folder.iterdir() if path.is_dir()}


async def test_files_go_when_their_version_is_replaced(tmp_path: Path) -> None:
    files = FunctionFiles(tmp_path)
    await kept(files, (KEY, OLD))
    assert (files.of(OLD) / "task/app.py").is_file()
    await kept(files, (KEY, NEW))
    assert there(tmp_path) == {NEW}


async def test_files_that_two_versions_have_go_with_the_last(tmp_path: Path) -> None:
    files = FunctionFiles(tmp_path)
    await kept(files, (KEY, OLD), (OTHER, OLD))
    files.forget(KEY)
    await files.close()
    assert there(tmp_path) == {OLD}
    files.forget(OTHER)
    await files.close()
    assert there(tmp_path) == set()


async def test_files_of_a_version_that_is_being_made_stay(tmp_path: Path) -> None:
    files = FunctionFiles(tmp_path)
    await kept(files, (KEY, OLD))
    await files.take_in(NEW, code)
    files.forget(KEY)
    await files.close()
    assert there(tmp_path) == {NEW}


async def test_files_that_a_sandbox_sees_go_with_the_sandbox(tmp_path: Path) -> None:
    files = FunctionFiles(tmp_path)
    await kept(files, (KEY, OLD))
    files.seen(OLD)
    files.seen(OLD)
    files.forget(KEY)
    await files.close()
    files.unseen(OLD)
    await files.close()
    assert there(tmp_path) == {OLD}
    files.unseen(OLD)
    await files.close()
    assert there(tmp_path) == set()


async def test_sandbox_that_begins_to_see_files_during_the_look_keeps_them(tmp_path: Path) -> None:
    files = FunctionFiles(tmp_path, lambda: loop.call_soon_threadsafe(files.seen, OLD) and ())
    loop = asyncio.get_running_loop()
    await kept(files, (KEY, OLD))
    files.forget(KEY)
    await files.close()
    assert there(tmp_path) == {OLD}


async def test_files_that_a_killed_emulators_sandbox_sees_stay_until_it_is_gone(
    tmp_path: Path,
) -> None:
    await kept(FunctionFiles(tmp_path), (KEY, OLD), (OTHER, NEW))
    program = tmp_path / ".start-xyz"
    program.mkdir()
    mounted: AbstractSet[str] = {f"/deep/files/{'a' * 64}/task", "/deep/files/.start-xyz"}
    files = FunctionFiles(tmp_path, lambda: mounted)
    await files.sweep()
    files.keep_only({OTHER})
    await files.close()
    assert there(tmp_path) == {OLD, NEW, "sha256:.start-xyz"}
    mounted = set()
    after = FunctionFiles(tmp_path, lambda: mounted)
    await after.sweep()
    after.keep_only({OTHER})
    await after.close()
    assert there(tmp_path) == {NEW}


async def test_files_of_versions_that_are_not_ready_yet_outlive_a_restart(tmp_path: Path) -> None:
    await kept(FunctionFiles(tmp_path), (KEY, OLD), (OTHER, NEW))
    files = FunctionFiles(tmp_path)
    await files.sweep()
    files.keep_only({KEY})
    await files.close()
    assert there(tmp_path) == {OLD}


async def test_what_was_left_half_made_is_swept_away(tmp_path: Path) -> None:
    for name in (".part-abc", ".start-abc", ".gone-abc"):
        (tmp_path / name / "task").mkdir(parents=True)
    await FunctionFiles(tmp_path).sweep()
    assert there(tmp_path) == set()


async def test_files_that_cannot_be_had_leave_nothing(tmp_path: Path) -> None:
    async def fails(folder: Path) -> None:
        await code(folder)
        raise OSError("no space")

    files = FunctionFiles(tmp_path)
    with pytest.raises(OSError, match="no space"):
        await files.take_in(OLD, fails)
    assert there(tmp_path) == set()
    await kept(files, (KEY, OLD))
    assert there(tmp_path) == {OLD}


async def test_torn_record_of_versions_costs_a_copy_and_no_start(tmp_path: Path) -> None:
    await kept(FunctionFiles(tmp_path), (KEY, OLD))
    (tmp_path / "versions.json").write_text('{"one:$LATEST": ')
    files = FunctionFiles(tmp_path)
    files.keep_only({KEY})
    await files.close()
    assert there(tmp_path) == set()
