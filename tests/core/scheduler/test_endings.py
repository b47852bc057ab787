"""Timeouts, crashes and retirement. Each test asserts the whole list of commands."""

from __future__ import annotations

import pytest

from emulator.core.messages.commands import (
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
    InitBegan,
    InitFailed,
    InvocationFinished,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    TimePassed,
    VersionRetired,
)
from emulator.core.model import (
    Failure,
    Footprint,
    FunctionVersion,
    IllegalMoveError,
    Sandbox,
    SandboxState,
    StartKind,
    StopReason,
    ThrottleReason,
)
from emulator.core.policy import FixedKeepAlive
from emulator.core.scheduler import UnknownVersionError
from tests.core.scheduler_host import BIG, ECHO, Host

COLD, WARM = StartKind.COLD, StartKind.WARM


# timeouts


def test_invocation_times_out_from_its_dispatch_and_its_sandbox_is_reset() -> None:
    host = Host()
    host.invoke(1, "a")
    host.tell(5, SandboxReady(1))
    assert host.scheduler.next_deadline() == 8
    assert host.tell(8, TimePassed()) == [
        Fail("a", Failure.TIMEOUT, 1),
        ResetSandbox(1, Failure.TIMEOUT),
    ]


def test_response_that_comes_at_its_timeout_is_late() -> None:
    host = Host()
    host.busy(1, 1)
    assert host.finish(4, 1, "r1") == [
        Fail("r1", Failure.TIMEOUT, 1),
        ResetSandbox(1, Failure.TIMEOUT),
    ]


def test_event_that_comes_before_a_late_timer_finds_its_deadline_handled() -> None:
    host = Host()
    host.busy(1, 1)
    assert host.invoke(100, "b") == [
        Fail("r1", Failure.TIMEOUT, 1),
        ResetSandbox(1, Failure.TIMEOUT),
        StartSandbox(2, ECHO, "b"),
    ]


def test_deadlines_that_are_due_together_are_handled_in_the_order_of_their_times() -> None:
    host = Host(keep_alive=FixedKeepAlive(4), init_timeout=2.0)
    host.idle(1, 1, 2)
    host.invoke(1.5, "runs")
    host.invoke(1.5, "also runs")
    host.finish(2, 1, "also runs")
    host.invoke(2, "starts", BIG)
    host.tell(2, InitBegan(3))
    assert host.tell(100, TimePassed()) == [
        ResetSandbox(3, Failure.INIT_TIMEOUT),
        Fail("runs", Failure.TIMEOUT, 2),
        ResetSandbox(2, Failure.TIMEOUT),
        StopSandbox(1, StopReason.KEEP_ALIVE_ENDED),
    ]


def test_deadlines_at_the_same_time_are_handled_in_the_order_in_which_they_were_set() -> None:
    host = Host()
    host.busy(1, 1, 2)
    host.finish(1, 1, "r1")
    host.invoke(1, "again")
    assert host.tell(4, TimePassed()) == [
        Fail("r2", Failure.TIMEOUT, 2),
        ResetSandbox(2, Failure.TIMEOUT),
        Fail("again", Failure.TIMEOUT, 1),
        ResetSandbox(1, Failure.TIMEOUT),
    ]


def test_init_that_takes_too_long_is_broken_off_by_a_reset() -> None:
    host = Host(init_timeout=10.0)
    host.invoke(1, "a")
    assert host.tell(2, InitBegan(1)) == []
    assert host.scheduler.next_deadline() == 12
    assert host.tell(11.999, TimePassed()) == []
    assert host.tell(12, TimePassed()) == [ResetSandbox(1, Failure.INIT_TIMEOUT)]
    assert host.scheduler.next_deadline() is None


def test_sandbox_that_is_not_made_in_time_fails_its_request() -> None:
    host = Host(init_timeout=10.0, start_timeout=120.0, account_concurrency=1)
    host.invoke(1, "a")
    assert host.tell(120.999, TimePassed()) == []
    assert host.tell(121, TimePassed()) == [
        Fail("a", Failure.START_FAILED, 1),
        StopSandbox(1, StopReason.START_TIMED_OUT),
    ]
    assert host.scheduler.next_deadline() is None
    assert host.tell(121, InitBegan(1)) == []
    assert host.scheduler.next_deadline() is None
    assert host.invoke(122, "b") == [StartSandbox(2, ECHO, "b")]


