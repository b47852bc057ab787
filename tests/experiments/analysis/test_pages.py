from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.pages import Pages, pages
from tests.experiments.analysis.conftest import RAMP

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun


def test_rows_of_an_earlier_version_tell_nothing(three_cells: StudyRun) -> None:
    assert pages(three_cells.rows[RAMP.id]) is None


def test_short_request_leaves_its_faults_to_a_later_look_and_counts_in_the_average(
    three_cells: StudyRun,
) -> None:
    row = replace(three_cells.rows[RAMP.id][0], anonymous_mb=10, cache_mb=5)
    rows = [
        replace(row, start="cold", major_faults=900, refaults=0, cache_mb=70),
        replace(row, start="warm", anonymous_mb=None, cache_mb=None),
        replace(row, start="warm", major_faults=6, refaults=3, anonymous_mb=30),
        replace(row, start="warm", major_faults=0, refaults=None),
    ]
    assert pages(rows) == Pages(30, 70, 900.0, 2.0, 1.0, 900)


def test_kernel_that_tells_no_refaults_leaves_them_unknown(three_cells: StudyRun) -> None:
    row = replace(three_cells.rows[RAMP.id][0], start="warm", major_faults=1)
    found = pages([row, row])
    assert found is not None
    assert (found.cold_faults, found.warm_faults, found.warm_refaults) == (None, 1.0, None)
