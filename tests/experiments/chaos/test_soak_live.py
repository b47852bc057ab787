"""A short soak of a real emulator: counts alone are asserted, never seconds or slopes."""

from __future__ import annotations

import sys

import pytest

from emulator.experiments.chaos.load import RIGHT
from emulator.experiments.chaos.soak import soak
from emulator.experiments.chaos.soak_report import failures, soak_document, soak_page


def test_emulator_serves_at_half_capacity_while_functions_are_deployed() -> None:
    if sys.platform != "linux":
        pytest.skip("sandboxes are looked for in /proc")
    told: list[str] = []
    result = soak("process", 0.25, told.append)
    assert failures(result) == []
    assert result.answers[RIGHT] > 100
    assert result.deployments.total() >= 1
    assert len(result.seconds) >= 12
    assert len(told) == 1
    page = soak_page([result], 0.25)
    assert page.count("| process |") == 5
    assert soak_document([result], 0.25)["soaks"][0]["failures"] == []
