from __future__ import annotations

import sys
from pathlib import Path

import pytest

from emulator.errors import TestbedError
from emulator.experiments.benchmark.rehearsal import (
    Cost,
    RehearsalPlan,
    rehearsal_page,
    rehearse,
)
from emulator.experiments.benchmark.turns import Side

OWN = Path(__file__).parents[3]


def test_an_invocation_is_rehearsed_by_the_whole_emulator() -> None:
    plan = RehearsalPlan(turns=1, rounds=2, requests=20)
    cost = rehearse(Side("own", sys.executable, OWN), 3, plan)
    assert 10 < cost.loop_us < 5000  # microseconds of Python


def test_a_checkout_without_rehearsals_is_told(tmp_path: Path) -> None:
    (tmp_path / "emulator").mkdir()
    (tmp_path / "emulator" / "__init__.py").touch()
    with pytest.raises(TestbedError, match="old could not be rehearsed: ImportError"):
        rehearse(Side("old", sys.executable, tmp_path), 1, RehearsalPlan(turns=1))


def test_two_checkouts_stand_side_by_side_with_their_ratio() -> None:
    page = rehearsal_page({10: {"old": [Cost(100.0, 20.0)], "new": [Cost(50.0, 0.0)]}})
    assert "| event loop | 10 | 100.0 | 50.0 | 0.50 |" in page
    assert "| others | 10 | 20.0 | 0.0 | 0.00 |" in page
