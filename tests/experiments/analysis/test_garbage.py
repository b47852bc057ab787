from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.garbage import Collections, collections
from tests.experiments.analysis.conftest import RAMP

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun


def test_cell_without_a_jvm_has_no_collections(three_cells: StudyRun) -> None:
    assert collections(three_cells.rows[RAMP.id]) is None


def test_collections_of_all_looks_are_shared_out_over_all_requests(three_cells: StudyRun) -> None:
    row = replace(three_cells.rows[RAMP.id][0], duration_ms=100.0)
    rows = [
        replace(row, heap_mb=9, metaspace_mb=25, gc_count=8, gc_ms=150.0),
        row,
        replace(row, heap_mb=30, metaspace_mb=26, gc_count=2, gc_ms=30.0),
        replace(row, duration_ms=None),
    ]
    assert collections(rows) == Collections(30, 26, 10 / 3, 60.0, 0.6)


def test_share_of_collections_is_no_more_than_all(three_cells: StudyRun) -> None:
    row = replace(three_cells.rows[RAMP.id][0], duration_ms=10.0, gc_count=1, gc_ms=90.0)
    found = collections([row])
    assert found is not None
    assert found.share == 1.0