def test_place_in_the_start_queue_is_free_when_a_start_times_out() -> None:
    host = Host(start_timeout=20.0, start_width=1)
    host.invoke(1, "a")
    assert host.invoke(1, "b") == []
    assert host.tell(21, TimePassed()) == [
        Fail("a", Failure.START_FAILED, 1),
        StopSandbox(1, StopReason.START_TIMED_OUT),
        StartSandbox(2, ECHO, "b"),
    ]


def test_place_in_the_start_queue_is_free_when_an_init_times_out() -> None:
    host = Host(init_timeout=10.0, start_width=1)
    host.invoke(1, "a")
    host.invoke(1, "b")
    host.tell(1, InitBegan(1))
    assert host.tell(11, TimePassed()) == [
        ResetSandbox(1, Failure.INIT_TIMEOUT),
        StartSandbox(2, ECHO, "b"),
    ]


# ends of its own


def test_failed_init_resets_the_sandbox_and_leaves_its_place_in_the_start_queue() -> None:
    host = Host(start_width=1)
    host.invoke(1, "a")
    host.invoke(1, "b")
    assert host.tell(2, InitFailed(1, "Runtime.ImportModuleError")) == [
        ResetSandbox(1, Failure.INIT_ERROR),
        StartSandbox(2, ECHO, "b"),
    ]


@pytest.mark.parametrize(
    ("gone", "failure"),
    [
        (SandboxGone(1, 3), Fail("r1", Failure.EXITED, 1, 3)),
        (SandboxGone(1, 0), Fail("r1", Failure.EXITED, 1, 0)),
        (SandboxGone(1, 137, out_of_memory=True), Fail("r1", Failure.OUT_OF_MEMORY, 1, 137)),
    ],
)
def test_sandbox_that_ends_while_busy_fails_its_request(gone: SandboxGone, failure: Fail) -> None:
    host = Host(account_concurrency=1, host_memory_mb=128)
    host.busy(1, 1)
    assert host.tell(2, gone) == [failure]
    assert host.scheduler.next_deadline() is None
    assert host.invoke(2, "next") == [StartSandbox(2, ECHO, "next")]


def test_sandbox_that_cannot_be_started_fails_its_request() -> None:
    host = Host(account_concurrency=1, host_memory_mb=128, start_width=1)
    host.invoke(1, "a")
    assert host.tell(2, SandboxGone(1)) == [Fail("a", Failure.START_FAILED, 1)]
    assert host.invoke(2, "next") == [StartSandbox(2, ECHO, "next")]


def test_sandbox_that_ends_while_idle_is_forgotten_silently() -> None:
    host = Host(host_memory_mb=128)
    host.idle(1, 1)
    assert host.tell(2, SandboxGone(1, 0)) == []
    assert host.scheduler.next_deadline() is None
    assert host.invoke(2, "next") == [StartSandbox(2, ECHO, "next")]


@pytest.mark.parametrize(
    "late",
    [
        SandboxReady(1),
        SandboxReady(2),
        SandboxReady(7),
        InitBegan(1),
        InitBegan(2),
        InitBegan(7),
        InitFailed(7),
        RuntimeExited(7, 1),
        SandboxReset(1),
        SandboxReset(2),
        SandboxReset(7),
        SandboxGone(7, 1),
        InvocationFinished(1, "r1"),
        InvocationFinished(2, "r1"),
        InvocationFinished(7, "r7"),
    ],
)
def test_event_about_what_is_no_longer_there_is_ignored(late: Event) -> None:
    host = Host()
    host.idle(1, 1, 2)
    host.invoke(1, "now")
    deadline = host.scheduler.next_deadline()
    assert host.tell(2, late) == []
    assert host.scheduler.next_deadline() == deadline
    assert host.finish(3, 2, "now") == [FreezeSandbox(2)]
    assert host.invoke(3, "next") == [Dispatch(2, "next", WARM)]
    assert host.invoke(3, "other") == [Dispatch(1, "other", WARM)]


