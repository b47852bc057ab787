from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from emulator.core.journal import Entry
from emulator.core.messages.commands import Dispatch
from emulator.core.messages.events import InvokeRequested, TimePassed
from emulator.core.model import StartKind, VersionKey
from emulator.errors import RunDirectoryError
from emulator.experiments.records import parquet_journal
from emulator.experiments.records.parquet_journal import ParquetJournal, read_journal

if TYPE_CHECKING:
    from pathlib import Path

KEY = VersionKey.of("echo")


def entries(count: int) -> list[Entry]:
    return [
        Entry(0.5 * n, InvokeRequested(f"i{n}", KEY), (Dispatch(n, f"i{n}", StartKind.WARM),))
        for n in range(count)
    ]


def test_entries_are_read_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_journal, "GROUP", 10)
    path = tmp_path / "j.parquet"
    with ParquetJournal(path) as journal:
        for entry in entries(25):
            journal.add("a", entry)
            journal.add("b", Entry(entry.at, TimePassed(), ()))
    assert parquet.ParquetFile(path).num_row_groups == 5
    assert [entry for _, entry in read_journal(path, "a")] == entries(25)
    assert sum(name == "b" for name, _ in read_journal(path)) == 25
    rows = parquet.read_table(path).to_pylist()
    assert rows[4] | {"entry": ""} == {
        "simulation": "a",
        "at": 1.0,
        "event": "InvokeRequested",
        "key": "echo:$LATEST",
        "invocation": "i2",
        "sandbox": None,
        "entry": "",
    }


def test_files_are_joined_in_their_order_and_removed(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.parquet" for name in "ab"]
    for file in files:
        with ParquetJournal(file) as journal:
            for entry in entries(3):
                journal.add(file.stem, entry)
    with ParquetJournal(tmp_path / "whole.parquet") as whole:
        whole.join(files)
    found = list(read_journal(tmp_path / "whole.parquet"))
    assert found == [(name, entry) for name in "ab" for entry in entries(3)]
    assert [path.name for path in tmp_path.iterdir()] == ["whole.parquet"]


def test_file_has_its_name_only_when_all_is_written(tmp_path: Path) -> None:
    def broken_off() -> None:
        with ParquetJournal(tmp_path / "j.parquet") as journal:
            journal.add("a", entries(1)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert [path.name for path in tmp_path.iterdir()] == ["j.parquet.partial"]


def test_folder_that_is_not_there_and_file_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        ParquetJournal(tmp_path / "none" / "j.parquet")
    (tmp_path / "j.parquet").write_text("nonsense")
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        list(read_journal(tmp_path / "j.parquet"))
