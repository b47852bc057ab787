"""Runs of `testbed fidelity` made by hand: rows, and the journal of the emulator behind them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.rows import DESCRIPTION, ROWS, SpinRow, write_row

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.conftest import MadeRun

CALM = SpinRow(
    backend="process",
    round=1,
    memory_mb=128,
    request_id="r",
    sent_at=1_700_000_000.0,
    iterations=500_000,
    wall_ms=200.0,
    cpu_ms=17.5,
    throttles=11,
    throttled_ms=182.0,
    steal_ms=0.0,
    client_ms=210.0,
    load=0.5,
)


class MadeFidelity:
    """A run of one backend whose emulator took 5 ms more than its handler."""

    def __init__(self, run: MadeRun) -> None:
        self.path = run.path
        self.rows: list[SpinRow] = []
        self.run = run
        run.path = self.path / "process"
        run.path.mkdir()
        self.run.deploy(*(f"spin-{mb}" for mb in AWS.mean_ms))

    def add(self, memory_mb: int, wall_ms: float, **other: object) -> None:
        number = len(self.rows) + 1
        row = replace(CALM, memory_mb=memory_mb, wall_ms=wall_ms, request_id=f"r{number}")
        self.rows.append(replace(row, **other))  # type: ignore[arg-type]
        at, function = float(number), f"spin-{memory_mb}"
        self.run.cold(f"c{number}", function, number, at, init=0.1)
        self.run.warm(f"r{number}", function, number, at + 2, took=(wall_ms + 5) / 1000)

    def write(self) -> Path:
        self.run.write()
        facts = {"kernel": {"cfs_slice_us": "5000", "features": None}}
        (self.path / DESCRIPTION).write_text(json.dumps(facts))
        with (self.path / ROWS).open("w", newline="") as file:
            for row in self.rows:
                write_row(file, row)
        return self.path


@pytest.fixture
def fidelity(made: MadeRun) -> MadeFidelity:
    return MadeFidelity(made)


@pytest.fixture
def measured(fidelity: MadeFidelity) -> MadeFidelity:
    """Every size once, a tenth too long, all of it throttling."""
    for mb, ms in AWS.mean_ms.items():
        fidelity.add(mb, ms * 1.1, throttled_ms=ms * 1.1 - 17.5)
    return fidelity
