from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.plan.cells import Cell, Condition
from emulator.experiments.records.host_verdict import HostVerdict, Verdict
from emulator.experiments.records.run_directory import RunInfo, read_run
from emulator.experiments.records.sitting import CodeVersion
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_content import read_content
from emulator.experiments.records.study_file import StudyFile

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


INFO = RunInfo("x", 1.0, "aws-2025", "process", (), {}, 7, {}, {"cpus": 2}, {})


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


def test_finished_cells_that_are_no_more_planned_or_otherwise_are_told(tmp_path: Path) -> None:
    file = create(tmp_path / "study")
    assert file.others([], {}) == []
    file.done(CELL.id, HostVerdict(), INFO)
    assert file.others([CELL, replace(CELL, id="b")], {}) == []
    assert file.others([replace(CELL, id="b")], {}) == [CELL.id]
    other = replace(CELL, condition=replace(CELL.condition, dilation=1))
    assert file.others([other], {}) == [CELL.id]


def test_a_digest_decides_where_both_cells_have_one(tmp_path: Path) -> None:
    file = StudyFile.create(tmp_path / "study", name="tiny", cells=[CELL], digests={CELL.id: "ab"})
    file.done(CELL.id, HostVerdict(), INFO)
    assert file.others([replace(CELL, idle_speedup=1)], {CELL.id: "ab"}) == []
    assert file.others([CELL], {CELL.id: "cd"}) == [CELL.id]
    assert file.others([CELL], {}) == []


def test_a_further_sitting_keeps_what_is_done_and_has_machine_and_code_of_its_own(
    tmp_path: Path,
) -> None:
    file = create(tmp_path / "study")
    file.done(CELL.id, HostVerdict(), INFO)
    file.cell(CELL.id).folder.mkdir(parents=True)
    later = replace(CELL, id="later")
    newer = CodeVersion("new")
    file.continue_with([later, CELL], {}, newer, {}, "y")
    file.done("later", HostVerdict(), replace(INFO, machine={"cpus": 64}))
    content = read_content(tmp_path / "study")
    assert [(entry.id, entry.sitting) for entry in content.cells] == [("later", 2), (CELL.id, 1)]
    assert [sitting.machine["cpus"] for sitting in content.sittings] == [2, 64]
    assert [sitting.code for sitting in content.sittings] == [CodeVersion(), newer]
    assert file.codes == {CodeVersion(), newer}


def test_a_finished_cell_whose_folder_was_taken_away_is_measured_again(tmp_path: Path) -> None:
    file = create(tmp_path / "study")
    file.done(CELL.id, HostVerdict(), INFO)
    file.continue_with([CELL], {}, CodeVersion("new"), {}, "y")
    assert file.cell(CELL.id).status is CellStatus.PENDING
    file.done(CELL.id, HostVerdict(), INFO)
    assert [entry.sitting for entry in read_content(tmp_path / "study").cells] == [2]


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
