"""Requests, keep-alive, limits and room. Each test asserts the whole list of commands."""

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
    InitBegan,
    ReservedConcurrencySet,
    SandboxGone,
    SandboxReady,
    TimePassed,
)
from emulator.core.model import StartKind, StopReason, ThrottleReason
from emulator.core.policy import FixedKeepAlive, PickOrder, SurvivalCurve
from emulator.core.scheduler import UnknownVersionError
from tests.core.scheduler_host import BIG, ECHO, Host

COLD, WARM = StartKind.COLD, StartKind.WARM


# a request and its sandbox


def test_first_request_starts_a_sandbox_that_is_assigned_to_it() -> None:
    host = Host()
    assert host.invoke(1, "a") == [StartSandbox(1, ECHO, "a")]
    assert host.tell(2, SandboxReady(1)) == [Dispatch(1, "a", COLD)]


def test_starting_sandbox_is_not_given_to_another_request() -> None:
    host = Host()
    host.invoke(1, "a")
    assert host.invoke(1, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.tell(2, SandboxReady(2)) == [Dispatch(2, "b", COLD)]


def test_sandbox_is_frozen_when_it_has_answered() -> None:
    host = Host()
    host.invoke(1, "a")
    host.tell(2, SandboxReady(1))
    assert host.finish(3, 1, "a") == [FreezeSandbox(1)]


def test_idle_sandbox_takes_the_next_request() -> None:
    host = Host()
    host.idle(1, 1)
    assert host.invoke(2, "b") == [Dispatch(1, "b", WARM)]


def test_idle_sandbox_of_another_function_is_not_used() -> None:
    host = Host()
    host.idle(1, 1)
    assert host.invoke(2, "b", BIG) == [StartSandbox(2, BIG, "b")]


def test_request_for_an_unknown_version_is_an_error_that_changes_nothing() -> None:
    host = Host()
    host.idle(1, 1)
    assert set(host.scheduler.versions) == {ECHO, BIG}
    with pytest.raises(UnknownVersionError, match=r"nobody:\$LATEST"):
        host.invoke(10_000, "b", "nobody:$LATEST")
    assert host.invoke(2, "c") == [Dispatch(1, "c", WARM)]


@pytest.mark.parametrize(
    ("order", "picked"),
    [
        (PickOrder.MOST_RECENTLY_USED, 2),
        (PickOrder.LEAST_RECENTLY_USED, 3),
        (PickOrder.OLDEST_FIRST, 1),
    ],
)
def test_pick_order_decides_which_idle_sandbox_serves(order: PickOrder, picked: int) -> None:
    host = Host(pick_order=order)
    for sandbox in (1, 2, 3):
        host.invoke(1, f"i{sandbox}")
        host.tell(1, SandboxReady(sandbox))
    for sandbox in (3, 1, 2):
        host.finish(2, sandbox, f"i{sandbox}")
    assert host.invoke(3, "next") == [Dispatch(picked, "next", WARM)]


# keep-alive


def test_idle_sandbox_is_stopped_when_keep_alive_ends() -> None:
    host = Host(keep_alive=FixedKeepAlive(600))
    host.idle(1, 1)
    assert host.scheduler.next_deadline() == 601
    assert host.tell(600.999, TimePassed()) == []
    assert host.tell(601, TimePassed()) == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]
    assert host.scheduler.next_deadline() is None


def test_keep_alive_counts_from_the_end_of_the_last_response() -> None:
    host = Host(keep_alive=FixedKeepAlive(10))
    host.idle(1, 1)
    assert host.invoke(10, "b") == [Dispatch(1, "b", WARM)]
    host.finish(12, 1, "b")
    assert host.scheduler.next_deadline() == 22


def test_request_that_comes_when_keep_alive_ends_is_a_cold_start() -> None:
    host = Host(keep_alive=FixedKeepAlive(600))
    host.idle(1, 1)
    assert host.invoke(601, "b") == [
        StopSandbox(1, StopReason.KEEP_ALIVE_ENDED),
        StartSandbox(2, ECHO, "b"),
    ]


def test_keep_alive_of_zero_makes_each_request_a_cold_start() -> None:
    host = Host(keep_alive=FixedKeepAlive(0))
    host.invoke(1, "a")
    host.tell(2, SandboxReady(1))
    assert host.finish(3, 1, "a") == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]
    assert host.invoke(3, "b") == [StartSandbox(2, ECHO, "b")]


