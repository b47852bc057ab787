"""Whole studies against the stand-in emulator, with Locust itself."""

from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from emulator.cli import main
from emulator.errors import SettingsError, TestbedError
from emulator.experiments.records.request_table import read_csv, write_csv
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.sitting import CodeVersion
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.study_page import report_run
from emulator.experiments.runner import study as run_module
from emulator.experiments.runner.cell import CellRunner, NotStartedError
from emulator.experiments.runner.emulator_process import EmulatorProcess
from emulator.experiments.runner.study import run_experiment
from tests.experiments.plans import PLAN, write_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.experiments.records.study import StudyRun

ONE = PLAN.replace("[256, 512]", "256")
CELL = "kdd99-numpy-256mb-ramp-r1"
OTHER = "kdd99-numpy-512mb-ramp-r1"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state directory is relative."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def study(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "study.json").read_text())
    return content


def states(folder: Path) -> dict[str, str]:
    return {cell["id"]: cell["status"] for cell in study(folder)["cells"]}


def test_a_cell_of_events_lasts_until_all_have_ended(
    tmp_path: Path, folder: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_EVENTS_TAKE", "1")
    text = ONE + "wait_s = 0.05\nwarm_up = 1\nasynchronous = { retries = 1 }\n"
    assert run_experiment(write_plan(tmp_path, text), run_dir=folder, python=stand_in) == 0
    cell = "kdd99-numpy-256mb-ramp-events-r1"
    assert states(folder) == {cell: "done"}
    rows = read_csv(folder / "requests.csv")
    assert rows
    assert {(row.http_status, row.event_end, row.attempts) for row in rows} == {(202, "Success", 1)}
    assert all(row.event_waited_ms is not None and row.event_waited_ms > 900 for row in rows)
    # each ran a second after it was accepted, on the same clock as the sending
    late = [row.executed_at_s - row.sent_at_s for row in rows if row.executed_at_s is not None]
    assert len(late) == len(rows)
    assert min(late) > 0.9
    copy = (folder / "cells" / cell / "template.yaml").read_text()
    assert "MaximumRetryAttempts: 1" in copy


def test_a_cell_whose_events_do_not_end_fails(
    tmp_path: Path, folder: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_EVENTS_TAKE", "3600")
    monkeypatch.setattr("emulator.experiments.runner.event_drain.ANSWER_WITHIN", -29.0)
    text = ONE + "idle_speedup = 1000\nwait_s = 0.05\nasynchronous = { max_age_s = 60 }\n"
    assert run_experiment(write_plan(tmp_path, text), run_dir=folder, python=stand_in) == 1
    (cell,) = study(folder)["cells"]
    assert "accepted events had not ended within 1 s" in cell["error"]


def test_a_study_leaves_its_cells_and_a_row_a_request(
    tmp_path: Path, folder: Path, stand_in: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ONE + "warm_up = 2\nwait_s = 0.05\n"
    assert run_experiment(write_plan(tmp_path, text), run_dir=folder, python=stand_in) == 0
    content = study(folder)
    assert (content["name"], content["seed"], content["plan_text"]) == ("tiny", 3, text)
    assert content["plan"]["axes"]["memory_mb"] == 256
    assert content["started_at"] < content["finished_at"]
    assert content["machine"] == {"cpus": 1}
    (cell,) = content["cells"]
    assert (cell["status"], cell["scenario"], cell["axes"]["backend"]) == (
        "done",
        "ramp",
        "process",
    )
    assert cell["host"]["mem_available_min_mb"] > 0
    rows = read_csv(folder / "requests.csv")
    clients = read_run(folder / "cells" / CELL).clients
    assert len(rows) == len(clients) > 0
    assert {row.request_id for row in rows} == {row.request_id for row in clients}
    assert all(row.ok and row.emulator_status == "ok" for row in rows)
    assert {row.user_count for row in rows} <= {1, 2}
    # two warm-up requests went before, and one of them was the cold start
    assert len((folder / "cells" / CELL / "warm-up.csv").read_text().splitlines()) == 3
    assert {row.start for row in rows} == {"warm"}
    assert (folder / "requests.parquet").stat().st_size > 0
    assert "1 cells done, 0 failed" in capsys.readouterr().out


def test_an_emulator_is_started_with_what_the_cell_says(
    tmp_path: Path, folder: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    class Watched(EmulatorProcess):
        def _start(self) -> None:
            commands.append(self._command)
            super()._start()

    monkeypatch.setattr("emulator.experiments.runner.cell.EmulatorProcess", Watched)
    monkeypatch.setattr("emulator.experiments.runner.study._DROP_CACHES", tmp_path)  # as for root
    text = 'page_cache = "private"\n'
    text += "init_timeout = 60\nhost_memory = 4096\ndilation = 2\n"
    text += 'network = "aws-2018/sao-paulo-us-east-1"\n'
    text += ONE.replace(
        "[axes]", '[axes]\nkeep_alive = 600\nprofile = "aws-2018"\npick_order = "oldest-first"'
    ).replace("seconds = 0.3", "seconds = 0.2\nidle_speedup = 60")
    assert run_experiment(write_plan(tmp_path, text), run_dir=folder, python=stand_in) == 0
    (command,) = commands
    given = dict(zip(command[6::2], command[7::2], strict=True))
    assert given == {
        "--template": str(folder / "cells" / CELL / "template.yaml"),
        "--run-dir": str(folder / "cells" / CELL),
        "--state-dir": ".testbed/study",
        "--left-events": "forget",
        "--backend": "process",
        "--profile": "aws-2018",
        "--pick-order": "oldest-first",
        "--seed": str(crc32(f"3 {CELL}".encode())),
        "--idle-speedup": "60",
        "--keep-alive": "600",
        "--dilation": "2",
        "--page-cache": "private",
        "--network": "aws-2018/sao-paulo-us-east-1",
        "--init-timeout": "60.0",
        "--host-memory": "4096",
    }


def test_keep_warm_pings_are_rows_of_no_user(tmp_path: Path, folder: Path, stand_in: str) -> None:
    text = ONE.partition("[[scenario]]")[0] + (
        '[[scenario]]\nkind = "keep-warm"\nminutes = [0, 30]\nidle_speedup = 2000\n'
        "ping = {every_minutes = 5}\n"
    )
    assert run_experiment(write_plan(tmp_path, text), run_dir=folder, python=stand_in) == 0
    users = [row.user_count for row in read_csv(folder / "requests.csv")]
    assert users.count(1) == 2
    assert users.count(0) >= 1


def test_a_cell_that_fails_is_told_and_the_others_are_run(
    tmp_path: Path, folder: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell = CellRunner.run

    def fail_at_256(self: Any, cell: Any, *rest: Any) -> Any:
        if cell.memory_mb == 256:
            raise TestbedError("Locust ended with exit code 1.")
        return run_cell(self, cell, *rest)

    monkeypatch.setattr(CellRunner, "run", fail_at_256)
    assert run_experiment(write_plan(tmp_path), run_dir=folder, python=stand_in) == 1
    assert states(folder) == {CELL: "failed", OTHER: "done"}
    assert study(folder)["cells"][0]["error"] == "Locust ended with exit code 1."
    assert study(folder)["finished_at"] is not None
    assert {row.cell for row in read_csv(folder / "requests.csv")} == {OTHER}


def test_a_function_that_does_not_start_twice_is_not_tried_again(
    tmp_path: Path, folder: Path, interpreter: Callable[[str], str]
) -> None:
    python = interpreter("raise SystemExit('testbed: no space left on device')")
    plan = write_plan(tmp_path, PLAN.replace("[256, 512]", "[256, 512, 1024]"))
    assert run_experiment(plan, run_dir=folder, python=python) == 1
    errors = [cell["error"] for cell in study(folder)["cells"]]
    assert ["no space left" in error for error in errors] == [True, True, False]
    assert errors[2] == "not tried: kdd99-numpy did not start 2 times"
    assert not (folder / "cells" / "kdd99-numpy-1024mb-ramp-r1").exists()
    assert read_csv(folder / "requests.csv") == []


def test_failed_starts_are_forgotten_when_the_function_starts(
    tmp_path: Path, folder: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell = CellRunner.run

    def fail_sometimes(self: Any, cell: Any, *rest: Any) -> Any:
        if cell.memory_mb != 512:
            raise NotStartedError("no")
        return run_cell(self, cell, *rest)

    monkeypatch.setattr(CellRunner, "run", fail_sometimes)
    plan = write_plan(tmp_path, PLAN.replace("[256, 512]", "[256, 512, 1024, 2048]"))
    assert run_experiment(plan, run_dir=folder, python=stand_in) == 1
    assert [cell["error"] for cell in study(folder)["cells"]] == ["no", "", "no", "no"]


def test_ctrl_c_gives_the_cell_back_and_resume_finishes(
    tmp_path: Path,
    folder: Path,
    stand_in: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_cell = CellRunner.run

    def interrupted(self: Any, cell: Any, cell_folder: Path, note: Any) -> Any:
        if cell.memory_mb == 512:
            cell_folder.mkdir(parents=True)
            (cell_folder / "journal.jsonl").write_text("half a li")
            raise KeyboardInterrupt
        return run_cell(self, cell, cell_folder, note)

    plan = write_plan(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(CellRunner, "run", interrupted)
        assert run_experiment(plan, run_dir=folder, python=stand_in) == 130
    assert f"Stopped. `testbed experiment {plan} --resume {folder}`" in capsys.readouterr().out
    assert states(folder) == {CELL: "done", OTHER: "pending"}
    assert study(folder)["finished_at"] is None
    first = read_csv(folder / "requests.csv")
    assert {row.cell for row in first} == {CELL}

    assert run_experiment(plan, resume=folder, python=stand_in) == 0
    assert states(folder) == {CELL: "done", OTHER: "done"}
    assert study(folder)["finished_at"] is not None
    rows = read_csv(folder / "requests.csv")
    assert [row for row in rows if row.cell == CELL] == first
    assert {row.cell for row in rows} == {CELL, OTHER}


def test_a_study_that_was_killed_goes_on_with_its_running_cell(
    tmp_path: Path, folder: Path, stand_in: str
) -> None:
    plan = write_plan(tmp_path, ONE)
    assert run_experiment(plan, run_dir=folder, python=stand_in) == 0
    content = study(folder)
    content["cells"][0]["status"] = "running"
    (folder / "study.json").write_text(json.dumps(content))
    assert run_experiment(plan, resume=folder, python=stand_in) == 0
    assert states(folder) == {CELL: "done"}


def test_only_the_same_plan_can_be_resumed(tmp_path: Path, folder: Path, stand_in: str) -> None:
    plan = write_plan(tmp_path, ONE)
    assert run_experiment(plan, run_dir=folder, python=stand_in) == 0
    before = (folder / "study.json").read_text()
    for other in (
        ONE.replace("seed = 3", "seed = 4"),
        ONE.replace("seconds = 0.3", "seconds = 0.4"),
        ONE.replace('"tiny"', '"other"'),
        ONE.replace("256", "512"),
    ):
        write_plan(tmp_path, other)
        with pytest.raises(SettingsError, match="is a run of another plan"):
            run_experiment(plan, resume=folder, python=stand_in)
    write_plan(tmp_path, ONE)
    with pytest.raises(SettingsError, match=f"Finished cells that tiny has not.* {CELL}"):
        run_experiment(plan, resume=folder, backends=["docker"], python=stand_in)
    template = tmp_path / "template.yaml"
    template.write_text(template.read_text().replace("Timeout: 30", "Timeout: 31"))
    with pytest.raises(SettingsError, match="is a run of another plan"):
        run_experiment(plan, resume=folder, python=stand_in)
    assert (folder / "study.json").read_text() == before


def test_a_plan_may_get_comments_and_cells_between_two_sittings(
    tmp_path: Path, folder: Path, stand_in: str
) -> None:
    plan = write_plan(tmp_path, ONE.replace("256", "[256]"))
    assert run_experiment(plan, run_dir=folder, python=stand_in) == 0
    first = read_csv(folder / "requests.csv")
    text = "# sizes in another order\n" + PLAN.replace("[256, 512]", "[512, 256]")
    assert run_experiment(write_plan(tmp_path, text), run_dir=folder, python=stand_in) == 0
    content = study(folder)
    assert content["plan_text"] == text
    assert [(cell["id"], cell["sitting"]) for cell in content["cells"]] == [(OTHER, 2), (CELL, 1)]
    assert [row for row in read_csv(folder / "requests.csv") if row.cell == CELL] == first


LIMIT = 11.0
"""Seconds of a sitting in which one of two cells ends, each planned to take 10.3."""


@pytest.fixture
def _a_second_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets each cell take a second of a clock that stands still else."""
    run_cell, now = CellRunner.run, [0.0]

    def run(self: Any, *rest: Any) -> Any:
        now[0] += 1.0
        return run_cell(self, *rest)

    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("emulator.experiments.runner.study_runner.time", clock)
    monkeypatch.setattr(CellRunner, "run", run)


@pytest.mark.usefixtures("_a_second_each")
def test_the_folder_of_a_run_goes_on_with_it(
    tmp_path: Path,
    folder: Path,
    stand_in: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = write_plan(tmp_path)
    arguments = ["experiment", str(plan), "--run-dir", str(folder)]
    assert run_experiment(plan, run_dir=folder, time_limit=LIMIT, python=stand_in) == 0
    assert states(folder) == {CELL: "done", OTHER: "pending"}
    assert study(folder)["finished_at"] is None
    assert (
        f"Stopped at the time limit, as {OTHER} takes about 10 s. 1 cells, about 10 s, are left: "
        f"`testbed experiment {plan} --resume {folder}` goes on."
    ) in capsys.readouterr().out
    page = report_run(folder).with_suffix(".md").read_text()
    assert f"Cell {OTHER} is pending." in page
    assert "were measured by the same code" not in page
    assert main([*arguments, "--time-limit", "5s"]) == 0  # starts nothing
    assert "1 cells done, 0 failed" in capsys.readouterr().out
    assert run_experiment(plan, run_dir=folder, python=stand_in) == 0
    assert states(folder) == {CELL: "done", OTHER: "done"}
    page = report_run(folder).with_suffix(".md").read_text()
    assert "### The sittings that this study was measured in" in page


@pytest.mark.usefixtures("_a_second_each")
def test_cells_of_different_code_are_told_at_once_and_on_the_page(
    tmp_path: Path,
    folder: Path,
    stand_in: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = write_plan(tmp_path)
    assert run_experiment(plan, run_dir=folder, time_limit=LIMIT, python=stand_in) == 0
    assert "were measured by" not in capsys.readouterr().out
    newer = CodeVersion("0123456789ab", "abc1234")
    monkeypatch.setattr(run_module, "code_version", lambda _: newer)
    assert run_experiment(plan, run_dir=folder, python=stand_in) == 0
    assert "and this is code 0123456789ab at commit abc1234" in capsys.readouterr().out
    page = report_run(folder).with_suffix(".md").read_text()
    assert "Not all cells were measured by the same code" in page
    assert re.search(r"Sitting 2, .*: kdd99-numpy 512 MB.*; code 0123456789ab", page)


def test_cells_that_a_killed_sitting_finished_are_read_from_their_own_records(
    tmp_path: Path, folder: Path, stand_in: str
) -> None:
    assert run_experiment(write_plan(tmp_path), run_dir=folder, python=stand_in) == 0
    rows = read_csv(folder / "requests.csv")
    write_csv(folder / "requests.csv", [row for row in rows if row.cell == CELL])
    read = read_study(folder)
    found = [row for cell in (CELL, OTHER) for row in read.rows[cell]]
    assert [(row.cell, row.request_id) for row in found] == [
        (row.cell, row.request_id) for row in rows
    ]
    assert f"Requests of {OTHER} are read from the cells' own records instead." in read.problems


def test_a_resumed_study_keeps_the_backend_that_it_was_started_with(
    tmp_path: Path, folder: Path, stand_in: str
) -> None:
    plan = write_plan(tmp_path, ONE)
    assert run_experiment(plan, run_dir=folder, backends=["docker"], python="/bin/false") == 1
    assert run_experiment(plan, resume=folder, python=stand_in) == 0
    assert study(folder)["cells"][0]["axes"]["backend"] == "docker"


def test_a_folder_in_use_is_left_alone(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "mine").write_text("")
    with pytest.raises(SettingsError, match=r"is not empty, and .* name another \(--run-dir\)\.$"):
        run_experiment(write_plan(tmp_path), run_dir=folder)


@pytest.mark.parametrize("name", ["taken", "taken/run", "x" * 300])
def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SettingsError, match="cannot be made the folder of a run"):
        run_experiment(write_plan(tmp_path), run_dir=tmp_path / name, python="/bin/false")


def test_a_cell_whose_records_cannot_be_written_fails_with_the_reason(
    tmp_path: Path, folder: Path, stand_in: str
) -> None:
    plan = write_plan(tmp_path, ONE)
    assert run_experiment(plan, run_dir=folder, python="/bin/false") == 1
    shutil.rmtree(folder / "cells")
    (folder / "cells").write_text("in the way")
    assert run_experiment(plan, resume=folder, python=stand_in) == 1
    (cell,) = study(folder)["cells"]
    assert cell["status"] == "failed"
    assert cell["error"] == f"{folder / 'cells' / CELL}: Not a directory."


def test_a_cell_with_a_gap_in_its_records_is_told_so(
    tmp_path: Path,
    folder: Path,
    stand_in: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_cell = CellRunner.run

    def lose(self: Any, cell: Any, cell_folder: Path, *rest: Any) -> Any:
        guard = run_cell(self, cell, cell_folder, *rest)
        started_at = json.loads((cell_folder / "run.json").read_text())["started_at"]
        gap = {"lost": 3, "since": started_at + 1, "until": started_at + 2}
        with (cell_folder / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps(gap) + "\n")
        return guard

    monkeypatch.setattr(CellRunner, "run", lose)
    assert run_experiment(write_plan(tmp_path, ONE), run_dir=folder, python=stand_in) == 0
    assert "incomplete (3 journal entries from 1.0 s to 2.0 s" in capsys.readouterr().err


def test_a_dry_run_lists_cells_and_time_and_starts_nothing(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = write_plan(tmp_path)
    assert run_experiment(plan, run_dir=folder, dry_run=True, python="/bin/false") == 0
    assert not folder.exists()
    said = capsys.readouterr().out.splitlines()
    assert said == [
        f"{CELL}   about 10 s",
        f"{OTHER}   about 10 s",
        "2 cells of tiny: about 21 s, and what building takes",
    ]


def test_the_command_line_takes_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = write_plan(tmp_path, ONE)
    assert main(["experiment", str(plan), "--backend", "docker", "--dry-run"]) == 0
    assert "1 cells of tiny" in capsys.readouterr().out
    plan.write_text("seed = -1")
    assert main(["experiment", str(plan)]) == 2
    assert "plan.toml is refused:\n  seed: must be at least 0" in capsys.readouterr().err


def test_without_a_folder_a_run_has_one_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_experiment(write_plan(tmp_path, ONE), python="/bin/false") == 1
    (made,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"tiny-\d{8}-\d{6}", made.name)
    assert f"runs/{made.name}" in capsys.readouterr().out


REPEATED = PLAN.replace("[256, 512]", "[512, 256]") + "repetitions = 3\nleast_repetitions = 2\n"


def test_repetitions_that_would_only_say_the_same_are_left_out(
    tmp_path: Path, folder: Path, stand_in: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []

    def is_enough(study: StudyRun) -> bool:
        asked.append(len(study.rows))
        return True

    plan = write_plan(tmp_path, REPEATED)
    assert run_experiment(plan, run_dir=folder, python=stand_in, is_enough=is_enough) == 0
    assert asked == [4], "once, when two repetitions of both sizes were there"
    assert {id_[-2:] for id_ in states(folder)} == {"r1", "r2"}
    assert study(folder)["left_out"] == ["kdd99-numpy-512mb-ramp-r3", "kdd99-numpy-256mb-ramp-r3"]
    assert study(folder)["finished_at"] is not None
    assert "2 repetitions are enough" in capsys.readouterr().out
    page = report_run(folder).with_suffix(".md").read_text()
    assert "2 more were left out, as they would only have said the same" in page
    assert "had not finished" not in page


def test_repetitions_are_run_where_more_is_to_be_learned_or_a_cell_failed(
    tmp_path: Path, folder: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell = CellRunner.run

    def fail_once(self: Any, cell: Any, *rest: Any) -> Any:
        if cell.id == "kdd99-numpy-256mb-ramp-r2":
            raise TestbedError("no")
        return run_cell(self, cell, *rest)

    plan = write_plan(tmp_path, REPEATED)
    with monkeypatch.context() as patched:
        patched.setattr(CellRunner, "run", fail_once)
        assert run_experiment(plan, run_dir=folder, python=stand_in, is_enough=lambda _: True) == 1
    assert len(states(folder)) == 6
    other, plan = tmp_path / "other", write_plan(tmp_path, REPEATED.replace("[512, 256]", "512"))
    assert run_experiment(plan, run_dir=other, python=stand_in, is_enough=lambda _: False) == 0
    assert len(states(other)) == 3
