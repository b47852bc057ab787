from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.plan.cells import Cell, Condition
from emulator.experiments.records.host_verdict import HostVerdict, Verdict
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_file import StudyFile, read_content

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.conftest import MadeRun

CELL = Cell(
    id="slow-512mb-ramp-r1",
    condition=Condition(
        function="slow",
        loading="layer",
        profile="aws-2025",
        backend="auto",
        keep_alive="600",
        pick_order="oldest-first",
        scenario="ramp",
        dilation=4,
        page_cache="hot",
    ),
    memory_mb=512,
    repetition=2,
    idle_speedup=60,
)
VERDICT = HostVerdict(Verdict.HOST_BOUND, "load 9 on 2 CPUs", 0.5, 0.0, 9.0, 4000.0)


def create(folder: Path, *cells: Cell) -> StudyFile:
    return StudyFile.create(folder, name="tiny", cells=cells or [CELL], plan_text="x", seed=3)


def test_what_was_written_is_read_back(tmp_path: Path, study: MadeRun) -> None:
    folder = tmp_path / "a" / "study"
    file = create(folder)
    file.done(CELL.id, VERDICT, read_run(study.write()).info)
    file.finish()
    content = read_content(folder)
    assert (content.name, content.plan_text, content.seed) == ("tiny", "x", 3)
    assert content.versions == {"numpy": "2.0"}
    assert content.machine["cpus"] == 2
    assert content.started_at <= (content.finished_at or 0)
    (cell,) = content.measured(folder)
    assert cell == StudyFile.open(folder).cell(CELL.id) == file.cell(CELL.id)
    assert cell.condition == CELL.condition
    assert (cell.memory_mb, cell.repetition, cell.idle_speedup) == (512, 2, 60)
    assert (cell.status, cell.host, cell.folder) == (
        CellStatus.DONE,
        VERDICT,
        folder / "cells" / CELL.id,
    )
    assert [path.name for path in folder.iterdir()] == ["study.json"]


def test_a_study_without_a_seed_has_that_of_its_emulators(tmp_path: Path, study: MadeRun) -> None:
    file = StudyFile.create(tmp_path / "study", name="tiny", cells=[CELL])
    file.done(CELL.id, HostVerdict(), read_run(study.write()).info)
    assert read_content(tmp_path / "study").seed == 7


def test_a_study_has_its_own_cells_whatever_their_state(tmp_path: Path) -> None:
    file = create(tmp_path / "study")
    file.fail(CELL.id, "no")
    assert file.has_cells([CELL])
    assert not file.has_cells([CELL, replace(CELL, id="b")])
    assert not file.has_cells([replace(CELL, condition=replace(CELL.condition, dilation=1))])


def test_states_are_counted_and_a_cell_that_is_given_back_has_none_of_its_own(
    tmp_path: Path,
) -> None:
    file = create(tmp_path / "study", CELL, replace(CELL, id="b"))
    file.fail(CELL.id, "no")
    file.begin("b")
    assert (file.count(CellStatus.FAILED), file.count(CellStatus.RUNNING)) == (1, 1)
    assert file.cell(CELL.id).error == "no"
    file.give_back(CELL.id)
    assert (file.cell(CELL.id).status, file.cell(CELL.id).error) == (CellStatus.PENDING, "")


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    axes = {"function": "a", "memory_mb": 256, "profile": "aws-2018", "keep_alive": 600.0}
    cell = {"id": "256", "axes": axes, "scenario": "tune", "status": "done", "host": None}
    text = json.dumps({"name": "x", "started_at": 1, "versions": None, "cells": [cell]})
    (tmp_path / "study.json").write_text(text)
    (read,) = read_content(tmp_path).measured(tmp_path)
    assert (read.condition.keep_alive, read.condition.dilation, read.host) == (
        "600",
        1,
        HostVerdict(),
    )


def test_every_fault_of_a_damaged_file_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text('{"started_at": "noon", "cells": [{"id": "a"}]}')
    with pytest.raises(RunDirectoryError) as caught:
        read_content(tmp_path)
    for place in ("name:", "started_at:", "cells.0.axes:", "cells.0.status:"):
        assert place in str(caught.value)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(SettingsError, match="is not empty"):
        create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    file = create(tmp_path / "study")
    (tmp_path / "study" / "study.json.partial").mkdir()
    with pytest.raises(RunDirectoryError, match=r"study\.json cannot be written: Is a directory"):
        file.finish()
