from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import pytest

from emulator.live import journal_file
from emulator.live.journal_file import JournalFile

if TYPE_CHECKING:
    from pathlib import Path


class Disk:
    """Stands for `os.write`: full, or with room for a few bytes of each write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self._write = os.write
        monkeypatch.setattr(journal_file.os, "write", self._limited)

    def _limited(self, file: int, text: bytes) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(file, text if self.room is None else text[: self.room])


class Clock:
    at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def written(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def put(journal: JournalFile, *numbers: int) -> None:
    for number in numbers:
        journal.write(f"{number}\n")
    journal.flush()


def test_lines_are_written_at_a_flush_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalFile(path) as journal:
        put(journal, 1, 2)
        assert written(path) == [1, 2]
        journal.write("3\n")
    assert written(path) == [1, 2, 3]


@pytest.mark.parametrize("room", [0, 3], ids=["full", "nearly full"])
def test_full_disk_costs_entries_with_one_line_of_log_and_the_journal_says_how_many(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    path, clock = tmp_path / "journal.jsonl", Clock()
    with JournalFile(path, now=clock) as journal:
        put(journal, 1)
        disk.room = room
        put(journal, 1000, 2000)
        clock.at = 100.5
        put(journal, 3000)  # too early for another try
        clock.at = 101.5
        put(journal, 4000)
        disk.room = None
        clock.at = 103.0
        put(journal, 5)
    assert written(path) == [1, {"lost": 4, "since": 100.0, "until": 103.0}, 5]
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert str(path) in errors[0].getMessage()


def test_journal_that_ends_on_a_full_disk_keeps_whole_lines(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalFile(path) as journal:
        put(journal, 1)
        disk.room = 2
        put(journal, 1000)
    assert written(path) == [1]


def test_journal_grows_to_its_limit_and_says_what_is_missing(tmp_path: Path) -> None:
    path, clock = tmp_path / "journal.jsonl", Clock()
    with JournalFile(path, limit=10, now=clock) as journal:
        put(journal, 1000, 2000)
        put(journal, 3000)
        put(journal, 4000)
    assert written(path) == [1000, 2000, {"lost": 2, "since": 100.0, "until": 100.0}]
