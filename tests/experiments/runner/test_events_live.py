"""A cell of events on a real emulator, beside the simulation of the same plan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from emulator.core.asynchronous.ended_event import Receiver
from emulator.experiments.analysis.events import all_events
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.runner.study import run_experiment
from emulator.experiments.simulation.study import SimulationOptions, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.records.request_table import RequestRow

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Letters:
    Type: AWS::SQS::Queue
    Properties: {QueueName: letters}
  Failing:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: failing
      Runtime: python3.13
      Handler: app.handler
      CodeUri: code/
      Timeout: 10
      EventInvokeConfig: {MaximumRetryAttempts: 1}
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Letters.Arn}
"""
CODE = """\
def handler(event, context):
    raise RuntimeError("never")
"""
PLAN = """\
name = "events"
template = "template.yaml"
behaviours = "behaviours.toml"

[axes]
function = ["failing"]
memory_mb = [256]
backend = ["process"]

[[scenario]]
kind = "trace"
file = "calls.csv"
idle_speedup = 60
asynchronous = true

[functions.failing]
payload = "payload.json"
"""
BEHAVIOURS = """\
[[behaviour]]
init = 0.1
warm = 0.001
failures = { error = 1.0 }
"""
CELL = "failing-256mb-trace-events-r1"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # the state directory is relative
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(CODE)
    for name, text in (
        ("template.yaml", TEMPLATE),
        ("behaviours.toml", BEHAVIOURS),
        ("payload.json", "{}"),
        ("calls.csv", "at\n0.0\n0.5\n1.0\n"),
        ("plan.toml", PLAN),
    ):
        (tmp_path / name).write_text(text)
    return tmp_path / "plan.toml"


def told(row: RequestRow) -> tuple[object, ...]:
    return row.http_status, row.ok, row.event_end, row.attempts, row.refusals


def test_measured_and_simulated_events_come_to_the_same_ends(tmp_path: Path, plan: Path) -> None:
    assert run_experiment(plan, run_dir=tmp_path / "measured") == 0
    assert simulate(plan, SimulationOptions(jobs=1), tmp_path / "simulated") == 0
    measured, simulated = (
        read_study(tmp_path / name).rows[CELL] for name in ("measured", "simulated")
    )
    assert [told(row) for row in measured] == [(202, True, "RetriesExhausted", 2, 0)] * 3
    assert [told(row) for row in simulated] == [told(row) for row in measured]
    # a busy machine is late, and a step of its clock counts 60 times
    for rows, least, most in ((measured, 0.75, math.inf), (simulated, 1.0, 2.0)):
        for row in rows:
            # one retry, a minute after the error, on a clock that runs 60 times as fast
            assert row.event_age_ms is not None
            assert 60_000 * least < row.event_age_ms < 60_000 * most
            assert row.executed_at_s is not None
            assert least < row.executed_at_s - row.sent_at_s < 2.0 * most
    figures = [all_events(read_study(tmp_path / name))[0] for name in ("measured", "simulated")]
    assert [(f.dropped, f.retries, f.left) for f in figures] == [(3, 3, 0)] * 2
    # the companion's queue has taken the letters
    assert [(f.told, f.lost) for f in figures] == [({Receiver.DEAD_LETTERS: 3}, 0)] * 2
