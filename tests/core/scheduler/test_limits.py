"""How fast sandboxes and requests may come, and how old a sandbox gets. All commands."""

from __future__ import annotations

import random

import pytest

from emulator.core.messages.commands import (
    Dispatch,
    FreezeSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import (
    ProvisionedSet,
    ReservedConcurrencySet,
    SandboxReady,
    TimePassed,
)
from emulator.core.model import StartKind, StopReason, ThrottleReason
from emulator.core.policy import Binding, FixedKeepAlive, RecycleAge, ScaleOut, SurvivalCurve
from tests.core.scheduler_host import BIG, ECHO, Host

COLD, WARM, PROVISIONED = StartKind.COLD, StartKind.WARM, StartKind.PROVISIONED
FUNCTIONS = ScaleOut(2, 0.5, per_function=True)
ACCOUNTS = ScaleOut(2, 0.5, per_function=False)


# new sandboxes


def test_function_may_start_so_many_sandboxes_at_once_and_more_as_time_passes() -> None:
    host = Host(scale_out=FUNCTIONS)
    assert host.invoke(1, "a") == [StartSandbox(1, ECHO, "a")]
    assert host.invoke(1, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.invoke(2.9, "c") == [Throttle("c", ThrottleReason.SCALE_OUT)]
    assert host.invoke(3, "d") == [StartSandbox(3, ECHO, "d")]
    assert host.invoke(3, "e") == [Throttle("e", ThrottleReason.SCALE_OUT)]


def test_each_function_has_its_own_scale_out_limit() -> None:
    host = Host(scale_out=FUNCTIONS)
    host.busy(1, 1, 2)
    assert host.invoke(1, "a", BIG) == [StartSandbox(3, BIG, "a")]
    assert host.invoke(1, "b") == [Throttle("b", ThrottleReason.SCALE_OUT)]


def test_all_functions_may_share_one_scale_out_limit() -> None:
    host = Host(scale_out=ACCOUNTS)
    host.busy(1, 1, 2)
    assert host.invoke(1, "a", BIG) == [Throttle("a", ThrottleReason.SCALE_OUT)]
    assert host.invoke(3, "b", BIG) == [StartSandbox(3, BIG, "b")]
    assert host.invoke(3, "c") == [Throttle("c", ThrottleReason.SCALE_OUT)]


def test_what_is_not_used_of_the_scale_out_limit_is_not_saved_up() -> None:
    host = Host(scale_out=FUNCTIONS)
    assert host.invoke(1000, "a") == [StartSandbox(1, ECHO, "a")]
    assert host.invoke(1000, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.invoke(1000, "c") == [Throttle("c", ThrottleReason.SCALE_OUT)]


def test_idle_sandbox_serves_whatever_the_scale_out_limit() -> None:
    host = Host(scale_out=FUNCTIONS)
    host.idle(1, 1, 2)
    assert host.invoke(1, "a") == [Dispatch(2, "a", WARM)]
    assert host.invoke(1, "b") == [Dispatch(1, "b", WARM)]
    assert host.invoke(1, "c") == [Throttle("c", ThrottleReason.SCALE_OUT)]


def test_request_throttled_for_memory_leaves_the_scale_out_limit_as_it_was() -> None:
    host = Host(scale_out=ScaleOut(1, 0.001, per_function=True), host_memory_mb=128)
    host.busy(1, 1, key=ECHO)
    for name in ("a", "b"):
        assert host.invoke(2, name, BIG) == [Throttle(name, ThrottleReason.HOST_MEMORY)]


def test_request_throttled_for_scale_out_does_not_count_and_evicts_nobody() -> None:
    host = Host(scale_out=ACCOUNTS, account_concurrency=2, host_memory_mb=256)
    host.idle(1, 1, 2)
    assert host.invoke(2, "a", BIG) == [Throttle("a", ThrottleReason.SCALE_OUT)]
    assert host.invoke(2, "b") == [Dispatch(2, "b", WARM)]
    assert host.invoke(2, "c") == [Dispatch(1, "c", WARM)]


def test_provisioned_sandboxes_start_whatever_the_scale_out_limit() -> None:
    host = Host(scale_out=ScaleOut(1, 0.001, per_function=True))
    assert host.tell(1, ProvisionedSet(ECHO, 2)) == [
        StartSandbox(1, ECHO, None),
        StartSandbox(2, ECHO, None),
    ]
    assert host.invoke(1, "a") == [StartSandbox(3, ECHO, "a")]


# the age of a sandbox


def test_idle_sandbox_is_recycled_at_its_age() -> None:
    host = Host(recycle_age=RecycleAge(10, 10), keep_alive=FixedKeepAlive(600))
    host.idle(1, 1)
    assert host.scheduler.next_deadline() == 11
    assert host.tell(10.999, TimePassed()) == []
    assert host.tell(11, TimePassed()) == [StopSandbox(1, StopReason.RECYCLED)]


def test_busy_sandbox_finishes_before_it_is_recycled() -> None:
    host = Host(recycle_age=RecycleAge(10, 10))
    host.idle(1, 1)
    assert host.invoke(10, "b") == [Dispatch(1, "b", WARM)]
    assert host.tell(11, TimePassed()) == []
    assert host.finish(12, 1, "b") == [StopSandbox(1, StopReason.RECYCLED)]
    assert host.invoke(12, "c") == [StartSandbox(2, ECHO, "c")]


def test_sandbox_that_is_used_all_the_time_is_recycled_all_the_same() -> None:
    host = Host(recycle_age=RecycleAge(10, 10), keep_alive=FixedKeepAlive(600))
    host.idle(1, 1)
    for now in (3, 6, 9):
        assert host.invoke(now, f"i{now}") == [Dispatch(1, f"i{now}", WARM)]
        assert host.finish(now, 1, f"i{now}") == [FreezeSandbox(1)]
        assert host.scheduler.next_deadline() == 11


@pytest.mark.parametrize("keep_alive", [5, 10])
def test_keep_alive_that_ends_no_later_goes_before_the_age(keep_alive: float) -> None:
    host = Host(recycle_age=RecycleAge(10, 10), keep_alive=FixedKeepAlive(keep_alive))
    host.idle(1, 1)
    ended = [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]
    assert host.tell(1 + keep_alive, TimePassed()) == ended


def test_age_runs_as_fast_as_idle_time() -> None:
    host = Host(recycle_age=RecycleAge(600, 600), idle_speedup=60.0)
    host.busy(1, 1)
    assert host.finish(2, 1, "r1") == [FreezeSandbox(1)]
    assert host.scheduler.next_deadline() == 11


def test_late_binding_gives_what_waits_even_to_a_sandbox_of_that_age() -> None:
    host = Host(recycle_age=RecycleAge(2, 2), binding=Binding.LATE)
    host.busy(1, 1)
    host.invoke(3, "b")
    assert host.finish(3, 1, "r1") == [Dispatch(1, "b", WARM)]
    assert host.finish(4, 1, "b") == [StopSandbox(1, StopReason.RECYCLED)]


def test_each_sandbox_draws_its_lifetime_and_then_its_age() -> None:
    curve, age = SurvivalCurve(((0, 1.0), (100, 0.0))), RecycleAge(200, 300)
    host = Host(keep_alive=curve, recycle_age=age)
    host.idle(7, 1, 2)
    chance = random.Random(0)
    for number in (1, 2):
        sandbox = host.scheduler.sandboxes[number]
        assert sandbox.keep_alive == curve.draw(chance)
        assert sandbox.recycle_at == 7 + age.draw(chance)


def test_provisioned_sandbox_draws_its_age_alone() -> None:
    age = RecycleAge(200, 300)
    host = Host(recycle_age=age, keep_alive=SurvivalCurve(((0, 1.0), (100, 0.0))))
    host.tell(7, ProvisionedSet(ECHO, 1))
    assert host.scheduler.sandboxes[1].recycle_at == 7 + age.draw(random.Random(0))


# requests a second


def test_requests_a_second_are_limited_by_the_accounts_concurrency() -> None:
    host = Host(account_concurrency=1, requests_per_concurrency=2.0)
    host.idle(1, 1)  # its request is the first
    assert host.invoke(1, "b") == [Dispatch(1, "b", WARM)]
    host.finish(1, 1, "b")
    assert host.invoke(1, "c") == [Throttle("c", ThrottleReason.ACCOUNT_RATE)]
    assert host.invoke(1.25, "d") == [Throttle("d", ThrottleReason.ACCOUNT_RATE)]
    assert host.invoke(1.5, "e") == [Dispatch(1, "e", WARM)]


def test_all_functions_without_a_reservation_share_the_accounts_rate() -> None:
    host = Host(account_concurrency=2, requests_per_concurrency=1.0)
    host.busy(1, 1)
    host.busy(1, 2, key=BIG)
    assert host.invoke(1, "a") == [Throttle("a", ThrottleReason.ACCOUNT_RATE)]


def test_reserved_function_has_a_rate_of_its_own() -> None:
    host = Host(account_concurrency=3, requests_per_concurrency=1.0)
    host.tell(0, ReservedConcurrencySet("echo", 1))
    host.idle(1, 1)
    assert host.invoke(1, "b") == [Throttle("b", ThrottleReason.RESERVED_RATE)]
    host.busy(1, 2, key=BIG)
    assert host.invoke(2, "c") == [Dispatch(1, "c", WARM)]


def test_request_over_the_concurrency_counts_in_the_rate() -> None:
    host = Host(requests_per_concurrency=2.0)
    host.tell(0, ReservedConcurrencySet("echo", 1))
    host.busy(1, 1)
    assert host.invoke(1, "b") == [Throttle("b", ThrottleReason.RESERVED_CONCURRENCY)]
    assert host.invoke(1, "c") == [Throttle("c", ThrottleReason.RESERVED_RATE)]


def test_reservation_of_zero_is_a_matter_of_concurrency_and_not_of_rates() -> None:
    host = Host(requests_per_concurrency=1.0)
    host.tell(0, ReservedConcurrencySet("echo", 0))
    for name in ("a", "b", "c"):
        throttled = [Throttle(name, ThrottleReason.RESERVED_CONCURRENCY)]
        assert host.invoke(1, name) == throttled


def test_reservation_that_is_lifted_leaves_the_accounts_rate() -> None:
    host = Host(account_concurrency=2, requests_per_concurrency=1.0)
    host.tell(0, ReservedConcurrencySet("echo", 1))
    host.idle(1, 1)
    host.tell(1, ReservedConcurrencySet("echo", None))
    assert host.invoke(1, "b") == [Dispatch(1, "b", WARM)]
    host.finish(1, 1, "b")
    assert host.invoke(1, "c") == [Dispatch(1, "c", WARM)]
    host.finish(1, 1, "c")
    assert host.invoke(1, "d") == [Throttle("d", ThrottleReason.ACCOUNT_RATE)]


def test_requests_to_provisioned_sandboxes_count_in_the_rate() -> None:
    host = Host(account_concurrency=2, requests_per_concurrency=1.0)
    host.tell(1, ProvisionedSet(ECHO, 1))
    host.tell(1, SandboxReady(1))
    for name in ("a", "b"):
        assert host.invoke(1, name) == [Dispatch(1, name, PROVISIONED)]
        host.finish(1, 1, name)
    assert host.invoke(1, "c") == [Throttle("c", ThrottleReason.ACCOUNT_RATE)]


def test_without_a_rate_requests_come_as_fast_as_they_like() -> None:
    host = Host(account_concurrency=1)
    host.idle(1, 1)
    for number in range(50):
        assert host.invoke(1, f"i{number}") == [Dispatch(1, f"i{number}", WARM)]
        host.finish(1, 1, f"i{number}")
