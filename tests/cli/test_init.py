from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emulator.cli import main

if TYPE_CHECKING:
    import pytest


def test_init_writes_a_project_that_an_experiment_can_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine"]) == 0
    assert "cd mine" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "mine")
    assert main(["experiment", "studies/small.toml", "--dry-run"]) == 0
    assert "kdd99-tf" in capsys.readouterr().out


def test_init_writes_a_study_that_can_be_simulated_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert "testbed simulate studies/daitan-2018.toml" in capsys.readouterr().out
    plan = Path("studies", "daitan-2018.toml")
    short = plan.read_text().replace("seconds = 300", "seconds = 3")
    plan.write_text(short)
    assert main(["simulate", str(plan), "--run-dir", "run", "--jobs", "1"]) == 0
    assert "18 cells simulated" in capsys.readouterr().out


def test_init_writes_calls_and_a_policy_to_simulate_them_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    policies = ("lru", "fixed:seconds=600", "studies/policies/mine.py:Mine:most=900")
    chosen = [word for policy in policies for word in ("--policy", policy)]
    trace = ["--trace", "studies/traces/calls.csv"]
    assert main(["simulate", *trace, *chosen, "--run-dir", "run", "--jobs", "1"]) == 0
    summary = Path("run", "summary.md").read_text()
    assert all(policy in summary for policy in policies)


def test_init_writes_into_the_current_folder_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert (tmp_path / "functions" / "template.yaml").is_file()
    assert "cd " not in capsys.readouterr().out


def test_init_names_what_stands_in_its_way_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path)]) == 0
    own = tmp_path / "functions" / "echo" / "app.py"
    own.write_text("mine")
    capsys.readouterr()
    assert main(["init", str(tmp_path)]) == 2
    assert str(tmp_path / "functions") in (told := capsys.readouterr().err)
    assert "more. Name another folder" in told
    assert own.read_text() == "mine"


def test_init_into_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file")]) == 1
    assert f"{tmp_path}/file" in (told := capsys.readouterr().err)
    assert len(told.splitlines()) == 1
