from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.labels import cell_names
from emulator.experiments.report.memory_tables import collections_table, pages_table
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path


def test_collections_are_laid_out_for_the_cells_whose_jvms_told(tmp_path: Path) -> None:
    plans = [CellPlan(TF, 512, "idle"), CellPlan(TF, 1024, "idle")]
    study = read_study(write_study(tmp_path / "run", plans))
    assert collections_table(study, cell_names(study)) is None
    seen, _ = study.cells
    rows = [
        replace(row, heap_mb=30, metaspace_mb=26, gc_count=2, gc_ms=5.0)
        for row in study.rows[seen.id]
    ]
    table = collections_table(replace(study, rows={**study.rows, seen.id: rows}), cell_names(study))
    assert table is not None
    (row,) = (dict(zip(table.head, cells, strict=True)) for cells in table.rows)
    assert row["cell"] == "kdd99-tf 512 MB"
    assert (row["heap, most"], row["class metadata, most"]) == ("30 MB", "26 MB")
    assert (row["collections a request"], row["collecting a request"]) == ("2.00", "5.00 ms")


def test_memory_is_laid_out_for_the_cells_whose_sandboxes_were_looked_at(tmp_path: Path) -> None:
    plans = [CellPlan(TF, 512, "idle"), CellPlan(TF, 1024, "idle")]
    study = read_study(write_study(tmp_path / "run", plans))
    assert pages_table(study, cell_names(study)) is None, "as of a table of an earlier version"
    seen, _ = study.cells
    rows = [
        replace(row, anonymous_mb=180, cache_mb=70, major_faults=count, refaults=2 * count)
        for row, count in zip(study.rows[seen.id], (900, 3, 5, 7, 9), strict=True)
    ]
    table = pages_table(replace(study, rows={**study.rows, seen.id: rows}), cell_names(study))
    assert table is not None
    (row,) = (dict(zip(table.head, cells, strict=True)) for cells in table.rows)
    cold = [r for r in rows if r.start == "cold"]
    assert row["cell"] == "kdd99-tf 512 MB"
    assert row["anonymous, most"] == "180 MB"
    assert row["page cache, most"] == "70 MB"
    mean = sum(r.major_faults or 0 for r in cold) / len(cold)
    assert row["major faults, cold"] == formatting.number(mean)
    assert row["major faults, most"] == "900"
