from __future__ import annotations

import builtins
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from emulator.cli import main
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path


def test_page_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    write_study(run, [CellPlan(TF, 256)])
    (tmp_path / "file").write_text("")
    assert main(["report", str(run), "--out", str(tmp_path / "file")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("testbed: ")
    assert f"{tmp_path}/file: Not a directory" in told
    assert len(told.splitlines()) == 1


def test_run_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--run-dir", str(tmp_path / "file" / "run")]) in {1, 2}
    told = capsys.readouterr().err
    assert told.startswith("testbed: ")
    assert str(tmp_path / "file") in told
    assert len(told.splitlines()) == 1


def test_command_that_misses_an_extra_names_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "emulator.experiments.bill":
            raise ModuleNotFoundError("No module named 'numpy'", name="numpy")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["bill", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "`testbed bill` needs numpy" in told
    assert "pip install 'serverless-testbed[experiments]'" in told


def test_module_of_no_extra_that_is_missing_is_a_fault_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "emulator.experiments.bill":
            raise ModuleNotFoundError("No module named 'emulator.lost'", name="emulator.lost")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError):
        main(["bill", str(tmp_path)])


def test_pipe_that_its_reader_closed_ends_without_a_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "emulator", "--version"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
