from __future__ import annotations

import random
from statistics import fmean

import pytest

from emulator.experiments.simulation.quota_law import (
    HandlerCall,
    Machine,
    QuotaLaw,
    fit_quota,
    run_call,
)
from emulator.sim.cpu_share import CfsShare, QuotaClock

FINE = 1e-5
"""Seconds between ticks so short that no burst goes over its quota."""


def begun(machine: Machine, since: float = 0.0) -> QuotaClock:
    """A clock whose period began some seconds of the machine ago, with its quota untouched."""
    share = CfsShare(machine.period, machine.tick, aligned=False)
    return QuotaClock(share, machine.quota, machine.tick, machine.period - since)


FIFTH = Machine(quota=0.004, tick=FINE)
DILATED = Machine(dilation=3, period=0.06, quota=0.004, tick=FINE)


def test_work_goes_in_bursts_of_the_quota_and_the_wait_follows() -> None:
    # 4 ms, held until 20, 4 ms, held until 40, 2 ms; then 5 ms of waiting
    seconds, held = run_call(begun(FIFTH), FIFTH, 0.0, 0.010, 0.005)
    assert seconds == pytest.approx(0.047, abs=1e-4)
    assert held == pytest.approx(0.032, abs=1e-4)


def test_call_that_begins_late_in_a_period_has_two_quotas_at_once() -> None:
    # 4 ms, held until 5, 4 ms, held until 25, 2 ms
    seconds, held = run_call(begun(FIFTH, since=0.015), FIFTH, 0.0, 0.010, 0.0)
    assert seconds == pytest.approx(0.027, abs=1e-4)
    assert held == pytest.approx(0.017, abs=1e-4)


def test_dilated_call_takes_as_long_once_its_last_burst_is_waited_for() -> None:
    # 4 ms of the machine, held until 60, 4 ms, held until 120, 2 ms: 40.67 ms, and 1.33 more
    seconds, _ = run_call(begun(DILATED), DILATED, 0.0, 0.010, 0.0)
    assert seconds == pytest.approx(0.042, abs=1e-4)


def test_dilated_call_late_in_a_period_is_held_back_where_an_undilated_one_runs_on() -> None:
    machine, dilated = Machine(quota=0.01, tick=FINE), Machine(3, 0.06, 0.01, FINE)
    # 6 ms until the new period, and 8 ms of its quota: held back at no time
    assert run_call(begun(machine, 0.014), machine, 0.0, 0.014, 0.0)[0] == pytest.approx(0.014)
    # 10 ms of the machine, held until 18, 4 ms: 7.33 ms, and 2.67 for the burst
    seconds, _ = run_call(begun(dilated, 0.042), dilated, 0.0, 0.014, 0.0)
    assert seconds == pytest.approx(0.010, abs=1e-4)


def test_call_right_after_another_finds_the_quota_used_up() -> None:
    clock = begun(FIFTH)
    first, _ = run_call(clock, FIFTH, 0.0, 0.004, 0.0)
    second, held = run_call(clock, FIFTH, first, 0.003, 0.0)
    assert first + second == pytest.approx(0.023, abs=1e-4)
    assert held == pytest.approx(0.0, abs=1e-4)  # the kernel counts it for the call before
    rested, _ = run_call(clock, FIFTH, 0.041, 0.003, 0.0)
    assert rested == pytest.approx(0.003, abs=1e-4)


def calls(machine: Machine, count: int = 400) -> list[HandlerCall]:
    """Calls of rested sandboxes that work for about 16 ms and wait for 7."""
    chance = random.Random(machine.quota)
    found = []
    for _ in range(count):
        clock, work = machine.clock(chance), chance.gauss(0.016, 0.001)
        seconds, held = run_call(clock, machine, 0.0, work, 0.007)
        found.append(HandlerCall(seconds, held, clock.periods, rested=True))
    return found


@pytest.mark.parametrize("dilation", [1, 3])
def test_size_that_was_not_measured_is_predicted_from_two_that_were(dilation: int) -> None:
    small, middle, large = (
        Machine(dilation, 0.02 * dilation, quota) for quota in (0.0029, 0.0057, 0.0114)
    )
    law = fit_quota({middle: calls(middle), large: calls(large)})
    assert law is not None
    assert law.wait == pytest.approx(0.007, abs=0.002)
    assert law.error < 0.06
    wanted = fmean(call.seconds for call in calls(small))
    assert fmean(seconds for seconds, _ in law.times(small, 400)) == pytest.approx(wanted, rel=0.05)


def test_calls_right_after_others_tell_nothing() -> None:
    busy = [HandlerCall(0.1, 0.05, 2, rested=False)]
    assert fit_quota({FIFTH: busy}) is None


def test_wait_is_never_longer_than_a_call() -> None:
    law = QuotaLaw((0.001, 0.003), wait=0.002, error=0.0)
    assert law.parts(0.0) == (0.0, 0.001)
    assert law.parts(1.0) == pytest.approx((0.001, 0.002))
