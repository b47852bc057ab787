from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.idle_time import emulated_minutes, idle_gaps, start_letters
from tests.experiments.analysis.conftest import IDLE

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun


def test_starts_read_as_letters_and_gaps_as_minutes_of_emulated_time(three_cells: StudyRun) -> None:
    rows = three_cells.rows[IDLE.id]
    assert start_letters(rows) == "CWWWC"
    found = idle_gaps(three_cells.cells[1], rows)
    assert [gap.survived for gap in found] == [True, True, True, False]
    assert [gap.minutes for gap in found] == pytest.approx([6, 10, 15, 30])


def test_the_clock_of_idle_time_stands_nearly_still_while_a_handler_runs(
    three_cells: StudyRun,
) -> None:
    row = three_cells.rows[IDLE.id][0]
    rows = [
        replace(row, sent_at_s=at, latency_ms=ms)
        for at, ms in ((0.0, 2000.0), (1.0, 3000.0), (10.0, 1.0))
    ]
    minutes = emulated_minutes(three_cells.cells[1], rows)
    assert minutes == pytest.approx([0, 1 / 60, 4 / 60 + 6])
