from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer

from emulator.cli import main
from emulator.cli.options import seconds
from tests.emulator_process import write_template
from tests.experiments.plans import write_plan

if TYPE_CHECKING:
    from pathlib import Path


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


@pytest.mark.parametrize(
    ("text", "told"), [("90", 90.0), ("90s", 90.0), ("30m", 1800.0), ("1h30m", 5400.0)]
)
def test_a_time_is_read_in_hours_minutes_and_seconds(text: str, told: float) -> None:
    assert seconds(text) == told


@pytest.mark.parametrize("text", ["", "m", "30x", "-5", "1.5h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no time such as 90s"):
        seconds(text)


@pytest.mark.parametrize("dilation", ["x", "0", "-1", "1.5"])
def test_dilation_that_is_none_is_told_as_the_options_fault(
    dilation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--dilation", dilation]) == 2
    told = "testbed: --dilation must be a whole number from 1, or 'auto', and not '{}'.\n"
    assert capsys.readouterr().err == told.format(dilation)


def test_tune_without_a_template_names_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tune", "echo"]) == 2
    assert "`testbed init` writes a small project" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--simulator", "--control"],
        ["--rehearse", "--out", "page.md"],
        ["--control", "--backend", "docker"],
        ["--control", "--against", "."],
        ["--at-once", "100", "--simulator"],
        ["--at-once", "100", "--against", "."],
        ["--json", "--against", "."],
        ["--json", "--rehearse"],
        ["--json", "--out", "page.md"],
        ["--turns", "3"],
        ["--turns", "3", "--control"],
    ],
)
def test_bench_measures_one_thing_and_heeds_each_option_or_refuses(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *options]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("testbed: --")
    assert not told.out


@pytest.mark.parametrize("command", ["bench", "chaos", "soak", "lost-events"])
@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("file/page.md", "file is no folder"),
        ("file/new/page.md", "file/new/page.md cannot be written: Not a directory"),
        ("folder", "folder is a folder, and the page is a file"),
    ],
)
def test_page_that_cannot_be_written_is_told_before_anything_is_measured(
    command: str, out: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert main([command, "--out", str(tmp_path / out)]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