def test_idle_time_runs_faster_than_handlers_do() -> None:
    host = Host(keep_alive=FixedKeepAlive(600), idle_speedup=60.0)
    host.invoke(1, "a")
    host.tell(1, SandboxReady(1))
    assert host.scheduler.next_deadline() == 4
    host.finish(2, 1, "a")
    assert host.scheduler.next_deadline() == 12


def test_each_sandbox_draws_its_lifetime_once_when_it_is_decided_on() -> None:
    curve = SurvivalCurve(((0, 1.0), (100, 1.0), (200, 0.0)))
    host = Host(keep_alive=curve)
    host.idle(0, 1, 2)
    chance = random.Random(0)
    drawn = [curve.draw(chance), curve.draw(chance)]
    assert host.scheduler.next_deadline() == min(drawn)
    assert [host.scheduler.sandboxes[number].keep_alive for number in (1, 2)] == drawn
    host.invoke(1, "again")
    host.finish(2, 2, "again")
    assert host.scheduler.sandboxes[2].keep_alive == drawn[1]


# concurrency


def test_account_concurrency_counts_what_starts_and_what_runs() -> None:
    host = Host(account_concurrency=2)
    host.busy(1, 1)
    host.invoke(1, "starting")
    assert host.invoke(1, "c") == [Throttle("c", ThrottleReason.ACCOUNT_CONCURRENCY)]
    host.finish(2, 1, "r1")
    assert host.invoke(2, "d") == [Dispatch(1, "d", WARM)]


def test_throttled_request_does_not_count() -> None:
    host = Host(account_concurrency=1)
    host.busy(1, 1)
    host.invoke(1, "throttled")
    host.finish(2, 1, "r1")
    assert host.invoke(2, "c") == [Dispatch(1, "c", WARM)]


def test_reserved_concurrency_throttles_its_own_function_only() -> None:
    host = Host()
    assert host.tell(0, ReservedConcurrencySet("echo", 1)) == []
    host.busy(1, 1)
    assert host.invoke(1, "b") == [Throttle("b", ThrottleReason.RESERVED_CONCURRENCY)]
    assert host.invoke(1, "c", BIG) == [StartSandbox(2, BIG, "c")]


def test_reservation_of_zero_throttles_everything_even_with_an_idle_sandbox() -> None:
    host = Host()
    host.idle(1, 1)
    host.tell(1, ReservedConcurrencySet("echo", 0))
    assert host.invoke(2, "b") == [Throttle("b", ThrottleReason.RESERVED_CONCURRENCY)]


def test_reservation_is_taken_from_what_the_others_may_use() -> None:
    host = Host(account_concurrency=3)
    host.tell(0, ReservedConcurrencySet("echo", 2))
    host.busy(1, 1, key=BIG)
    assert host.invoke(1, "b", BIG) == [Throttle("b", ThrottleReason.ACCOUNT_CONCURRENCY)]
    assert host.invoke(1, "c") == [StartSandbox(2, ECHO, "c")]


def test_reserved_function_runs_though_the_others_use_up_their_share() -> None:
    host = Host(account_concurrency=2)
    host.tell(0, ReservedConcurrencySet("echo", 1))
    host.busy(1, 1, key=BIG)
    assert host.invoke(1, "b") == [StartSandbox(2, ECHO, "b")]


def test_what_runs_moves_with_a_reservation_that_is_set_or_lifted() -> None:
    host = Host(account_concurrency=2)
    host.busy(1, 1)
    host.tell(1, ReservedConcurrencySet("echo", 1))
    assert host.invoke(1, "b") == [Throttle("b", ThrottleReason.RESERVED_CONCURRENCY)]
    assert host.invoke(1, "c", BIG) == [StartSandbox(2, BIG, "c")]
    host.tell(1, ReservedConcurrencySet("echo", None))
    assert host.invoke(1, "d") == [Throttle("d", ThrottleReason.ACCOUNT_CONCURRENCY)]
    host.finish(2, 1, "r1")
    assert host.invoke(2, "e") == [Dispatch(1, "e", WARM)]


# room on the host


def test_longest_idle_sandboxes_are_evicted_until_one_more_fits() -> None:
    host = Host(host_memory_mb=1024)
    host.idle(1, 1, 2, 3, 4, 5, 6, 7)
    assert host.invoke(2, "big", BIG) == [
        StopSandbox(1, StopReason.EVICTED),
        StopSandbox(2, StopReason.EVICTED),
        StopSandbox(3, StopReason.EVICTED),
    ]


