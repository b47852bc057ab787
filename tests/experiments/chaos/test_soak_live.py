"""A short soak of a real emulator: counts alone are asserted, never seconds or slopes."""

from __future__ import annotations

import sys

import pytest

from emulator.experiments.chaos import soak as soaking
from emulator.experiments.chaos.load import RIGHT
from emulator.experiments.chaos.soak import soak
from emulator.experiments.chaos.soak_report import failures, soak_document, soak_page

MINUTES = 0.06


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a soak of some seconds have the samples and the deployment of a longer one."""
    monkeypatch.setattr(soaking, "_CAPACITY_S", 1.0)
    monkeypatch.setattr(soaking, "_SAMPLE_EVERY", 0.25)
    monkeypatch.setattr(soaking, "_DEPLOY_EVERY", 1.0)


def test_emulator_serves_at_half_capacity_while_functions_are_deployed() -> None:
    if sys.platform != "linux":
        pytest.skip("sandboxes are looked for in /proc")
    told: list[str] = []
    result = soak("process", MINUTES, told.append)
    assert failures(result) == []
    assert result.answers[RIGHT] > 20
    assert result.deployments.total() >= 1
    assert len(result.seconds) >= 12
    assert len(told) == 1
    page = soak_page([result], MINUTES)
    assert page.count("| process |") == 5
    assert soak_document([result], MINUTES)["soaks"][0]["failures"] == []
