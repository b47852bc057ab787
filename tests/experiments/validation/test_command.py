"""The whole validation, where the measurements are: TESTBED_AWS_DATA names their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emulator.experiments.report.markdown import markdown
from emulator.experiments.validation.command import validate
from emulator.experiments.validation.page import validation_page

DATA = os.environ.get("TESTBED_AWS_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="TESTBED_AWS_DATA names no measurements of AWS")


def test_cold_starts_and_bursts_are_predicted_as_well_as_the_page_says() -> None:
    validation = validate(Path(DATA), seeds=3)
    own = validation.cold_starts[0]
    assert all(each.met for each in own.cold_starts)
    for each in validation.bursts:
        sandboxes, cold = each.comparisons[:2]
        assert sandboxes.error == 0
        assert abs(cold.predicted.mean - cold.measured) <= 1
    assert "| cold starts, all runs |" in markdown(validation_page(validation))