def test_eviction_takes_the_longest_idle_whatever_the_pick_order() -> None:
    host = Host(host_memory_mb=640, pick_order=PickOrder.OLDEST_FIRST)
    host.busy(1, 1, 2)
    host.finish(2, 2, "r2")
    host.finish(2, 1, "r1")
    assert host.invoke(3, "big", BIG) == [StopSandbox(2, StopReason.EVICTED)]


def test_sandbox_that_is_being_evicted_holds_its_memory_until_it_is_gone() -> None:
    host = Host(host_memory_mb=512)
    host.idle(1, 1)
    assert host.invoke(2, "big", BIG) == [StopSandbox(1, StopReason.EVICTED)]
    assert host.tell(3, TimePassed()) == []
    assert host.tell(4, SandboxGone(1)) == [StartSandbox(2, BIG, "big")]


def test_none_is_evicted_when_even_all_would_not_do() -> None:
    host = Host(host_memory_mb=639)
    host.busy(1, 1, 2)
    host.finish(1, 1, "r1")
    assert host.invoke(2, "big", BIG) == [Throttle("big", ThrottleReason.HOST_MEMORY)]
    assert host.invoke(2, "c") == [Dispatch(1, "c", WARM)]


def test_a_megabyte_too_few_is_too_few() -> None:
    host = Host(host_memory_mb=255)
    host.busy(1, 1)
    assert host.invoke(2, "b") == [Throttle("b", ThrottleReason.HOST_MEMORY)]


def test_reserved_function_counts_what_its_idle_sandboxes_take_up() -> None:
    host = Host()
    host.tell(0, ReservedConcurrencySet("echo", 1))
    host.idle(1, 1)
    assert host.invoke(2, "b") == [Dispatch(1, "b", WARM)]
    assert host.invoke(3, "c") == [Throttle("c", ThrottleReason.RESERVED_CONCURRENCY)]


def test_queued_sandbox_has_its_place_on_the_host() -> None:
    host = Host(host_memory_mb=256, start_width=1)
    host.invoke(1, "a")
    assert host.invoke(1, "b") == []
    assert host.invoke(1, "c") == [Throttle("c", ThrottleReason.HOST_MEMORY)]


def test_request_throttled_for_memory_does_not_count() -> None:
    host = Host(host_memory_mb=128, account_concurrency=2)
    host.busy(1, 1)
    for number in range(5):
        throttled = [Throttle(f"t{number}", ThrottleReason.HOST_MEMORY)]
        assert host.invoke(1, f"t{number}") == throttled


# the start queue


def test_sandboxes_start_a_few_at_a_time_in_the_order_of_their_requests() -> None:
    host = Host(start_width=2)
    assert host.invoke(1, "a") == [StartSandbox(1, ECHO, "a")]
    assert host.invoke(1, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.invoke(1, "c") == []
    assert host.invoke(1, "d") == []
    assert host.tell(2, SandboxReady(2)) == [Dispatch(2, "b", COLD), StartSandbox(3, ECHO, "c")]
    assert host.tell(3, SandboxGone(1, 1))[1:] == [StartSandbox(4, ECHO, "d")]


def test_small_sandbox_does_not_overtake_a_large_one_that_waits_for_memory() -> None:
    host = Host(host_memory_mb=768)
    host.idle(1, 1, 2, 3, 4)
    host.deploy(2, 1)  # the four are stopping and still hold 512 MB
    assert host.invoke(2, "large", BIG) == []
    assert host.invoke(2, "small") == []
    assert host.tell(3, SandboxGone(1)) == []
    assert host.tell(3, SandboxGone(2)) == [StartSandbox(5, BIG, "large")]
    assert host.tell(3, SandboxGone(3)) == [StartSandbox(6, ECHO, "small")]


def test_start_timeout_counts_from_the_start_not_from_the_wait() -> None:
    host = Host(start_width=1, start_timeout=120.0)
    host.invoke(1, "a")
    host.invoke(1, "b")
    host.tell(9, SandboxReady(1))
    host.finish(9, 1, "a")
    assert host.scheduler.next_deadline() == 129


def test_init_timeout_counts_from_where_the_sandbox_is_made() -> None:
    host = Host(init_timeout=10.0, start_timeout=120.0)
    host.invoke(1, "a")
    assert host.scheduler.next_deadline() == 121
    host.tell(4, InitBegan(1))
    assert host.scheduler.next_deadline() == 14
