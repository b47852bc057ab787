"""The demo on a tiny plan, against the stand-in emulator and with Locust itself."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from emulator.cli import main
from emulator.errors import SettingsError
from emulator.experiments import demo
from emulator.experiments.analysis.cell_stats import all_stats
from emulator.experiments.demo import failures_of, run_demo, small_study, summary
from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.loader import load
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.runner.cell import CellRunner
from emulator.experiments.runner.study import run_experiment
from emulator.project import LIGHT_STUDY, SMALL_STUDY, write_project
from tests.experiments.made_study import TF, CellPlan, write_study
from tests.experiments.plans import write_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL, LARGE = "kdd99-numpy-256mb-ramp-r1", "kdd99-numpy-512mb-ramp-r1"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state directory is relative."""
    monkeypatch.chdir(tmp_path)


def test_the_demo_tells_what_comes_and_ends_with_table_advice_and_paths(
    stand_in: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    plan = write_plan(tmp_path)
    assert run_demo(backend="process", run_dir=folder, plan=plan, python=stand_in) == 0
    said = capsys.readouterr().out
    assert said.index("2 cells of tiny: about 21 s") < said.index("the run is in")
    for size in (256, 512):
        assert re.search(rf"^kdd99-numpy {size} MB\b.*   \d+   +0   +1   ", said, re.MULTILINE)
    assert re.search(r"^kdd99-numpy: buy \d+ MB\. An answer takes ", said, re.MULTILINE)
    paths = re.findall(r"^(\S+)   the |^(\S+)   a row", said, re.MULTILINE)
    assert ["".join(path) for path in paths] == [
        str(folder / name) for name in ("report/report.html", "requests.csv", "study.json")
    ]
    assert (folder / "report" / "report.html").is_file()
    assert "Failed" not in said


def test_a_wrong_answer_is_told_and_the_exit_code(
    stand_in: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STAND_IN_FAILS", "1")
    folder = tmp_path / "run"
    plan = write_plan(tmp_path)
    assert run_demo(backend="process", run_dir=folder, plan=plan, python=stand_in) == 1
    said = capsys.readouterr().out
    for cell in (SMALL, LARGE):
        assert re.search(
            rf"^Failed: {cell}: (\d+) of \1 requests .* status 500", said, re.MULTILINE
        )
    assert (folder / "report" / "report.html").is_file()


def test_an_emulator_that_does_not_start_is_told(
    interpreter: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = interpreter("raise SystemExit('testbed: No Docker engine answers.')")
    plan = write_plan(tmp_path)
    assert run_demo(backend="docker", run_dir=tmp_path / "run", plan=plan, python=python) == 1
    said = capsys.readouterr().out
    assert "No request was made." in said
    assert re.search(rf"(?s)Failed: {SMALL} is failed: .*No Docker engine answers\.", said)


def test_ctrl_c_leaves_a_run_to_go_on_with(
    stand_in: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_cell = CellRunner.run

    def interrupted(self: Any, cell: Any, *rest: Any) -> Any:
        if cell.id == LARGE:
            raise KeyboardInterrupt
        return run_cell(self, cell, *rest)

    monkeypatch.setattr(CellRunner, "run", interrupted)
    folder = tmp_path / "run"
    plan = write_plan(tmp_path)
    assert run_demo(backend="process", run_dir=folder, plan=plan, python=stand_in) == 130
    said = capsys.readouterr().out
    assert f"Stopped. `testbed experiment plan.toml --resume {folder}` goes on." in said
    assert set(read_study(folder).rows) == {SMALL}
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run_experiment(plan, resume=folder, python=stand_in) == 0


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(SettingsError, match="is not empty"):
        run_demo(run_dir=tmp_path, plan=write_plan(tmp_path))


def test_cells_that_are_not_done_or_have_no_request_are_failures(tmp_path: Path) -> None:
    plans = [CellPlan(TF, 256), CellPlan(TF, 512, status="failed"), CellPlan(TF, 1024)]
    study = read_study(write_study(tmp_path / "run", plans))
    rows = {cell: of_cell for cell, of_cell in study.rows.items() if cell != plans[2].id}
    study = replace(study, rows=rows)
    assert failures_of(study, all_stats(study)) == [
        "kdd99-tf-512-ramp-1 is failed: Locust ended with exit code 1",
        "kdd99-tf-1024-ramp-1 is done and has no request.",
    ]


@pytest.mark.parametrize(
    ("latency_ms", "clause"),
    [
        (
            30_061.0,
            " (2 of them after the 30 s for which API Gateway waits: this machine was too slow)",
        ),
        (12.0, ""),
    ],
)
def test_answers_for_which_the_gateway_did_not_wait_are_told_apart(
    tmp_path: Path, latency_ms: float, clause: str
) -> None:
    """On a slow machine of one CPU all that was said was "Service Unavailable"."""
    plan = CellPlan(TF, 256)
    study = read_study(write_study(tmp_path / "run", [plan]))
    first, second, *others = study.rows[plan.id]
    late = {
        "ok": False,
        "http_status": 503,
        "error": "status 503: {}",
        "latency_ms": latency_ms,
    }
    rows = [replace(first, **late), replace(second, **late), *others]
    study = replace(study, rows={plan.id: rows})
    assert failures_of(study, all_stats(study)) == [
        (
            f"{plan.id}: 2 of {len(rows)} requests were not answered right, the first with: "
            f"status 503: {{}}{clause}"
        )
    ]


def test_the_table_says_where_this_machine_was_the_bottleneck(tmp_path: Path) -> None:
    plans = [
        CellPlan(TF, 256),
        CellPlan(TF, 512, host_remark="CPU full: 14% of the time"),
        CellPlan(TF, 1024, host_bound="load 9 on 2 cores"),
    ]
    study = read_study(write_study(tmp_path / "run", plans))
    lines = summary(study, all_stats(study))
    assert [line.partition("   ")[0] for line in lines[2:5]] == [
        *("kdd99-tf 256 MB", "kdd99-tf 512 MB", "kdd99-tf 1024 MB ‡")
    ]
    assert lines[5:] == [
        "",
        "This machine slowed requests (‡: typical ones too):",
        "  kdd99-tf 512 MB: CPU full: 14% of the time",
        "  kdd99-tf 1024 MB ‡: load 9 on 2 cores",
    ]


@pytest.mark.parametrize("study", [SMALL_STUDY, LIGHT_STUDY])
def test_the_plan_of_the_demo_takes_less_than_five_minutes(study: Path) -> None:
    assert sum(cell.expected_s for cell in planned_cells(load(small_study(study)), cpus=2)) < 300


def test_the_plan_of_slow_machines_takes_less_than_five_minutes_on_one_cpu() -> None:
    cells = planned_cells(load(small_study(LIGHT_STUDY)), cpus=1)
    assert sum(cell.expected_s for cell in cells) < 300


@pytest.fixture
def plans_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The plans that demos ran, none of which is run to its end, in a project of the user's."""
    write_project(tmp_path)
    run: list[Path] = []
    monkeypatch.setattr(demo, "run_experiment", lambda plan, **_: run.append(plan) or 130)
    return run


def test_a_machine_that_starts_tensorflow_too_slowly_serves_the_model_without(
    plans_run: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On one slow CPU the demo ended with 54 of 72 requests failed."""
    monkeypatch.setattr(demo, "tensorflow_init", lambda _: 12.3)
    assert run_demo() == 130
    assert plans_run == [LIGHT_STUDY] * 2  # told, and run
    assert "Starting TensorFlow takes about 12 s of CPU time" in capsys.readouterr().out


def test_a_machine_that_starts_tensorflow_in_time_is_told_nothing(
    plans_run: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "tensorflow_init", lambda _: 1.9)
    run_demo()
    assert plans_run == [SMALL_STUDY] * 2
    assert "Starting TensorFlow" not in capsys.readouterr().out


def test_a_study_of_the_users_own_that_has_no_tensorflow_is_run_unmeasured(
    plans_run: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    SMALL_STUDY.write_text(LIGHT_STUDY.read_text())
    monkeypatch.setattr(demo, "tensorflow_init", lambda _: 100.0)
    run_demo()
    assert plans_run == [SMALL_STUDY] * 2


def test_the_command_line_starts_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def run(**options: Any) -> int:
        asked.update(options)
        return 3

    monkeypatch.setattr(demo, "run_demo", run)
    assert main(["demo", "--backend", "process", "--run-dir", str(tmp_path)]) == 3
    assert asked == {"backend": "process", "dilation": None, "run_dir": tmp_path}


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_run_dir_that_cannot_be_written_is_a_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--run-dir", str(tmp_path / name)]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / name} cannot be made the folder of a run" in told
    assert "Traceback" not in told


def test_the_table_says_which_records_are_incomplete(tmp_path: Path) -> None:
    plan = CellPlan(TF, 256)
    path = write_study(tmp_path / "run", [plan])
    with (path / "cells" / plan.id / "journal.jsonl").open("a") as journal:
        journal.write('{"lost": 3, "since": 1700000050.0, "until": 1700000051.0}\n')
    study = read_study(path)
    lines = summary(study, all_stats(study))
    assert lines[2].startswith("kdd99-tf 256 MB †")
    assert lines[-2] == "† Sums and counts are too small:"
    assert "3 journal entries" in lines[-1]
