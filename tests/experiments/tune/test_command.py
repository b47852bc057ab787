from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from emulator.errors import SettingsError, TestbedError
from emulator.experiments.analysis.memory_choice import SizeSample, Strategy, choose
from emulator.experiments.records.request_table import read_csv
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.study_page import report_run
from emulator.experiments.tune.command import Tuning, run_tune
from emulator.experiments.tune.text import tuned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: echo, Runtime: python3.13, Handler: app.handler, CodeUri: echo/}
  Other:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: other, Runtime: python3.13, Handler: app.handler, CodeUri: echo/}
"""


@pytest.fixture
def tuning(tmp_path: Path) -> Tuning:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    return Tuning(
        function="echo",
        payloads=(b'{"records": [1]}', b'{"records": []}'),
        memories=(128, 256),
        invocations=6,
        strategy=Strategy.COST,
        weight=0.5,
        template=template,
        backend="process",
        profile="aws-2025",
    )


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
    assert [row.start for row in rows] == ["cold", *["warm"] * 5] * 2
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


def test_all_faults_are_told_at_once(tuning: Tuning, tmp_path: Path) -> None:
    wrong = replace(
        tuning,
        function="nobody",
        memories=(100,),
        payloads=(b"{",),
        invocations=4,
        weight=2.0,
        profile="aws-2018",
    )
    with pytest.raises(SettingsError) as raised:
        run_tune(wrong, tmp_path / "run")
    told = str(raised.value)
    assert "no function nobody; it has echo, other." in told
    assert "--memory needs two sizes or more" in told
    assert "--memory 100: aws-2018 has 128 to 3008 MB in steps of 64." in told
    assert "--payload is no JSON" in told
    assert "--invocations must be 5 or more" in told
    assert "--balanced-weight must be from 0" in told
    assert not (tmp_path / "run").exists()


def test_a_run_directory_that_is_in_use_is_refused(tuning: Tuning, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "keep").touch()
    with pytest.raises(SettingsError, match="is not empty"):
        run_tune(tuning, tmp_path / "run")


def test_what_it_prints_names_the_winner_and_how_sure_it_is(tuning: Tuning) -> None:
    tried = [SizeSample(128, (400.0,) * 9, (1e-6,) * 9), SizeSample(256, (200.0,) * 9, (2e-6,) * 9)]
    text = tuned(tried, choose(tried, Strategy.SPEED), replace(tuning, strategy=Strategy.SPEED))
    assert "echo: 256 MB for the greatest speed, in 100 % of the resamples." in text
    assert "time   128 MB |########################################\n" in text
    assert "time   256 MB |####################\n" in text
    assert "256 MB   200 ms" in text
    doubtful = [
        SizeSample(128, (400.0, 200.0) * 5, (1e-6,) * 10),
        SizeSample(256, (300.0,) * 10, (1.0,) * 10),
    ]
    text = tuned(doubtful, choose(doubtful, Strategy.SPEED), tuning)
    assert "The sizes are close" in text


def test_the_command_reports_one_run_and_compares_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err
    (tmp_path / "study.json").write_text(
        json.dumps({"name": "empty", "started_at": 0, "finished_at": 1, "cells": []})
    )
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "one")]) == 0
    assert main(["report", str(tmp_path), str(tmp_path), "--out", str(tmp_path / "two")]) == 0
    assert {path.name for path in (tmp_path / "two").iterdir()} >= {"report.html", "report.md"}
    assert str(tmp_path / "one" / "report.html") in capsys.readouterr().out


def test_the_command_refuses_sizes_that_are_no_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "echo", "--memory", "128,big"]) == 2
    assert "--memory must be sizes in MB" in capsys.readouterr().err
