from __future__ import annotations

import pytest

from emulator.core.managed_instances import MANAGED_2025
from emulator.sim.managed import ManagedRun, simulate
from emulator.sim.traces.trace import Call


def load(at: float, count: int, duration: float = 1.0) -> list[Call]:
    return [Call(at, "f", duration) for _ in range(count)]


def run(calls: list[Call], until: float = 3600.0, cpu: float = 0.25) -> ManagedRun:
    return simulate(calls, ["f"], MANAGED_2025, cpu=cpu, duration=1.0, until=until)


def test_three_instances_are_paid_though_nobody_asks() -> None:
    idle = run([])
    assert idle.instance_seconds == 3 * 3600
    assert idle.dollars(MANAGED_2025) == pytest.approx(3 * 0.1632 * 1.15)


def test_requests_share_a_sandbox_as_far_as_its_cpu_goes() -> None:
    found = run(load(1.0, 13))  # three sandboxes of four requests
    assert (found.served, found.throttled) == (12, {"f": 1})
    assert run(load(1.0, 48), cpu=0.01).throttled == {}  # never more than 16 a vCPU
    assert run(load(1.0, 49), cpu=0.01).throttled == {"f": 1}


def test_requests_make_room_when_they_end() -> None:
    assert run(load(1.0, 12) + load(2.0, 12)).throttled == {}


def test_load_that_more_than_doubles_within_five_minutes_is_throttled() -> None:
    steady = [call for second in range(1200) for call in load(second, 6)]
    slow = [call for second in range(1200, 2400) for call in load(second, 12)]
    assert run(steady + slow).throttled == {}
    jump = [call for second in range(1200, 2400) for call in load(second, 60)]
    found = run(steady + jump)
    assert found.throttled["f"] > 0
    at_most = max(count for at, count, _ in found.series if at <= 1500)
    assert at_most <= 2 * 3
    assert found.series[-1][1] == 3  # and gone again when the load is


def test_each_request_costs_what_it_costs_on_demand() -> None:
    idle, busy = run([]), run(load(1.0, 10))
    difference = busy.dollars(MANAGED_2025) - idle.dollars(MANAGED_2025)
    assert difference == pytest.approx(10 * 0.20e-6)
