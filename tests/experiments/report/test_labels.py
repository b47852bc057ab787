from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.labels import cell_names, condition_names
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cell_is_named_by_what_tells_it_from_the_others(tmp_path: Path) -> None:
    plans = [CellPlan(TF, 256), CellPlan(TF, 512, "idle"), CellPlan(TF, 512, repetition=2)]
    names = cell_names(read_study(write_study(tmp_path / "run", plans)))
    assert list(names.values()) == [
        "kdd99-tf 256 MB ramp #1",
        "kdd99-tf 512 MB idle #1",
        "kdd99-tf 512 MB ramp #2",
    ]


def test_a_cell_carries_its_marks(tmp_path: Path) -> None:
    plans = [CellPlan(TF, 256), CellPlan(TF, 512, host_bound="load 9 on 2 cores")]
    path = write_study(tmp_path / "run", plans)
    for plan in plans:
        with (path / "cells" / plan.id / "journal.jsonl").open("a") as journal:
            journal.write('{"lost": 3, "since": 50.0, "until": 51.0}\n')
    assert list(cell_names(read_study(path)).values()) == [
        "kdd99-tf 256 MB †",
        "kdd99-tf 512 MB ‡ †",
    ]


def test_conditions_are_named_by_the_axes_in_which_they_differ(tmp_path: Path) -> None:
    (cell,) = read_study(write_study(tmp_path / "run", [CellPlan(TF, 256)])).cells
    fixed = replace(cell.condition, keep_alive="600", dilation=4, page_cache="cold")
    names = condition_names([cell.condition, fixed])
    assert names[cell.condition] == (
        "kdd99-tf keep-alive of the profile, dilation 1, page cache hot"
    )
    assert names[fixed] == "kdd99-tf keep-alive 600 s, dilation 4, page cache cold"
