"""The rules of Serverless in the Wild, worked by hand, and what a scheduler makes of them."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox, StopSandbox
from emulator.core.messages.events import SandboxReady, TimePassed
from emulator.core.model import StartKind, StopReason
from emulator.core.policies.forecast import autoregression
from emulator.core.policies.hybrid_histogram import HybridHistogram, IdleTimes, Windows
from emulator.core.policies.interface import PolicyChoice
from tests.core.scheduler_host import ECHO, Host

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTE = 60.0
FOUR_HOURS = 240 * MINUTE


def seen(minutes: Iterable[float], bins: int = 240) -> IdleTimes:
    times = IdleTimes([0] * bins)
    for each in minutes:
        times.add(each * MINUTE)
    return times


def in_minutes(windows: Windows) -> tuple[float, float]:
    return round(windows.prewarm / MINUTE, 9), round(windows.keep / MINUTE, 9)


@pytest.mark.parametrize(
    ("minutes", "windows"),
    [
        # nothing, or too little, was seen: stay loaded for the whole range
        ([], (0, 240)),
        ([30.5] * 9, (0, 240)),
        # always after 30.5 min: bin 30; head 30 * .9, tail 31 * 1.1
        ([30.5] * 10, (27, 31 * 1.1 - 27)),
        # from 10 to 29 min, five each: 5 % of 100 are in bin 10, 99 % in bin 29
        ([n + 0.5 for n in range(10, 30) for _ in range(5)], (9, 30 * 1.1 - 9)),
        # one of 100 after 200 min is beyond the tail, two are not
        ([20.5] * 99 + [200.5], (18, 21 * 1.1 - 18)),
        ([20.5] * 98 + [200.5] * 2, (18, 201 * 1.1 - 18)),
        # the head is in the first minute: stay loaded, until the tail
        ([0.5] * 10 + [5.5] * 10, (0, 6 * 1.1)),
        # as many in each bin: no pattern (the counts' coefficient of variation is 0)
        ([n + 0.5 for n in range(240)], (0, 240)),
        # half of them longer than the range: the next is forecast, pre-warm at .85, keep .30 of it
        ([300.0] * 10, (0.85 * 300, 0.30 * 300)),
        ([300.0] * 5 + [20.5] * 5, None),
        ([300.0] * 4 + [20.5] * 6, (18, 21 * 1.1 - 18)),
    ],
)
def test_windows_are_those_worked_by_hand(
    minutes: list[float], windows: tuple[float, float] | None
) -> None:
    times = seen(minutes)
    if windows is None:
        expected = autoregression(tuple(times.last)) / MINUTE
        windows = (round(0.85 * expected, 9), round(0.30 * expected, 9))
    assert in_minutes(HybridHistogram().windows(times)) == pytest.approx(windows)


def test_pattern_is_a_variation_of_two() -> None:
    # 5 of n bins have 2 each, the others none: the coefficient is sqrt(n / 5 - 1)
    minutes = [n + 0.5 for n in range(5)] * 2
    assert in_minutes(HybridHistogram(25).windows(seen(minutes, 25))) == (0, 5 * 1.1)
    assert in_minutes(HybridHistogram(24).windows(seen(minutes, 24))) == (0, 24)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_variation_is_that_of_the_counts(numbers: list[int]) -> None:
    times = seen([number + 0.5 for number in numbers], 10)
    counts = [numbers.count(each) for each in range(10)]
    assert times.bins == counts
    wanted = statistics.pstdev(counts) / statistics.fmean(counts)
    assert times.variation() == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "next_value"),
    [
        ([7.0], 7.0),
        ([2.0, 4.0], 3.0),
        ([5.0, 5.0, 5.0], 5.0),
        # mean 2; products (-1)(1) + (1)(-1) + (-1)(1), squares 3: the weight -1 is held at -.99
        ([1.0, 3.0, 1.0, 3.0], 2.0 - 0.99),
        # mean 4; deviations -2 -1 0 3: (2 + 0 + 0) / (4 + 1 + 0) = .4, and 4 + .4 * 3
        ([2.0, 3.0, 4.0, 7.0], 5.2),
    ],
)
def test_forecast_is_an_autoregression(values: list[float], next_value: float) -> None:
    assert autoregression(values) == pytest.approx(next_value)


# in a scheduler


def used(host: Host, at: float, sandbox: int, request: str) -> list[object]:
    """Runs a request for a second; returns what the scheduler does when it is over."""
    commands = host.invoke(at, request)
    if any(isinstance(each, StartSandbox) for each in commands):
        commands = host.tell(at, SandboxReady(sandbox))
    assert Dispatch in map(type, commands)
    return list(host.finish(at + 1, sandbox, request))


def host_with(policy: HybridHistogram) -> Host:
    return Host(policy=PolicyChoice("hybrid-histogram", lambda: policy))


def test_function_with_a_pattern_is_unloaded_and_started_before_its_next_request() -> None:
    host = host_with(HybridHistogram(least_samples=2))
    every = 30.5 * MINUTE + 1
    assert used(host, 0, 1, "a") == [FreezeSandbox(1)]
    assert used(host, every, 1, "b") == [FreezeSandbox(1)]
    over = 2 * every + 1
    assert used(host, 2 * every, 1, "c") == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]
    assert host.scheduler.next_deadline() == pytest.approx(over + 27 * MINUTE)
    start = over + 27 * MINUTE
    assert host.tell(start, TimePassed()) == [StartSandbox(2, ECHO, None, prewarmed=True)]
    assert host.tell(start + 5, SandboxReady(2)) == [FreezeSandbox(2)]
    kept = start + 5 + 31 * 1.1 * MINUTE - 27 * MINUTE
    assert host.scheduler.next_deadline() == pytest.approx(kept)
    assert host.invoke(3 * every, "d") == [Dispatch(2, "d", StartKind.WARM)]
    stop = StopSandbox(2, StopReason.KEEP_ALIVE_ENDED)
    assert host.finish(3 * every + 1, 2, "d") == [stop]


def test_sandbox_that_was_started_in_vain_goes_when_its_window_is_over() -> None:
    host = host_with(HybridHistogram(least_samples=1))
    used(host, 0, 1, "a")
    used(host, 20.5 * MINUTE + 1, 1, "b")
    over = 20.5 * MINUTE + 2
    assert host.tell(over + 18 * MINUTE, TimePassed()) == [StartSandbox(2, ECHO, None, True)]
    host.tell(over + 18 * MINUTE, SandboxReady(2))
    end = host.scheduler.next_deadline()
    assert end == pytest.approx(over + 21 * 1.1 * MINUTE)
    assert host.tell(end or 0, TimePassed()) == [StopSandbox(2, StopReason.KEEP_ALIVE_ENDED)]


def test_request_that_comes_early_is_cold_and_nothing_is_started_beside_it() -> None:
    host = host_with(HybridHistogram(least_samples=1))
    used(host, 0, 1, "a")
    used(host, 20.5 * MINUTE + 1, 1, "b")
    wake = 20.5 * MINUTE + 2 + 18 * MINUTE
    assert host.scheduler.next_deadline() == pytest.approx(wake)
    assert host.invoke(wake - 1, "c") == [StartSandbox(2, ECHO, "c")]
    host.tell(wake - 0.5, SandboxReady(2))
    assert host.tell(wake + 0.5, TimePassed()) == []


def test_other_forecasters_can_be_passed() -> None:
    policy = HybridHistogram(forecast=lambda values: 10 * MINUTE * len(values))
    assert in_minutes(policy.windows(seen([300.0] * 10))) == (85, 30)
