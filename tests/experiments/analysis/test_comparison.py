from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.comparison import CellPair, Change, Comparison, Figure, compare
from emulator.experiments.records.study_reader import read_study
from tests.experiments.made_study import JAVA, TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

BASE = [CellPlan(TF, 512), CellPlan(TF, 1024)]


def compared(path: Path, first: list[CellPlan], second: list[CellPlan]) -> Comparison:
    a, b = (write_study(path / name, plans) for name, plans in (("a", first), ("b", second)))
    return compare(read_study(a), read_study(b))


def change(pair: CellPair, figure: Figure) -> Change:
    return next(d.change for d in pair.differences if d.figure is figure)


def test_a_run_against_itself_shows_no_difference(tmp_path: Path) -> None:
    comparison = compared(tmp_path, BASE, BASE)
    assert [pair.name for pair in comparison.pairs] == ["kdd99-tf 512 MB", "kdd99-tf 1024 MB"]
    figures = set(Figure) - {Figure.WAITED, Figure.AGE}
    assert {change(pair, figure) for pair in comparison.pairs for figure in figures} == {
        Change.NONE
    }
    assert {change(pair, Figure.WAITED) for pair in comparison.pairs} == {Change.TOO_FEW}
    values = [
        d.difference.value for pair in comparison.pairs for d in pair.differences if d.first.n
    ]
    assert values == [0.0] * 8


def test_a_slower_run_is_slower_and_dearer_with_an_interval_that_holds_the_truth(
    tmp_path: Path,
) -> None:
    comparison = compared(
        tmp_path, [CellPlan(TF, 512, warm_ms=190)], [CellPlan(TF, 512, warm_ms=290)]
    )
    (pair,) = comparison.pairs
    warm = next(d for d in pair.differences if d.figure is Figure.WARM)
    assert warm.change is Change.SLOWER
    assert warm.difference.interval is not None
    assert warm.difference.interval.contains(100)
    assert warm.share == pytest.approx(100 / 190, abs=0.05)
    assert change(pair, Figure.COST) is Change.DEARER


def test_a_faster_run_is_faster_and_cheaper(tmp_path: Path) -> None:
    slow, fast = CellPlan(TF, 512, warm_ms=290), CellPlan(TF, 512, warm_ms=190)
    (pair,) = compared(tmp_path, [slow], [fast]).pairs
    assert change(pair, Figure.WARM) is Change.FASTER
    assert change(pair, Figure.COST) is Change.CHEAPER


def test_what_tells_the_runs_apart_does_not_keep_their_cells_apart(tmp_path: Path) -> None:
    other = [replace(plan, backend="docker") for plan in BASE]
    comparison = compared(tmp_path, BASE, other)
    assert comparison.differing == {"backend": ("process", "docker")}
    assert len(comparison.pairs) == 2


def test_cells_of_one_side_alone_are_named_and_not_compared(tmp_path: Path) -> None:
    comparison = compared(tmp_path, BASE, [BASE[0], CellPlan(JAVA, 512)])
    assert [pair.name for pair in comparison.pairs] == ["kdd99-tf 512 MB"]
    assert comparison.only_first == ("kdd99-tf 1024 MB",)
    assert comparison.only_second == ("kdd99-java 512 MB",)


def test_repetitions_are_put_together(tmp_path: Path) -> None:
    twice = [*BASE, replace(BASE[0], repetition=2)]
    comparison = compared(tmp_path, twice, BASE)
    first, _ = comparison.pairs
    cold = next(d for d in first.differences if d.figure is Figure.COLD)
    assert (cold.first.n, cold.second.n) == (36, 18)


def test_few_cold_starts_show_no_difference_rather_than_a_wrong_one(tmp_path: Path) -> None:
    idle = [CellPlan(TF, 512, "idle")]
    (pair,) = compared(tmp_path, idle, idle).pairs
    assert change(pair, Figure.COLD) is Change.TOO_FEW
