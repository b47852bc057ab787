"""Requests that come between a sandbox's answer and its request for the next work."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.core.messages.commands import (
    Command,
    Dispatch,
    Fail,
    FreezeSandbox,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import (
    Event,
    InvocationAnswered,
    ProvisionedSet,
    ReservedConcurrencySet,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    StayedBusy,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import (
    Failure,
    FunctionVersion,
    StartKind,
    StopReason,
    ThrottleReason,
)
from emulator.core.policy import Binding, FixedKeepAlive, PickOrder, RecycleAge
from tests.core.scheduler_host import BIG, ECHO, Host

WARM = StartKind.WARM


def host(*answered: int, busy: int = 0, **settings: Any) -> Host:
    """Sandboxes 1, 2, … run `r1`, `r2`, … at 1.0; those that are named have answered."""
    here = Host(start_width=10, **settings)
    here.busy(1.0, *range(1, max((busy, *answered)) + 1))
    for sandbox in answered:
        assert here.tell(1.0, InvocationAnswered(sandbox, f"r{sandbox}")) == []
    return here


def test_request_starts_a_sandbox_where_none_has_answered() -> None:
    here = host(busy=1)
    assert here.invoke(1.0, "a") == [StartSandbox(2, ECHO, "a")]


def test_request_waits_for_the_sandbox_that_has_answered() -> None:
    here = host(1)
    assert here.invoke(1.0, "a") == []
    assert here.finish(1.001, 1, "r1") == [Dispatch(1, "a", WARM)]
    assert here.finish(1.5, 1, "a") == [FreezeSandbox(1)]


def test_sandbox_that_nobody_waits_for_rests() -> None:
    assert host(1).finish(1.001, 1, "r1") == [FreezeSandbox(1)]


def test_no_more_requests_wait_than_sandboxes_have_answered() -> None:
    here = host(1, 2)
    assert here.invoke(1.0, "a") == []
    assert here.invoke(1.0, "b") == []
    assert here.invoke(1.0, "c") == [StartSandbox(3, ECHO, "c")]


def test_requests_are_handed_over_in_their_order() -> None:
    here = host(1, 2)
    here.invoke(1.0, "a")
    here.invoke(1.0, "b")
    assert here.finish(1.001, 2, "r2") == [Dispatch(2, "a", WARM)]
    assert here.finish(1.002, 1, "r1") == [Dispatch(1, "b", WARM)]


def test_sandbox_of_another_version_is_not_waited_for() -> None:
    assert host(1).invoke(1.0, "a", BIG) == [StartSandbox(2, BIG, "a")]


def test_request_that_waits_is_placed_when_its_patience_ends() -> None:
    here = host(1)
    here.invoke(1.1, "a")
    assert here.scheduler.next_deadline() == pytest.approx(1.3)
    assert here.tell(1.29, TimePassed()) == []
    assert here.tell(1.3, TimePassed()) == [StartSandbox(2, ECHO, "a")]
    assert here.finish(1.4, 1, "r1") == [FreezeSandbox(1)]


def test_sandbox_that_answered_long_ago_is_not_waited_for() -> None:
    assert host(1).invoke(1.2, "a") == [StartSandbox(2, ECHO, "a")]


def test_answer_that_comes_twice_counts_from_its_last_time() -> None:
    here = host(1)
    here.tell(1.15, InvocationAnswered(1, "r1"))
    assert here.invoke(1.2, "a") == []


@pytest.mark.parametrize(
    ("end", "commands"),
    [
        (StayedBusy(1), [StartSandbox(2, ECHO, "a")]),
        (
            RuntimeExited(1, 1),
            [
                Fail("r1", Failure.EXITED, 1, 1),
                ResetSandbox(1, Failure.EXITED),
                StartSandbox(2, ECHO, "a"),
            ],
        ),
        (SandboxGone(1, 1), [Fail("r1", Failure.EXITED, 1, 1), StartSandbox(2, ECHO, "a")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_request_is_placed_at_once_when_its_sandbox_does_not_come_free(
    end: Event, commands: list[Command]
) -> None:
    here = host(1, recycle_age=RecycleAge(50.0, 50.0))
    here.invoke(1.0, "a")
    assert here.tell(1.1, end) == commands
    assert here.scheduler.sandboxes[2].recycle_at == 51.1


def test_request_waits_on_for_another_sandbox_that_has_answered() -> None:
    here = host(1, 2)
    here.invoke(1.0, "a")
    assert here.tell(1.05, StayedBusy(1)) == []
    assert here.finish(1.1, 2, "r2") == [Dispatch(2, "a", WARM)]


def test_sandbox_that_nobody_counts_on_moves_no_request_when_it_stays_busy() -> None:
    here = host(1, busy=2)
    here.invoke(1.1, "a")
    assert here.tell(1.25, StayedBusy(2)) == []
    assert here.tell(1.3, TimePassed()) == [StartSandbox(3, ECHO, "a")]


def test_timeout_after_the_answer_lets_the_request_go() -> None:
    here = Host(recycle_age=RecycleAge(50.0, 50.0))
    here.busy(1.0, 1)
    here.tell(3.9, InvocationAnswered(1, "r1"))
    here.invoke(3.95, "a")
    assert here.tell(4.0, TimePassed()) == [
        Fail("r1", Failure.TIMEOUT, 1),
        ResetSandbox(1, Failure.TIMEOUT),
        StartSandbox(2, ECHO, "a"),
    ]
    assert here.scheduler.sandboxes[2].recycle_at == 54.0


def test_answer_of_another_invocation_or_of_nobody_counts_for_nothing() -> None:
    here = host(busy=1)
    here.tell(1.0, InvocationAnswered(1, "other"))
    here.tell(1.0, InvocationAnswered(7, "r1"))
    here.tell(1.0, StayedBusy(7))
    assert here.invoke(1.0, "a") == [StartSandbox(2, ECHO, "a")]


def test_request_waits_but_a_moment_where_another_sandbox_is_idle() -> None:
    here = host(2, busy=2)
    here.finish(1.0, 1, "r1")
    assert here.invoke(1.0, "a") == []
    assert here.scheduler.next_deadline() == pytest.approx(1.005)
    assert here.tell(1.005, TimePassed()) == [Dispatch(1, "a", WARM)]


def test_request_waits_on_where_the_idle_sandbox_was_taken_meanwhile() -> None:
    here = host(2, busy=2)
    here.finish(1.0, 1, "r1")
    here.invoke(1.0, "a")
    assert here.invoke(1.001, "b") == [Dispatch(1, "b", WARM)]
    assert here.tell(1.005, TimePassed()) == []
    assert here.finish(1.1, 2, "r2") == [Dispatch(2, "a", WARM)]


def test_request_waits_to_the_end_of_its_patience_where_the_idle_sandbox_was_taken() -> None:
    here = host(2, busy=2)
    here.finish(1.0, 1, "r1")
    here.invoke(1.0, "a")
    here.invoke(1.001, "b")
    here.tell(1.005, TimePassed())
    assert here.scheduler.next_deadline() == pytest.approx(1.2)
    assert here.tell(1.2, TimePassed()) == [StartSandbox(3, ECHO, "a")]


def test_request_waits_but_a_moment_where_a_provisioned_sandbox_is_idle() -> None:
    here = Host(start_width=10)
    here.tell(0.5, ProvisionedSet(ECHO, 1))
    here.invoke(0.5, "r2")
    here.tell(0.6, SandboxReady(2))
    here.tell(0.7, InvocationAnswered(2, "r2"))
    here.tell(0.7, SandboxReady(1))
    assert here.invoke(0.75, "a") == []
    assert here.tell(0.755, TimePassed()) == [Dispatch(1, "a", StartKind.PROVISIONED)]


@pytest.mark.parametrize("order", [PickOrder.LEAST_RECENTLY_USED, PickOrder.OLDEST_FIRST])
def test_idle_sandbox_serves_at_once_where_the_most_recently_used_is_not_preferred(
    order: PickOrder,
) -> None:
    here = host(2, busy=2, pick_order=order)
    here.finish(1.0, 1, "r1")
    assert here.invoke(1.0, "a") == [Dispatch(1, "a", WARM)]


def test_sandbox_that_comes_to_rest_takes_a_request_that_waits_for_another() -> None:
    here = Host(start_width=10, binding=Binding.LATE)
    here.busy(1.0, 1)
    here.invoke(1.0, "a")
    here.tell(1.0, InvocationAnswered(1, "r1"))
    assert here.finish(1.0, 1, "r1") == [Dispatch(1, "a", WARM)]  # sandbox 2 has no request now
    here.tell(1.1, InvocationAnswered(1, "a"))
    assert here.invoke(1.1, "b") == []
    assert here.tell(1.15, SandboxReady(2)) == [FreezeSandbox(2), Dispatch(2, "b", WARM)]
    assert here.tell(1.5, TimePassed()) == []  # its patience is no matter any more


def test_request_that_waits_under_late_binding_comes_first() -> None:
    here = Host(start_width=10, binding=Binding.LATE)
    here.busy(1.0, 1)
    here.invoke(1.0, "a")
    here.tell(1.0, InvocationAnswered(1, "r1"))
    assert here.invoke(1.0, "b") == [StartSandbox(3, ECHO, "b")]


def test_sandbox_that_is_not_kept_is_not_waited_for() -> None:
    here = host(1, keep_alive=FixedKeepAlive(0.0))
    assert here.invoke(1.0, "a") == [StartSandbox(2, ECHO, "a")]
    assert here.finish(1.1, 1, "r1") == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]


def test_request_that_waits_is_not_counted_twice_against_a_limit() -> None:
    here = Host()
    here.tell(0.5, ReservedConcurrencySet("echo", 1))
    here.busy(1.0, 1)
    here.tell(1.0, InvocationAnswered(1, "r1"))
    assert here.invoke(1.0, "a") == []
    assert here.finish(1.001, 1, "r1") == [Dispatch(1, "a", WARM)]


def test_limit_that_is_lowered_meanwhile_throttles_what_waits() -> None:
    here = host(1)
    here.invoke(1.0, "a")
    here.tell(1.0, ReservedConcurrencySet("echo", 0))
    assert here.finish(1.001, 1, "r1") == [
        Throttle("a", ThrottleReason.RESERVED_CONCURRENCY),
        FreezeSandbox(1),
    ]


@pytest.mark.parametrize(
    "change", [VersionRetired(ECHO), VersionDeployed(FunctionVersion("echo", 128, 3.0, revision=9))]
)
def test_request_that_came_before_a_deployment_is_served_by_the_version_of_its_time(
    change: Event,
) -> None:
    here = host(1, recycle_age=RecycleAge(50.0, 50.0))
    here.invoke(1.0, "a")
    assert here.tell(1.1, change) == [StartSandbox(2, ECHO, "a")]
    assert here.scheduler.sandboxes[2].function.revision == 0
    assert here.scheduler.sandboxes[2].recycle_at == 51.1
    assert here.scheduler.sandboxes[2].retired
    assert here.finish(1.15, 1, "r1") == [StopSandbox(1, StopReason.RETIRED)]


def test_sandbox_of_an_older_deployment_is_not_waited_for() -> None:
    here = host(1)
    here.deploy(1.0, 9)
    assert here.invoke(1.0, "a") == [StartSandbox(2, ECHO, "a")]
