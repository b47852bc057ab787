from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.cell_stats import CellCost, all_stats
from emulator.experiments.records.price_tables import PRICE_TABLES
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report import study_tables
from emulator.experiments.report.labels import cell_names
from emulator.experiments.report.study_tables import cost_table, latency_table, load_table
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
