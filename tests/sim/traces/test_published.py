"""Reads traces as they were published: TESTBED_DATA names a folder with `traces`."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from emulator.sim.traces.formats import FORMATS

DATA = Path(os.environ.get("TESTBED_DATA", "no-data"), "traces")


@pytest.mark.skipif(not list(DATA.glob("azure2019_*")), reason="TESTBED_DATA has no Azure 2019")
def test_azure_2019_has_durations_and_memory_for_each_function() -> None:
    trace = FORMATS["azure2019"](DATA)
    trace.load()
    calls = list(trace.draw(random.Random(1)))
    assert len(calls) == trace.count(trace.functions)
    assert {call.function for call in calls} == set(trace.functions)
    assert all(each.durations and each.memory_mb for each in trace.functions.values())


@pytest.mark.skipif(not list(DATA.glob("azure2021_*")), reason="TESTBED_DATA has no Azure 2021")
def test_azure_2021_has_a_call_for_each_row() -> None:
    (path,) = DATA.glob("azure2021_*")
    calls = list(FORMATS["azure2021"](path).draw(random.Random(1)))
    assert len(calls) == len(path.read_text().splitlines()) - 1
    assert calls[0].at == 0
    assert all(call.duration is not None for call in calls)
