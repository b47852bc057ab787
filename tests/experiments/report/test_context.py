from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.context import notices, price_note
from emulator.experiments.report.document import Notice, Table
from emulator.experiments.report.study_page import study_document
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.records.study import StudyRun


@pytest.fixture
def torn(tmp_path: Path) -> StudyRun:
    """A study of two sizes; the larger one's journal lost entries."""
    small, large = CellPlan(TF, 256), CellPlan(TF, 512)
    path = write_study(tmp_path / "run", [small, large])
    with (path / "cells" / large.id / "journal.jsonl").open("a") as journal:
        journal.write('{"lost": 3, "since": 1700000050.0, "until": 1700000051.0}\n')
    return read_study(path)


def test_records_that_miss_something_are_told_before_all_else(torn: StudyRun) -> None:
    (notice,) = notices(torn)
    assert isinstance(notice, Notice)
    assert notice.title.startswith("† The records of these cells miss something")
    (line,) = notice.lines
    assert line.startswith("Cell kdd99-tf-512-ramp-1: 3 journal entries from 50.0 s to 51.0 s")


def test_an_incomplete_cell_is_marked_in_every_table_that_has_it(torn: StudyRun) -> None:
    document = study_document(torn)
    tables = [b for b in document.blocks if isinstance(b, Table) and b.head[1] != "verdict"]
    rows = [row[0] for table in tables for row in table.rows if "512 MB" in row[0]]
    assert len(rows) == 5
    assert all(name.endswith("†") for name in rows)
    others = [row[0] for table in tables for row in table.rows if "256 MB" in row[0]]
    assert not any("†" in name for name in others)


def test_prices_are_told_with_the_rules_of_their_tables() -> None:
    assert price_note().text.endswith(
        "2018: rounded up to 100 ms, init free; 2025: rounded up to 1 ms, init billed."
    )


def test_a_script_is_told_what_records_miss(
    torn: StudyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(torn.path), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert "3 journal entries" in run["incomplete"][0]
    assert len(run["cells"]) == 2
