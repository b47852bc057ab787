from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis.memory_curve import memory_curves
from emulator.experiments.records.study_reader import read_study
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

PLANS = [CellPlan(TF, 256), CellPlan(TF, 512), CellPlan(TF, 1024, host_bound="load 9 on 2 cores")]


def test_the_best_value_is_sure_where_sizes_are_far_apart(tmp_path: Path) -> None:
    (curve,) = memory_curves(read_study(write_study(tmp_path / "run", PLANS)))
    assert (curve.best_mb, curve.confidence) == (512, 1.0)
    assert [size.host_bound for size in curve.sizes] == [False, False, True]
