from __future__ import annotations

import random
from itertools import islice

import pytest

from emulator.core.messages.events import InvokeRequested, VersionDeployed
from emulator.core.model import FunctionVersion
from emulator.sim.workload import (
    Arrival,
    TraceError,
    at_times,
    before,
    constant,
    merge,
    poisson,
    stimuli,
    trace,
)


def test_constant_arrivals_are_a_period_apart_without_drift() -> None:
    assert [each.at for each in islice(constant("f:1", 0.1, first=1.0), 4)] == [
        1.0,
        1.1,
        1.2,
        1.3,
    ]
    assert next(islice(constant("f:1", 0.1), 1000, None)) == Arrival(100.0, "f:1")


def test_poisson_arrivals_have_their_rate_and_their_seed() -> None:
    drawn = list(before(10_000, poisson("f:1", 2.0, random.Random(1))))
    assert len(drawn) == pytest.approx(20_000, rel=0.03)
    assert drawn == list(before(10_000, poisson("f:1", 2.0, random.Random(1))))
    assert drawn == sorted(drawn)


def test_arrivals_at_given_times_are_put_in_order() -> None:
    assert [each.at for each in at_times("f:1", [3, 1, 2])] == [1, 2, 3]


def test_streams_are_merged_in_the_order_of_time() -> None:
    merged = merge(at_times("f:1", [1, 4]), at_times("g:1", [2, 3]))
    assert [each.key for each in merged] == ["f:1", "g:1", "g:1", "f:1"]


def test_only_what_comes_before_the_end_is_left() -> None:
    assert [each.at for each in before(2.0, constant("f:1", 1.0))] == [0.0, 1.0]


def test_trace_file_is_read() -> None:
    lines = ["function,at", "f:$LATEST,0.5", "g:$LATEST,0.5", "f:$LATEST,2"]
    assert list(trace(lines)) == [
        Arrival(0.5, "f:$LATEST"),
        Arrival(0.5, "g:$LATEST"),
        Arrival(2.0, "f:$LATEST"),
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 1: "),
        (["at,name", "1,f"], "line 1: "),
        (["at,function", "1,f", "0.5,f"], "line 3: "),
        (["at,function", "-1,f"], "line 2: "),
        (["at,function", "soon,f"], "line 2: "),
        (["at,function", "nan,f"], "line 2: "),
        (["at,function", "1"], "line 2: "),
        (["at,function", "1,"], "line 2: "),
    ],
)
def test_wrong_line_of_a_trace_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(TraceError, match=message):
        list(trace(lines))


def test_stimuli_deploy_the_functions_and_number_the_requests() -> None:
    echo = FunctionVersion("echo", 128, 3.0)
    assert list(stimuli([echo], at_times(echo.key, [1.0, 2.0]))) == [
        (0.0, VersionDeployed(echo)),
        (1.0, InvokeRequested("i1", "echo:$LATEST")),
        (2.0, InvokeRequested("i2", "echo:$LATEST")),
    ]
