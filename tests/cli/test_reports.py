from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.cli import main
from tests.experiments.made_study import TF, CellPlan, write_study


def test_report_for_a_script_has_every_cells_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    write_study(run, [CellPlan(TF, 256), CellPlan(TF, 512)])
    assert main(["report", str(run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["page"]).is_file()
    (figures,) = told["runs"]
    assert figures["run"] == str(run)
    assert [cell["requests"] > 0 for cell in figures["cells"]] == [True, True]
    assert all(cell["warm_ms"]["value"] > 0 for cell in figures["cells"])


def test_report_of_two_runs_has_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    for run in runs:
        write_study(run, [CellPlan(TF, 256)])
    assert main(["report", *map(str, runs), "--json", "--out", str(tmp_path / "page")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["run"] for one in told["runs"]] == [str(run) for run in runs]


@pytest.mark.parametrize("command", ["report", "bill"])
def test_folder_that_holds_no_run_is_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path), "--json"]) == 2
    told = capsys.readouterr()
    assert str(tmp_path) in told.err
    assert not told.out


def test_three_runs_are_joined_only_where_parts_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [tmp_path / name for name in ("one", "two", "three")]
    for run in runs:
        write_study(run, [CellPlan(TF, 256)])
    assert main(["report", *map(str, runs)]) == 2
    assert "cells without one of their parts" in capsys.readouterr().err
