from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.memory_curve import memory_curves
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.advice import advice
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

PLANS = [CellPlan(TF, 256), CellPlan(TF, 512), CellPlan(TF, 1024, host_bound="load 9 on 2 cores")]


def test_the_best_value_is_sure_where_sizes_are_far_apart(tmp_path: Path) -> None:
    (curve,) = memory_curves(read_study(write_study(tmp_path / "run", PLANS)))
    assert (curve.best_mb, curve.confidence) == (512, 1.0)
    assert [size.host_bound for size in curve.sizes] == [False, False, True]


def test_the_advice_is_sure_where_each_repetition_says_the_same(tmp_path: Path) -> None:
    plans = [replace(plan, repetition=number) for number in (1, 2, 3) for plan in PLANS]
    (curve,) = memory_curves(read_study(write_study(tmp_path / "run", plans)))
    assert (curve.repetitions, curve.agreeing, curve.is_sure) == (3, 3, True)
    assert curve.lead.value is not None
    assert curve.lead.interval is not None
    assert 0 < curve.lead.interval.low < curve.lead.value < curve.lead.interval.high


def test_a_repetition_that_says_otherwise_makes_the_advice_unsure(tmp_path: Path) -> None:
    plans = [
        CellPlan(TF, 256, repetition=1),
        CellPlan(TF, 512, repetition=1),
        CellPlan(TF, 256, repetition=2, warm_ms=100.0),
        CellPlan(TF, 512, repetition=2),
    ]
    (curve,) = memory_curves(read_study(write_study(tmp_path / "run", plans)))
    assert (curve.repetitions, curve.agreeing, curve.is_sure) == (2, 1, False)
    (said,) = advice([curve])
    assert "1 of 2 repetitions by itself says so." in said
    assert "score" not in said  # what nobody has heard of is told beside its table


def test_a_repetition_that_the_host_slowed_is_left_out_where_another_was_not(
    tmp_path: Path,
) -> None:
    plans = [
        CellPlan(TF, 256),
        CellPlan(TF, 512),
        CellPlan(TF, 512, repetition=2, warm_ms=5000.0, host_bound="load 9 on 2 cores"),
    ]
    (curve,) = memory_curves(read_study(write_study(tmp_path / "run", plans)))
    (_, middle) = curve.sizes
    assert (curve.left_out, middle.host_bound) == (1, False)
    assert middle.mean_ms.value is not None
    assert middle.mean_ms.value < 1000
    (said,) = advice([curve])
    assert "provisional" not in said
    assert said.endswith("Not counted, as this machine slowed them: 1 measurement.")
