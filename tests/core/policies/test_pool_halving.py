from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.lifetimes import LIFETIMES
from emulator.core.messages.commands import StopSandbox
from emulator.core.messages.events import TimePassed
from emulator.core.model import StopReason
from emulator.core.policies.interface import PolicyChoice
from emulator.core.policies.pool_halving import PoolHalving
from tests.core.scheduler_host import BIG, ECHO, Host

if TYPE_CHECKING:
    from emulator.core.model import VersionKey

CHOICE = PolicyChoice("pool-halving", PoolHalving)
AFTER = 0.5
"""Seconds after the period's end: a burst's answers may come that much apart."""


def pool(count: int, *, key: VersionKey = ECHO, apart: float = 0.0, **settings: object) -> Host:
    host = Host(policy=CHOICE, host_memory_mb=100_000, **settings)
    host.busy(0, *range(1, count + 1), key=key)
    for number in range(1, count + 1):
        host.finish(number * apart, number, f"r{number}")
    return host


def left(host: Host, now: float) -> int:
    host.tell(now, TimePassed())
    return sum(each.state.name == "IDLE" for each in host.scheduler.sandboxes.values())


@pytest.mark.parametrize("key", [ECHO, BIG])
@pytest.mark.parametrize(
    ("count", "seen"),
    [
        (1, [1, 0]),
        (2, [2, 1, 0]),
        (3, [3, 2, 1, 0]),
        (8, [8, 4, 2, 1, 0]),
        (10, [10, 5, 2, 1, 1, 0]),
        (20, [20, 10, 5, 2, 1, 1, 0]),
    ],
)
def test_half_of_the_idle_sandboxes_goes_every_380_seconds(
    count: int, seen: list[int], key: VersionKey
) -> None:
    host = pool(count, key=key)
    assert [left(host, period * 380 + AFTER) for period in range(len(seen))] == seen


def test_nobody_goes_before_the_period_is_over() -> None:
    host = pool(8)
    assert left(host, 379.9) == 8


def test_burst_whose_answers_come_apart_is_one_pool() -> None:
    host = pool(8, apart=0.25)
    assert [left(host, period * 380 + 2) for period in range(5)] == [8, 4, 2, 1, 0]


def test_longest_idle_go_first() -> None:
    host = pool(4, apart=0.25)
    assert host.tell(380.25, TimePassed()) == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]
    assert host.tell(380.5, TimePassed()) == [StopSandbox(2, StopReason.KEEP_ALIVE_ENDED)]
    assert host.tell(390, TimePassed()) == []


def test_sandbox_in_use_counts_with_no_pool() -> None:
    host = pool(3)
    host.invoke(378, "again")
    assert left(host, 380 + AFTER) == 1  # of the two that nobody used


def test_sandbox_that_is_used_begins_anew() -> None:
    host = pool(1)
    for at in range(300, 3000, 300):
        host.invoke(at, f"r{at}")
        host.finish(at, 1, f"r{at}")
    assert left(host, 3000) == 1


def test_functions_do_not_share_a_pool() -> None:
    host = Host(policy=CHOICE, host_memory_mb=100_000)
    host.idle(0, 1, 2)
    host.idle(1, 3, 4, key=BIG)
    assert left(host, 382) == 2
    assert {each.function.name for each in host.scheduler.sandboxes.values()} == {"echo", "big"}


def test_idle_time_may_run_faster() -> None:
    host = pool(8, idle_speedup=10.0)
    assert [left(host, period * 38 + AFTER) for period in range(4)] == [8, 4, 2, 1]


def test_lifetimes_of_2020_are_this_rule() -> None:
    policy = LIFETIMES["aws-2020"].policy
    assert policy is not None
    made = policy.make()
    assert isinstance(made, PoolHalving)
    assert made.period == 380.0