def test_exit_that_crosses_a_stop_ends_the_sandbox_once() -> None:
    host = Host(host_memory_mb=128, keep_alive=FixedKeepAlive(0))
    host.busy(1, 1)
    assert host.finish(2, 1, "r1") == [StopSandbox(1, StopReason.KEEP_ALIVE_ENDED)]
    assert host.invoke(4, "b") == []
    assert host.tell(4, RuntimeExited(1, 137)) == []
    assert host.tell(4, SandboxReset(1)) == []
    assert host.tell(5, SandboxGone(1, 137)) == [StartSandbox(2, ECHO, "b")]
    assert host.tell(6, SandboxGone(1)) == []
    assert host.invoke(6, "c") == [Throttle("c", ThrottleReason.HOST_MEMORY)]


@pytest.mark.parametrize("early", [RuntimeExited(2, 1), InitFailed(2), SandboxGone(2, 1)])
def test_event_about_a_sandbox_that_is_still_queued_is_ignored(early: Event) -> None:
    host = Host(start_width=1)
    host.invoke(1, "a")
    host.invoke(1, "b")
    assert host.tell(1, early) == []
    assert host.tell(2, SandboxReady(1)) == [Dispatch(1, "a", COLD), StartSandbox(2, ECHO, "b")]


# retirement


def test_new_deployment_stops_idle_sandboxes_of_the_old_one() -> None:
    host = Host()
    host.idle(1, 1, 2)
    assert host.deploy(2, 1) == [
        StopSandbox(1, StopReason.RETIRED),
        StopSandbox(2, StopReason.RETIRED),
    ]


def test_busy_sandbox_of_an_old_deployment_finishes_and_is_not_used_again() -> None:
    host = Host()
    host.busy(1, 1)
    assert host.deploy(2, 1) == []
    assert host.invoke(2, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.finish(3, 1, "r1") == [StopSandbox(1, StopReason.RETIRED)]


def test_retired_version_is_unknown_and_its_sandboxes_stop() -> None:
    host = Host()
    host.idle(1, 1)
    assert host.tell(2, VersionRetired(ECHO)) == [StopSandbox(1, StopReason.RETIRED)]
    with pytest.raises(UnknownVersionError):
        host.invoke(3, "b")
    assert host.tell(3, VersionRetired(ECHO)) == []


def test_deployment_leaves_sandboxes_of_other_functions_alone() -> None:
    host = Host()
    host.idle(1, 1, key=BIG)
    assert host.deploy(2, 1) == []
    assert host.invoke(3, "b", BIG) == [Dispatch(1, "b", WARM)]


def test_sandbox_shows_what_it_does_all_its_life() -> None:
    host = Host(keep_alive=FixedKeepAlive(10), start_width=1)
    host.invoke(0, "first")
    host.invoke(1, "a")
    seen = host.scheduler.sandboxes[2]
    story: list[tuple[float, Event]] = [
        (2.0, SandboxReady(1)),
        (3.0, SandboxReady(2)),
        (4.0, InvocationFinished(2, "a")),
        (14.0, TimePassed()),
        (15.0, SandboxGone(2)),
    ]
    shown = [(seen.state, seen.invocation)]
    for now, event in story:
        host.tell(now, event)
        shown.append((seen.state, seen.invocation))
    assert shown == [
        (SandboxState.QUEUED, "a"),
        (SandboxState.STARTING, "a"),
        (SandboxState.BUSY, "a"),
        (SandboxState.IDLE, None),
        (SandboxState.STOPPING, None),
        (SandboxState.GONE, None),
    ]
    assert (seen.created_at, seen.idle_since) == (1.0, 4.0)
    assert 2 not in host.scheduler.sandboxes


# the table of moves


def test_move_that_is_not_in_the_table_raises_and_changes_nothing() -> None:
    function = FunctionVersion("echo", 128, 3.0)
    sandbox = Sandbox(1, function, 0.0, 600.0, Footprint(function, 128), function.key)
    with pytest.raises(IllegalMoveError, match="sandbox 1: QUEUED -> IDLE"):
        sandbox.move(SandboxState.IDLE)
    assert sandbox.state is SandboxState.QUEUED
