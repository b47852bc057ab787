"""Which packages go from the disk and which stay; on real folders, without any backend."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from emulator.core.version_key import VersionKey
from emulator.live.backends.kept_packages import VERSIONS, KeptPackages, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

pytestmark = pytest.mark.anyio

KEY, OTHER = VersionKey.of("one"), VersionKey.of("other")
OLD, NEW = "a" * 32, "b" * 32


def nothing() -> tuple[str, ...]:
    return ()


def packages(
    folder: Path,
    mounted: Callable[[], Collection[str]] = nothing,
    beside: Callable[[], Collection[Path]] = tuple,
) -> KeptPackages:
    shelves = (
        Shelf(folder / "packages", re.compile("([0-9a-f]{32})")),
        Shelf(folder / "images", re.compile(r"([0-9a-f]{32})\.ext4")),
    )
    record = folder / "packages" / VERSIONS
    return KeptPackages(record, shelves, str, mounted=mounted, beside=beside)


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / "packages" / name / "task").mkdir(parents=True, exist_ok=True)
        (folder / "packages" / name / "task/app.py").write_text("def handler(*_): ...")
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / f"{name}.ext4").write_bytes(b"disk")


def deploy(kept: KeptPackages, folder: Path, key: VersionKey, name: str) -> None:
    kept.asked(name)
    make(folder, name)
    kept.put(key, name)


def there(folder: Path) -> list[str]:
    """Names the packages and images; whatever else lies there stands as it is."""
    found = [*(folder / "packages").iterdir(), *(folder / "images").iterdir()]
    return sorted({path.name.removesuffix(".ext4") for path in found} - {VERSIONS})


async def test_package_and_its_image_go_when_a_version_gets_other_code(tmp_path: Path) -> None:
    kept = packages(tmp_path)
    kept.keep_only({KEY})
    deploy(kept, tmp_path, KEY, OLD)
    await kept.settled()
    assert there(tmp_path) == [OLD]
    deploy(kept, tmp_path, KEY, NEW)
    await kept.settled()
    assert there(tmp_path) == [NEW]


async def test_package_of_two_versions_goes_with_the_last(tmp_path: Path) -> None:
    kept = packages(tmp_path)
    kept.keep_only({KEY, OTHER})
    deploy(kept, tmp_path, KEY, OLD)
    deploy(kept, tmp_path, OTHER, OLD)
    kept.forget(KEY)
    await kept.settled()
    assert there(tmp_path) == [OLD]
    kept.forget(OTHER)
    await kept.settled()
    assert there(tmp_path) == []


async def test_nothing_goes_before_all_versions_are_known(tmp_path: Path) -> None:
    kept = packages(tmp_path)
    deploy(kept, tmp_path, KEY, OLD)
    deploy(kept, tmp_path, KEY, NEW)
    await kept.settled()
    assert there(tmp_path) == [OLD, NEW]
    kept.keep_only({KEY})
    await kept.settled()
    assert there(tmp_path) == [NEW]


async def test_packages_of_versions_that_are_not_ready_yet_outlive_a_restart(
    tmp_path: Path,
) -> None:
    before = packages(tmp_path)
    deploy(before, tmp_path, KEY, OLD)
    deploy(before, tmp_path, OTHER, NEW)
    await before.close()
    kept = packages(tmp_path)
    kept.keep_only({KEY})
    await kept.settled()
    assert there(tmp_path) == [OLD]


async def test_package_that_is_being_made_stays_until_it_is_given_up(tmp_path: Path) -> None:
    kept = packages(tmp_path)
    kept.keep_only({KEY})
    deploy(kept, tmp_path, KEY, OLD)
    for _ in range(2):  # two versions with the same code
        kept.asked(NEW)
    make(tmp_path, NEW)
    kept.forget(KEY)
    kept.unasked(NEW)
    await kept.settled()
    assert there(tmp_path) == [NEW]
    kept.unasked(NEW)
    await kept.settled()
    assert there(tmp_path) == []


async def test_package_that_sandboxes_use_goes_with_the_last_of_them(tmp_path: Path) -> None:
    kept = packages(tmp_path)
    kept.keep_only({KEY})
    deploy(kept, tmp_path, KEY, OLD)
    kept.hold(OLD)
    kept.hold(OLD)
    deploy(kept, tmp_path, KEY, NEW)
    kept.release(OLD)
    await kept.settled()
    assert there(tmp_path) == [OLD, NEW]
    kept.release(OLD)
    await kept.settled()
    assert there(tmp_path) == [NEW]


async def test_package_that_is_deployed_again_during_the_look_stays(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    kept = packages(tmp_path, lambda: loop.call_soon_threadsafe(kept.asked, OLD) and ())
    kept.keep_only({KEY})
    deploy(kept, tmp_path, KEY, OLD)
    deploy(kept, tmp_path, KEY, NEW)
    await kept.settled()
    assert there(tmp_path) == [OLD, NEW]


async def test_package_that_a_killed_emulators_sandbox_sees_stays(tmp_path: Path) -> None:
    before = packages(tmp_path)
    deploy(before, tmp_path, KEY, OLD)
    await before.close()
    (tmp_path / "images" / f"{OLD}.ext4").unlink()
    mounted = {f"/deep/packages/{OLD}/task"}
    kept = packages(tmp_path, lambda: mounted)
    kept.keep_only(())
    await kept.settled()
    assert there(tmp_path) == [OLD]
    after = packages(tmp_path)
    after.keep_only(())
    await after.settled()
    assert there(tmp_path) == []


async def test_old_code_is_deployed_again_after_it_went(tmp_path: Path) -> None:
    kept = packages(tmp_path)
    kept.keep_only({KEY})
    for name in (OLD, NEW, OLD, NEW, OLD):
        deploy(kept, tmp_path, KEY, name)
        await kept.settled()
        assert there(tmp_path) == [name]


async def test_one_change_removes_a_bounded_number_and_a_start_all(tmp_path: Path) -> None:
    names = [f"{number:032x}" for number in range(30)]
    make(tmp_path, *names)
    kept = packages(tmp_path)
    kept.keep_only(())
    kept.hold(OLD)
    await kept.settled()
    assert there(tmp_path) == []
    make(tmp_path, *names)
    kept.release(OLD)
    await kept.settled()
    left = len(there(tmp_path))
    assert 0 < left < len(names)
    kept.put(KEY, NEW)
    kept.forget(KEY)
    await kept.settled()
    assert len(there(tmp_path)) < left


async def test_what_is_no_packages_is_never_touched(tmp_path: Path) -> None:
    make(tmp_path, OLD)
    (tmp_path / "packages/notes.txt").write_text("a user's")
    (tmp_path / "packages/.building-abc").mkdir()
    (tmp_path / "images/trial-12.ext4").write_bytes(b"")
    kept = packages(tmp_path)
    kept.keep_only(())
    await kept.settled()
    assert there(tmp_path) == [".building-abc", "notes.txt", "trial-12"]


async def test_what_a_killed_emulator_had_begun_to_remove_goes(tmp_path: Path) -> None:
    make(tmp_path, OLD)
    (tmp_path / "packages/.gone-1-x/task").mkdir(parents=True)
    (tmp_path / "images/.gone-2-y.ext4").write_bytes(b"disk")
    kept = packages(tmp_path)
    kept.put(KEY, OLD)
    kept.keep_only({KEY})
    await kept.settled()
    assert there(tmp_path) == [OLD]


async def test_torn_record_costs_a_package_that_is_made_again(tmp_path: Path) -> None:
    make(tmp_path, OLD)
    (tmp_path / "packages" / VERSIONS).write_text('{"one:$LATEST": ')
    kept = packages(tmp_path)
    kept.keep_only({KEY})
    await kept.settled()
    assert there(tmp_path) == []


async def test_what_lies_beside_goes_unless_a_package_is_being_made(tmp_path: Path) -> None:
    unneeded = tmp_path / "requirements/x"
    unneeded.mkdir(parents=True)
    kept = packages(tmp_path, beside=lambda: [unneeded])
    make(tmp_path, NEW)
    kept.asked(OLD)
    kept.keep_only({KEY})
    await kept.settled()
    assert unneeded.is_dir()
    kept.put(KEY, OLD)
    await kept.settled()
    assert list(unneeded.parent.iterdir()) == []


async def test_what_lies_beside_stays_where_a_package_came_during_the_look(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    unneeded = tmp_path / "requirements/x"
    unneeded.mkdir(parents=True)

    def beside() -> list[Path]:
        loop.call_soon_threadsafe(lambda: (kept.asked(OLD), kept.put(KEY, OLD)))
        return [unneeded]

    make(tmp_path, OLD, NEW)
    kept = packages(tmp_path, beside=beside)
    kept.put(OTHER, OLD)
    kept.keep_only({OTHER})
    assert await asyncio.wait_for(kept.close(), 10) is None
    assert unneeded.is_dir()


async def test_end_leaves_the_rest_to_the_next_emulator(tmp_path: Path) -> None:
    make(tmp_path, OLD, NEW)
    kept = packages(tmp_path)
    kept.keep_only(())
    await kept.close()
    after = packages(tmp_path)
    after.keep_only(())
    await after.settled()
    assert there(tmp_path) == []
