from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from emulator.errors import TestbedError
from emulator.experiments import demo
from emulator.experiments.demo import run_demo
from emulator.experiments.run_directory import read_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHORT = 0.3


def test_demo_leaves_a_run_with_a_row_a_function_and_a_chart(
    stand_in: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert run_demo(backend="process", run_dir=folder, seconds=SHORT, python=stand_in) == 0
    said = capsys.readouterr().out
    for function in ("kdd99-tf", "litert", "numpy"):
        assert re.search(rf"^{function} +\d+ +0 +1 ", said, re.MULTILINE)
    assert "cold start, answered in" in said
    assert "probability 0.250000   normal  (was anomaly)" in said
    assert (folder / "summary.txt").read_text() in said
    assert (folder / "chart.png").read_bytes().startswith(b"\x89PNG")
    paths = [row.path for row in read_run(folder).clients]
    assert {path: paths.count(path) > 2 for path in paths} == {
        "/predict": True,
        "/predict/litert": True,
        "/predict/numpy": True,
    }


def test_a_wrong_answer_ends_the_demo_with_a_sentence(
    stand_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FAILS", "1")
    with pytest.raises(TestbedError, match="POST /predict was not answered right: status 500"):
        run_demo(backend="process", run_dir=tmp_path / "run", seconds=SHORT, python=stand_in)


def test_an_emulator_that_does_not_start_is_told(
    interpreter: Callable[[str], str], tmp_path: Path
) -> None:
    python = interpreter("raise SystemExit('testbed: No Docker engine answers.')")
    with pytest.raises(TestbedError, match=r"No Docker engine answers\."):
        run_demo(backend="docker", run_dir=tmp_path / "run", python=python)


def test_a_locust_that_fails_is_told(
    stand_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAMP_WAIT_S", "long")
    with pytest.raises(TestbedError, match=r"(?s)Locust ended .*RAMP_WAIT_S must be a number"):
        run_demo(backend="process", run_dir=tmp_path / "run", seconds=SHORT, python=stand_in)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("mine")
    with pytest.raises(TestbedError, match="is not empty"):
        run_demo(run_dir=tmp_path)


def test_a_ramp_needs_time(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="longer than 0 s"):
        run_demo(run_dir=tmp_path / "run", seconds=0)


def test_failed_requests_are_the_verdict(study: object, capsys: pytest.CaptureFixture[str]) -> None:
    run = read_run(study.write())  # type: ignore[attr-defined]
    assert demo._verdict(run) == 1
    assert "1 of 7 requests failed, the first with: status 429: no room" in capsys.readouterr().out
