from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.costs import paid_dollars, total_dollars
from tests.experiments.analysis.conftest import IDLE

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun


def test_a_request_that_no_sandbox_took_costs_nothing(three_cells: StudyRun) -> None:
    paid, refused = three_cells.rows[IDLE.id][:2]
    rows = [replace(paid, dollars={"2018": 2e-6, "2025": 1e-6}), replace(refused, dollars={})]
    assert paid_dollars(rows, "2018") == [2e-6]
    assert total_dollars([*rows, *rows], "2025") == pytest.approx(2e-6)
