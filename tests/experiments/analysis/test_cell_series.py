from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.experiments.analysis.cell_series import cell_series
from emulator.experiments.analysis.cell_stats import all_stats
from tests.experiments.analysis.conftest import IDLE, RAMP

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun


def test_series_put_each_request_in_the_second_it_was_sent_in(three_cells: StudyRun) -> None:
    series = cell_series(three_cells.rows[RAMP.id])
    assert series.width_s == 1
    assert series.hits.sum() == len(three_cells.rows[RAMP.id])
    assert series.users[0] == 3
    assert series.users[-1] == 18
    assert np.nanmax(series.max_ms) == all_stats(three_cells)[0].max_ms


def test_a_long_cell_has_wider_buckets(three_cells: StudyRun) -> None:
    rows = [replace(three_cells.rows[IDLE.id][0], sent_at_s=at) for at in (0.0, 3599.0)]
    series = cell_series(rows)
    assert series.width_s == 6
    assert len(series.at_s) == 600
    assert series.hits.sum() * series.width_s == pytest.approx(2)
