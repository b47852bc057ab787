"""One study for all tests of the analysis: a ramp, single requests, and pings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.records.study_reader import read_study
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun

RAMP, IDLE, PINGED = CellPlan(TF, 512), CellPlan(TF, 512, "idle"), CellPlan(TF, 512, "keep-warm")


@pytest.fixture(scope="session")
def three_cells(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    path = tmp_path_factory.mktemp("study") / "run"
    return read_study(write_study(path, [RAMP, IDLE, PINGED]))
