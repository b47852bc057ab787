"""What the kernel tells of writes to files and pipes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from emulator.host.inotify import GONE, MODIFIED, ONCE, Inotify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def inotify() -> Iterator[Inotify]:
    watcher = Inotify()
    yield watcher
    watcher.close()


def test_write_to_a_file_is_told_each_time(inotify: Inotify, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    number = inotify.add(file, MODIFIED)
    assert inotify.read() == []
    for _ in range(2):
        with file.open("a") as opened:
            opened.write("x")
        assert inotify.read() == [(number, MODIFIED)]


def test_first_write_to_a_pipe_ends_a_watch_for_one(inotify: Inotify) -> None:
    reads, writes = os.pipe()
    number = inotify.add(f"/proc/self/fd/{writes}", MODIFIED | ONCE)
    os.write(writes, b"x")
    os.write(writes, b"y")
    assert inotify.read() == [(number, MODIFIED), (number, GONE)]
    os.close(reads)
    os.close(writes)


def test_removed_watch_tells_nothing(inotify: Inotify, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    number = inotify.add(file, MODIFIED)
    inotify.remove(number)
    inotify.remove(number)
    file.write_text("x")
    assert inotify.read() == [(number, GONE)]


def test_what_is_not_there_cannot_be_watched(inotify: Inotify, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inotify.add(tmp_path / "none", MODIFIED)
