from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.analysis.memory_curve import is_advice_sure, memory_curves
from emulator.experiments.records.host_verdict import HostVerdict, Verdict
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


def test_how_many_requests_are_cold_is_no_chance_of_the_size(tmp_path: Path) -> None:
    """Cold starts of a hundredfold latency, drawn as any request, hid which size leads."""
    study = read_study(write_study(tmp_path / "run", PLANS[:2]))
    rows = {
        cell: tuple(
            replace(row, latency_ms=20_000.0 if row.start == "cold" else row.latency_ms)
            for row in of_cell
        )
        for cell, of_cell in study.rows.items()
    }
    (curve,) = memory_curves(replace(study, rows=rows))
    assert curve.lead.value is not None
    assert curve.lead.interval is not None
    assert curve.lead.interval.high - curve.lead.interval.low < curve.lead.value


def test_advice_is_not_sure_where_the_host_was_the_bottleneck(tmp_path: Path) -> None:
    plans = [replace(plan, repetition=number) for number in (1, 2) for plan in PLANS[:2]]
    study = read_study(write_study(tmp_path / "run", plans))
    assert is_advice_sure(study)
    bound = replace(study.cells[0], host=HostVerdict(Verdict.HOST_BOUND, "load 9"))
    assert not is_advice_sure(replace(study, cells=(bound, *study.cells[1:])))
    assert not is_advice_sure(replace(study, cells=(), rows={}))


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
