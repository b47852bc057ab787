from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.ramp_steps import ramp_steps
from tests.experiments.analysis.conftest import RAMP

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun


def test_each_step_of_a_ramp_has_its_users_and_cold_starts(three_cells: StudyRun) -> None:
    steps = ramp_steps(three_cells.rows[RAMP.id])
    assert [step.users for step in steps] == [3, 3, 3, 9]
    assert [step.cold_starts for step in steps] == [3, 3, 3, 9]
    assert all(step.has_peak for step in steps)


def test_users_who_come_within_seconds_make_one_step(three_cells: StudyRun) -> None:
    row = three_cells.rows[RAMP.id][0]
    rows = [
        replace(row, sent_at_s=at, user_count=users, start="warm")
        for at, users in ((0.0, 1), (1.0, 2), (2.0, 3), (20.0, 5), (21.0, 6))
    ]
    steps = ramp_steps(rows)
    assert [step.users for step in steps] == [3, 3]
    assert not any(step.has_peak for step in steps)
