from __future__ import annotations

import json
from typing import TYPE_CHECKING

from emulator.cli import main
from tests.emulator_process import write_template
from tests.experiments.plans import write_plan

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_tune_for_a_script_prints_json_alone_and_its_progress_to_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--memory", "128,256", "--invocations", "5", "--backend", "process"]
    template = str(write_template(tmp_path))
    assert main(["tune", "echo", *arguments, "--template", template, "--json"]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert [size["memory_mb"] for size in told["sizes"]] == [128, 256]
    assert told["best_mb"] in {128, 256}
    assert all(size["time_ms"] > 0 for size in told["sizes"])
    assert (tmp_path / told["run_dir"] / "summary.txt").is_file()
    assert "128 MB" in said.err


def test_simulation_that_knows_no_times_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = write_plan(tmp_path)
    assert main(["simulate", str(plan)]) == 2
    assert "--calibrate RUN" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
