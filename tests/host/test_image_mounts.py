"""Mounts of this kernel, where this process may mount."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.host.image_mounts import (
    make_image,
    mount_image,
    mounted_below,
    obstacle,
    unmount,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_mounts = pytest.mark.skipif(bool(obstacle()), reason=f"no private mounts: {obstacle()}")
BOUND = 30.0
"""Seconds that any one wait may take."""
CONTENT = os.urandom(3 << 20)


def loops(below: Path) -> list[str]:
    """Returns the loop devices whose image is below a folder."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):  # the device has gone meanwhile
            if file.read_text().startswith(str(below)):
                found.append(str(file))
    return found


def no_loops(below: Path) -> bool:
    """Returns whether no loop device is left there; the kernel may take a moment for the last."""
    deadline = time.monotonic() + BOUND
    while found := loops(below):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return not found


def is_cached(path: Path) -> bool:
    """Returns whether the first page of a file is in the page cache that `path` leads to."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(file, [bytearray(4096)], 0, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
    finally:
        os.close(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "deep/er").mkdir(parents=True)
    (source / "deep/er/large").write_bytes(CONTENT)
    (source / "program").write_text("#!/bin/sh\necho here\n")
    (source / "program").chmod(0o755)
    (source / "link").symlink_to("deep/er/large")
    for number in range(700):
        (source / f"small-{number:03}").write_text(str(number))
    return source


@pytest.fixture
def image(folder: Path, tmp_path: Path) -> Path:
    try:
        make_image(folder, tmp_path / "image")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    return tmp_path / "image"


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Path]:
    below = tmp_path / "mounts with a space"
    below.mkdir()
    yield below
    for folder in below.iterdir():
        unmount(folder)


def mounted(image: Path, folder: Path) -> Path:
    folder.mkdir()
    try:
        mount_image(image, folder)
    except OSError as error:
        if "direct I/O" in str(error):
            pytest.skip(str(error))
        raise
    return folder


def test_image_takes_little_more_disk_than_its_files(image: Path, tmp_path: Path) -> None:
    assert image.stat().st_blocks * 512 < 3 * len(CONTENT) + (4 << 20)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_folder_or_place_that_is_missing_makes_no_image(tmp_path: Path) -> None:
    if obstacle():
        pytest.skip(obstacle())
    with pytest.raises(FileNotFoundError):
        make_image(tmp_path / "nowhere", tmp_path / "image")
    with pytest.raises(OSError, match="mke2fs: "):
        make_image(tmp_path, tmp_path / "nowhere/image")
    assert list(tmp_path.iterdir()) == []


@needs_mounts
def test_mount_shows_what_the_folder_holds_and_cannot_be_written(
    image: Path, folder: Path, mounts: Path
) -> None:
    at = mounted(image, mounts / "one")
    names = {path.name for path in at.iterdir()} - {"lost+found"}
    assert names == {path.name for path in folder.iterdir()}
    assert (at / "link").read_bytes() == CONTENT
    assert (at / "program").stat().st_mode == (folder / "program").stat().st_mode
    with pytest.raises(OSError, match="Read-only"):
        (at / "new").write_text("")


@needs_mounts
def test_each_mount_has_its_own_page_cache_and_the_image_has_none(
    image: Path, mounts: Path
) -> None:
    one, two = (mounted(image, mounts / name) / "deep/er/large" for name in ("one", "two"))
    assert not is_cached(one)
    assert one.read_bytes() == CONTENT
    assert is_cached(one)
    assert not is_cached(two)
    assert two.read_bytes() == CONTENT
    unmount(mounts / "one")
    assert not is_cached(mounted(image, mounts / "one") / "deep/er/large"), "it went with its mount"


@needs_mounts
def test_mount_reads_ahead_as_a_microvm_does(image: Path, mounts: Path) -> None:
    mounted(image, mounts / "one")
    (device,) = loops(image.parent)
    queue = Path(device).parents[1] / "queue"
    assert (queue / "read_ahead_kb").read_text() == "128\n"


@needs_mounts
def test_loop_device_goes_with_its_mount(image: Path, mounts: Path) -> None:
    for name in ("one", "two", "three"):
        mounted(image, mounts / name)
    assert len(loops(image.parent)) == 3
    assert sorted(mounted_below(mounts)) == sorted(mounts.iterdir())
    for folder in list(mounts.iterdir()):
        unmount(folder)
        unmount(folder)
    assert no_loops(image.parent)
    assert mounted_below(mounts) == []
    assert list(mounts.iterdir()) == []


@needs_mounts
def test_mount_that_is_in_use_goes_when_its_last_reader_does(image: Path, mounts: Path) -> None:
    with (mounted(image, mounts / "one") / "deep/er/large").open("rb") as reader:
        unmount(mounts / "one")
        assert reader.read() == CONTENT
        assert len(loops(image.parent)) == 1
    assert no_loops(image.parent)


@needs_mounts
def test_mounts_made_at_once_do_not_meet(image: Path, mounts: Path) -> None:
    mounted(image, mounts / "first")
    failed: list[BaseException] = []

    def mount(name: str) -> None:
        try:
            mounted(image, mounts / name)
        except BaseException as error:  # noqa: BLE001  # told to the test
            failed.append(error)

    threads = [threading.Thread(target=mount, args=(f"{n}",)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert len(mounted_below(mounts)) == 13


@needs_mounts
def test_refused_mount_leaves_no_loop_device(tmp_path: Path, mounts: Path) -> None:
    (tmp_path / "image").write_bytes(bytes(1 << 20))
    (mounts / "one").mkdir()
    with pytest.raises(OSError, match="mount: "):
        mount_image(tmp_path / "image", mounts / "one")
    assert no_loops(tmp_path)


@needs_mounts
def test_disk_without_direct_io_is_named(mounts: Path) -> None:
    image = Path("/dev/shm") / f"testbed-{os.getpid()}"  # a tmpfs is what is needed
    image.write_bytes(bytes(1 << 20))
    try:
        (mounts / "one").mkdir()
        with pytest.raises(OSError, match=r"the disk of .* has no direct I/O|mount: "):
            mount_image(image, mounts / "one")
        assert no_loops(Path("/dev/shm"))
    finally:
        image.unlink()
