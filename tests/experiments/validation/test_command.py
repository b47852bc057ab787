"""The whole validation, where the measurements are: the folder `aws` of what TESTBED_DATA names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emulator.experiments.report.markdown import markdown
from emulator.experiments.validation.command import validate
from emulator.experiments.validation.page import validation_page

DATA = Path(os.environ.get("TESTBED_DATA", "no-data"), "aws")
pytestmark = pytest.mark.skipif(
    not list(DATA.glob("pacslab-*.csv.gz")),
    reason="TESTBED_DATA names no folder with aws/pacslab-*.csv.gz",
)


def test_cold_starts_and_bursts_are_predicted_as_well_as_the_page_says() -> None:
    validation = validate(DATA, seeds=3)
    own = validation.cold_starts[0]
    assert all(each.met for each in own.cold_starts)
    for each in validation.bursts:
        sandboxes, cold = each.comparisons[:2]
        assert sandboxes.error == 0
        assert abs(cold.predicted.mean - cold.measured) <= 1
    assert "| cold starts, all runs |" in markdown(validation_page(validation))
