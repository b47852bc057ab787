from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.errors import RunDirectoryError
from emulator.experiments.records.study_reader import read_study
from tests.experiments.made_study import JAVA, TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.conftest import MadeRun

TWO = [CellPlan(TF, 512, "idle"), CellPlan(JAVA, 512, "idle")]


def test_a_whole_study_has_all_cells_rows_and_no_problem(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path / "run", TWO))
    assert study.problems == ()
    assert [cell.condition.function for cell in study.cells] == [TF, JAVA]
    assert [len(rows) for _, rows in study.measured()] == [5, 5]
    assert len(study.runs) == 2


def test_what_is_not_done_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    plans = [*TWO, CellPlan(TF, 1024, status="failed"), CellPlan(TF, 256, status="pending")]
    study = read_study(write_study(tmp_path / "run", plans, finished_at=None))
    assert study.problems == (
        f"Cell {plans[2].id} is failed: Locust ended with exit code 1.",
        f"Cell {plans[3].id} is pending.",
        "The study had not finished; `testbed experiment --resume` goes on.",
    )
    assert len(list(study.measured())) == 2


def test_a_cell_without_its_journal_is_shown_without_its_sandboxes(tmp_path: Path) -> None:
    path = write_study(tmp_path / "run", TWO)
    (path / "cells" / TWO[0].id / "journal.jsonl").unlink()
    study = read_study(path)
    (problem,) = study.problems
    assert problem.startswith(f"Cell {TWO[0].id} is shown without its sandboxes")
    assert "journal.jsonl is missing" in problem
    assert len(list(study.measured())) == 2


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_without_the_table_requests_come_from_the_cells_own_records(
    tmp_path: Path, damage: str
) -> None:
    path = write_study(tmp_path / "run", TWO)
    whole = read_study(path)
    table = path / "requests.csv"
    if damage == "missing":
        table.unlink()
    else:
        table.write_text(table.read_text()[:-40])
    study = read_study(path)
    assert study.problems[0].startswith("requests.csv ")
    assert study.problems[1:] == ("Requests are read from the cells' own records instead.",)
    for cell, rows in whole.measured():
        again = study.rows[cell.id]
        assert [row.start for row in again] == [row.start for row in rows]
        for name in ("sent_at_s", "latency_ms", "duration_ms", "dollars"):
            for made, told in zip(again, rows, strict=True):
                assert getattr(made, name) == pytest.approx(getattr(told, name), abs=1e-3)


def test_without_table_and_records_the_cells_are_named_and_nothing_else(tmp_path: Path) -> None:
    path = write_study(tmp_path / "run", TWO)
    (path / "requests.csv").unlink()
    for plan in TWO:
        (path / "cells" / plan.id / "run.json").unlink()
    study = read_study(path)
    assert study.rows == {}
    assert len(study.cells) == 2
    assert len(study.problems) == 3


def test_a_done_cell_without_requests_and_requests_of_no_cell_are_told(tmp_path: Path) -> None:
    path = write_study(tmp_path / "run", TWO)
    described = json.loads((path / "study.json").read_text())
    described["cells"][0]["id"] = "renamed"
    (path / "study.json").write_text(json.dumps(described))
    told = " ".join(read_study(path).problems)
    assert "Cell renamed is done, but requests.csv has no request of it." in told
    assert f"cells that study.json does not know, left out: {TWO[0].id}." in told


def test_host_bound_cells_say_why(tmp_path: Path) -> None:
    plans = [replace(TWO[0], host_bound="load 9 on 2 cores"), TWO[1]]
    study = read_study(write_study(tmp_path / "run", plans))
    assert [cell.host_bound for cell in study.cells] == ["load 9 on 2 cores", ""]


def test_what_the_host_slowed_at_times_is_a_remark(tmp_path: Path) -> None:
    plans = [replace(TWO[0], host_remark="CPU full: 14% of the time"), TWO[1]]
    study = read_study(write_study(tmp_path / "run", plans))
    assert [cell.host_remark for cell in study.cells] == ["CPU full: 14% of the time", ""]
    assert [cell.host_bound for cell in study.cells] == ["", ""]


def test_an_emulators_own_run_is_a_study_with_a_cell_a_function(study: MadeRun) -> None:
    run = read_study(study.write())
    assert [cell.id for cell in run.cells] == ["slow", "fast"]
    slow, fast = run.rows["slow"], run.rows["fast"]
    assert [row.start for row in slow] == ["cold", "warm", "cold", "warm", ""]
    assert [row.ok for row in slow] == [True, True, True, True, False]
    assert slow[0].init_duration_ms == pytest.approx(2000)
    assert slow[0].connect_ms == pytest.approx(400)
    assert slow[0].user_count == 1
    assert [row.latency_ms for row in fast] == pytest.approx([1500, 1700])
    assert slow[1].dollars["2018"] == pytest.approx(0.1 * 0.5 * 0.00001667 + 2e-7)


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x"}', '{"cells": [{"id": "a"}]}'])
def test_a_damaged_description_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"study\.json"):
        read_study(tmp_path)


def test_a_folder_that_is_no_run_says_what_would_be_one(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="holds no run"):
        read_study(tmp_path)


@pytest.mark.parametrize("name", ["x" * 5000, "a-file/run"])
def test_a_path_that_cannot_be_looked_at_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-file").write_text("")
    with pytest.raises(RunDirectoryError, match=r"cannot be read|holds no run"):
        read_study(tmp_path / name)
