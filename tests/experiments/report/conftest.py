"""One report for all tests of pages: cells done, host-bound, idle, with pings, and failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.study_page import study_document
from tests.experiments.made_study import JAVA, TF, CellPlan, write_study

if TYPE_CHECKING:
    from emulator.experiments.report.document import Document

PLANS = [
    CellPlan(TF, 256),
    CellPlan(TF, 512),
    CellPlan(TF, 1024, host_bound="load 9 on 2 cores"),
    CellPlan(TF, 512, "idle"),
    CellPlan(TF, 512, "keep-warm"),
    CellPlan(JAVA, 512, status="failed"),
]


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return study_document(read_study(write_study(tmp_path_factory.mktemp("made") / "run", PLANS)))
