from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.cell_stats import CellCost, all_stats
from emulator.experiments.records.price_tables import PRICE_TABLES
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report import study_tables
from emulator.experiments.report.labels import cell_names
from emulator.experiments.report.study_tables import (
    collections_table,
    cost_table,
    latency_table,
    load_table,
    pages_table,
)
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_every_price_table_has_its_columns_a_further_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(write_study(tmp_path / "run", [CellPlan(TF, 512, "idle")]))
    monkeypatch.setattr(study_tables, "PRICE_TABLES", {**PRICE_TABLES, "2031": None})
    (figures,) = all_stats(study)
    costs = {**figures.costs, "2031": CellCost(total=3.0, per_million=7.0)}
    table = cost_table([replace(figures, costs=costs)], cell_names(study))
    row = dict(zip(table.head, table.rows[0], strict=True))
    assert [name for name in row if name[-4:].isdigit()] == [
        *("a million requests, 2018", "a million requests, 2025", "a million requests, 2031"),
        *("this cell, 2018", "this cell, 2025", "this cell, 2031"),
    ]
    assert (row["a million requests, 2031"], row["this cell, 2031"]) == ("$7.00", "$3.00")


def test_a_cell_without_a_rate_has_dashes_and_few_values_say_so(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path / "run", [CellPlan(TF, 512, "idle")]))
    stats, names = all_stats(study), cell_names(study)
    load = load_table(stats, names)
    row = dict(zip(load.head, load.rows[0], strict=True))
    assert (row["cell"], row["requests"], row["hits/s average"]) == ("kdd99-tf 512 MB", "5", "-")
    latency = latency_table(stats, names)
    assert latency.rows[0][2].replace("\u00a0", " ").endswith("(n = 3)")


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
