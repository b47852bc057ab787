from __future__ import annotations

import random
from typing import TYPE_CHECKING

from emulator.experiments.benchmark.made_traces import write
from emulator.sim.traces import azure2019, azure2021

if TYPE_CHECKING:
    from pathlib import Path


def test_both_traces_are_there_and_read(tmp_path: Path) -> None:
    write(tmp_path, 0.001)
    calls = azure2021.read(tmp_path / "azure2021.csv").draw(random.Random(0))
    assert sum(1 for _ in calls) == 2000
    assert len(azure2019.read(tmp_path / "azure2019").functions) == 46
