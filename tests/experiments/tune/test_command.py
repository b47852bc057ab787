from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from emulator.errors import SettingsError, TestbedError
from emulator.experiments.records.request_table import read_csv
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.study_page import report_run
from emulator.experiments.tune.command import run_tune

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emulator.experiments.tune.tuning import Tuning


def test_it_tries_every_size_and_leaves_a_study_that_can_be_reported(
    tuning: Tuning,
    tmp_path: Path,
    stand_in: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    assert run_tune(tuning, run, python=stand_in) == 0
    study = read_study(run)
    assert study.problems == ()
    assert [(cell.id, cell.memory_mb, cell.status) for cell in study.cells] == [
        ("128", 128, "done"),
        ("256", 256, "done"),
    ]
    rows = read_csv(run / "requests.csv")
    # the stand-in keeps a sandbox for each connection, and each payload has one
    assert [row.start for row in rows] == ["cold", "cold", *["warm"] * 4] * 2
    assert (run / "requests.parquet").exists()
    printed = capsys.readouterr().out
    assert "https://lambda-power-tuning.show/#gAAAAQ==;" in printed  # 128 and 256
    assert (run / "summary.txt").read_text() in printed
    variant = (run / "cells" / "256" / "template.yaml").read_text()
    assert "MemorySize: 256" in variant
    assert "other" not in variant
    text = report_run(run).with_suffix(".md").read_text()
    assert "buy" in text
    assert "What the study found" not in text


def test_a_failed_invocation_ends_it_and_names_the_size(
    tuning: Tuning,
    tmp_path: Path,
    interpreter: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    answers_404 = interpreter(_ANSWERS_404)
    with pytest.raises(TestbedError, match="At 128 MB an invocation failed"):
        run_tune(tuning, tmp_path / "run", python=answers_404)
    study = read_study(tmp_path / "run")
    assert [cell.status for cell in study.cells] == ["pending", "pending"]
    assert "had not finished" in " ".join(study.problems)


_ANSWERS_404 = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        self.send_error(404, "no such function")

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def test_a_run_directory_that_is_in_use_is_refused(tuning: Tuning, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "keep").touch()
    with pytest.raises(SettingsError, match="is not empty"):
        run_tune(tuning, tmp_path / "run")


def test_the_command_refuses_sizes_that_are_no_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "echo", "--memory", "128,big"]) == 2
    assert "--memory must be sizes in MB" in capsys.readouterr().err
