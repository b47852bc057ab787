from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.experiments.benchmark.turns import (
    Comparison,
    Side,
    TurnPlan,
    compare,
    other_checkout,
)
from emulator.experiments.report.progress import StepProgress

if TYPE_CHECKING:
    from pathlib import Path

SHORT = TurnPlan(
    turns=3, warm_up=5, requests={1: 5, 10: 20}, cold_turns=2, settled_after=0.0, counted=5
)


def test_a_ratio_is_the_median_of_the_turns_own() -> None:
    # a busy third turn meets both; the medians alone would say 3
    made = Comparison({"x": [1.0, 2.0, 100.0]}, {"x": [2.0, 6.0, 200.0]})
    assert made.medians("x") == (2.0, 6.0)
    assert made.ratio("x") == 2.0


def test_both_sides_are_measured_in_every_turn(stand_in: str, tmp_path: Path) -> None:
    sides = Side("before", stand_in), Side("after", stand_in)
    with StepProgress(SHORT.turns) as progress:
        found = compare("process", sides, tmp_path, SHORT, progress)
    assert found.before.keys() == found.after.keys()
    for name in ("warm p50, 1 client, ms", "invokes/s, 10 clients"):
        assert len(found.before[name]) == len(found.after[name]) == 3
        assert min(*found.before[name], *found.after[name]) > 0
    assert len(found.after["cold p50, ms"]) == 2


def test_a_folder_without_an_emulator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is no checkout of the testbed \(--against\)"):
        other_checkout(tmp_path)
