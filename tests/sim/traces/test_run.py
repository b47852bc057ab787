from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from emulator.core.journal import encode
from emulator.core.messages.events import InvokeRequested, VersionDeployed
from emulator.core.model import FunctionVersion
from emulator.core.policy import SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.behaviour import Behaviour
from emulator.sim.distributions import Constant
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.traces import run
from emulator.sim.traces.trace import Call, TracedFunction
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.sim.traces.trace import Trace

VERSION = FunctionVersion("echo", 512, 3.0)
BEHAVIOUR = Behaviour(warm=Constant(0.25), init=Constant(2.0))


def calls(trace: Trace) -> list[Call]:
    return list(trace.draw(random.Random(1)))


def journal(folder: Path) -> Path:
    scheduler = Scheduler(SchedulerSettings(host_memory_mb=4096), random.Random(1))
    asked = [(at, InvokeRequested(f"i{at}", VERSION.key)) for at in (5.0, 9.0, 9.5)]
    service = ServiceModel(1, BEHAVIOUR, {})
    entries = Simulation(scheduler, service).run(iter([(0.0, VersionDeployed(VERSION)), *asked]))
    path = folder / "journal.jsonl"
    path.write_text("".join(encode(entry) + "\n" for entry in entries))
    return path


def test_a_runs_calls_come_at_their_times_and_take_as_long(tmp_path: Path) -> None:
    journal(tmp_path)
    trace = run.read(tmp_path)
    assert trace.functions == {"echo": TracedFunction("echo", 512.0)}
    found = calls(trace)
    assert [(call.at, call.function) for call in found] == [
        (0.0, "echo"),
        (4.0, "echo"),
        (4.5, "echo"),
    ]
    assert [call.duration for call in found] == pytest.approx([0.25] * 3)
    assert calls(run.read(tmp_path / "journal.jsonl")) == found


def test_a_line_cut_short_and_a_gap_are_passed_over(tmp_path: Path) -> None:
    path = journal(tmp_path)
    whole = calls(run.read(path))
    text = path.read_text()
    path.write_text(text + '{"lost":1,"since":0,"until":1}\n' + text[:40])
    assert calls(run.read(path)) == whole


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda text: "nonsense\n" + text, r"journal\.jsonl, line 1: not a journal entry"),
        (lambda text: text.partition("\n")[2], r"line 1: 'echo:\$LATEST' was never introduced"),
        (lambda text: text.partition("\n")[0] + "\n", "has no invocation that ended"),
    ],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, damage: object, fault: str) -> None:
    path = journal(tmp_path)
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    with pytest.raises(TraceError, match=fault):
        run.read(path)


def test_a_folder_without_a_journal_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"is no run directory: journal\.jsonl is missing"):
        run.read(tmp_path)
    (tmp_path / "cells").mkdir()
    with pytest.raises(TraceError, match="is a study: name one of its cells"):
        run.read(tmp_path)
