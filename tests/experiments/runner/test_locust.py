from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emulator.experiments.plan.model import PlannedFunction
from emulator.experiments.plan.scenarios import (
    Constant,
    Idle,
    Invocation,
    Poisson,
    Ramp,
    Scenario,
)
from emulator.experiments.runner.locust import settings
from tests.experiments.plans import cells_of

ROWS = Path("cell") / "clients.csv"


@pytest.mark.parametrize(
    ("scenario", "told"),
    [
        (
            Ramp(seconds=120, users=(3, 6, 9, 18), wait_s=0.2),
            {"RAMP_USERS": "3,6,9,18", "RAMP_SPEEDUP": "2.0", "RAMP_WAIT_S": "0.2"},
        ),
        (
            Idle(minutes=(0, 6.5), idle_speedup=60),
            {"IDLE_MINUTES": "0,6.5", "IDLE_SPEEDUP": "60.0"},
        ),
        (
            Constant(seconds=9, users=(4,), wait_s=0),
            {"CONSTANT_USERS": "4", "CONSTANT_SECONDS": "9.0", "CONSTANT_WAIT_S": "0.0"},
        ),
        (
            Poisson(seconds=9, rate=0.5),
            {"POISSON_RATE": "0.5", "POISSON_SECONDS": "9.0", "SEED": "3"},
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Scenario) else "",
)
def test_a_scenario_is_told_to_its_locustfile(
    tmp_path: Path, scenario: Scenario, told: dict[str, str]
) -> None:
    cell = cells_of(tmp_path)[0]
    cell = replace(cell, load=scenario, condition=replace(cell.condition, dilation=4))
    assert settings(cell, PlannedFunction.model_construct(payload=Path("p.json")), "/x", ROWS) == {
        "PREDICT_PATH": "/x",
        "TESTBED_CLIENT_ROWS": str(ROWS),
        "TESTBED_PAYLOAD": "p.json",
        "DILATION": "4",
        "PAGE_CACHE": "hot",
        **told,
    }


def test_a_load_of_events_is_told_to_locust(tmp_path: Path) -> None:
    cell = cells_of(tmp_path)[0]
    cell = replace(cell, condition=replace(cell.condition, invocation=Invocation.EVENT))
    told = settings(cell, PlannedFunction(), "/x", ROWS)
    assert told["INVOCATION_TYPE"] == "Event"
