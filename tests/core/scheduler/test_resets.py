"""A failure resets a sandbox, and its next init is within an invocation. All commands."""

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
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    TimePassed,
)
from emulator.core.model import Failure, StartKind, StopReason, ThrottleReason
from emulator.core.policy import FixedKeepAlive, RecycleAge
from tests.core.scheduler_host import BIG, ECHO, Host

COLD, WARM, SUPPRESSED = StartKind.COLD, StartKind.WARM, StartKind.SUPPRESSED
EXIT = RuntimeExited(1, 3)
STARVED = RuntimeExited(1, 137, out_of_memory=True)


# after an invocation that failed


@pytest.mark.parametrize(
    ("end", "failure", "exit_code"),
    [
        (TimePassed(), Failure.TIMEOUT, None),
        (EXIT, Failure.EXITED, 3),
        (STARVED, Failure.OUT_OF_MEMORY, 137),
    ],
)
def test_failed_invocation_resets_its_sandbox_and_the_next_one_starts_with_an_init(
    end: Event, failure: Failure, exit_code: int | None
) -> None:
    host = Host()
    host.busy(1, 1)
    at = 4 if failure is Failure.TIMEOUT else 2
    assert host.tell(at, end) == [
        Fail("r1", failure, 1, exit_code),
        ResetSandbox(1, failure),
    ]
    assert host.scheduler.next_deadline() is None
    assert host.tell(5, SandboxReset(1)) == [FreezeSandbox(1)]
    assert host.scheduler.next_deadline() == 605
    assert host.invoke(6, "b") == [Dispatch(1, "b", SUPPRESSED)]
    assert host.scheduler.next_deadline() == 9, "the init counts in the function's timeout"
    assert host.tell(7, SandboxReady(1)) == []
    assert host.scheduler.next_deadline() == 9
    assert host.finish(8, 1, "b") == [FreezeSandbox(1)]
    assert host.invoke(8, "c") == [Dispatch(1, "c", WARM)]


def test_request_that_comes_during_a_reset_does_not_wait_for_it() -> None:
    host = Host()
    host.busy(1, 1)
    host.tell(2, EXIT)
    assert host.invoke(2, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.tell(3, SandboxReset(1)) == [FreezeSandbox(1)]


def test_failed_invocation_does_not_count_while_its_sandbox_is_reset() -> None:
    host = Host(account_concurrency=1)
    host.busy(1, 1)
    host.tell(2, EXIT)
    assert host.invoke(2, "b") == [StartSandbox(2, ECHO, "b")]


def test_sandbox_that_is_reset_is_not_evicted() -> None:
    host = Host(host_memory_mb=512)
    host.busy(1, 1)
    host.tell(2, EXIT)
    assert host.invoke(2, "big", BIG) == [Throttle("big", ThrottleReason.HOST_MEMORY)]
    host.tell(3, SandboxReset(1))
    assert host.invoke(3, "again", BIG) == [StopSandbox(1, StopReason.EVICTED)]


def test_runtime_that_ends_while_idle_resets_its_sandbox() -> None:
    host = Host()
    host.idle(1, 1)
    assert host.tell(2, EXIT) == [ResetSandbox(1, Failure.EXITED)]
    assert host.invoke(2, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.tell(3, SandboxReset(1)) == [FreezeSandbox(1)]
    assert host.invoke(4, "c") == [Dispatch(1, "c", SUPPRESSED)]


@pytest.mark.parametrize("echo", [TimePassed(), EXIT, InitFailed(1), SandboxReady(1), InitBegan(1)])
def test_nothing_ends_a_reset_but_its_own_end(echo: Event) -> None:
    host = Host()
    host.busy(1, 1)
    host.tell(2, EXIT)
    assert host.tell(500, echo) == []
    assert host.tell(501, SandboxReset(1)) == [FreezeSandbox(1)]
    assert host.invoke(501, "b") == [Dispatch(1, "b", SUPPRESSED)]


def test_sandbox_that_ends_while_it_is_reset_is_forgotten_silently() -> None:
    host = Host(host_memory_mb=128)
    host.busy(1, 1)
    host.tell(2, EXIT)
    assert host.tell(3, SandboxGone(1, 137)) == []
    assert host.tell(3, SandboxReset(1)) == []
    assert host.invoke(3, "b") == [StartSandbox(2, ECHO, "b")]


# an init within an invocation


@pytest.mark.parametrize(
    ("at", "end", "failure", "exit_code"),
    [
        (7, InitFailed(1, "Runtime.ImportModuleError"), Failure.INIT_ERROR, None),
        (7, EXIT, Failure.EXITED, 3),
        (7, STARVED, Failure.OUT_OF_MEMORY, 137),
        (9, TimePassed(), Failure.TIMEOUT, None),
    ],
)
def test_suppressed_init_that_fails_again_fails_its_invocation_and_resets_again(
    at: float, end: Event, failure: Failure, exit_code: int | None
) -> None:
    host = Host()
    host.busy(1, 1)
    host.tell(2, EXIT)
    host.tell(5, SandboxReset(1))
    host.invoke(6, "b")
    assert host.tell(at, end) == [Fail("b", failure, 1, exit_code), ResetSandbox(1, failure)]
    assert host.tell(10, SandboxReset(1)) == [FreezeSandbox(1)]
    assert host.invoke(11, "c") == [Dispatch(1, "c", SUPPRESSED)]


@pytest.mark.parametrize(
    ("at", "end", "failure"),
    [
        (3, InitFailed(1), Failure.INIT_ERROR),
        (3, EXIT, Failure.EXITED),
        (3, STARVED, Failure.OUT_OF_MEMORY),
        (12, TimePassed(), Failure.INIT_TIMEOUT),
    ],
)
def test_failed_init_runs_again_within_the_invocation_that_waited_for_it(
    at: float, end: Event, failure: Failure
) -> None:
    host = Host(init_timeout=10.0)
    host.invoke(1, "a")
    host.tell(2, InitBegan(1))
    assert host.tell(at, end) == [ResetSandbox(1, failure)]
    assert host.tell(20, SandboxReset(1)) == [Dispatch(1, "a", COLD)]
    assert host.scheduler.next_deadline() == 23, "under the function's timeout"
    assert host.tell(21, SandboxReady(1)) == []
    assert host.finish(22, 1, "a") == [FreezeSandbox(1)]
    assert host.invoke(22, "b") == [Dispatch(1, "b", WARM)]


@pytest.mark.parametrize(
    ("at", "end", "failure", "exit_code"),
    [
        (6, InitFailed(1), Failure.INIT_ERROR, None),
        (6, EXIT, Failure.EXITED, 3),
        (7, TimePassed(), Failure.TIMEOUT, None),
        (6, SandboxGone(1, 9), Failure.EXITED, 9),
    ],
)
def test_init_that_fails_a_second_time_fails_the_invocation(
    at: float, end: Event, failure: Failure, exit_code: int | None
) -> None:
    host = Host()
    host.invoke(1, "a")
    host.tell(3, InitFailed(1))
    host.tell(4, SandboxReset(1))
    reset = [] if isinstance(end, SandboxGone) else [ResetSandbox(1, failure)]
    assert host.tell(at, end) == [Fail("a", failure, 1, exit_code), *reset]


def test_request_counts_while_the_sandbox_that_it_waits_for_is_reset() -> None:
    host = Host(account_concurrency=1)
    host.invoke(1, "a")
    host.tell(2, InitFailed(1))
    assert host.invoke(2, "b") == [Throttle("b", ThrottleReason.ACCOUNT_CONCURRENCY)]


def test_request_fails_whose_sandbox_ends_while_it_is_reset() -> None:
    host = Host(account_concurrency=1)
    host.invoke(1, "a")
    host.tell(2, InitFailed(1))
    assert host.tell(3, SandboxGone(1)) == [Fail("a", Failure.START_FAILED, 1)]
    assert host.invoke(3, "b") == [StartSandbox(2, ECHO, "b")]


# sandboxes that are not worth a reset


def test_failed_sandbox_that_would_not_be_kept_is_stopped_at_once() -> None:
    host = Host(keep_alive=FixedKeepAlive(0))
    host.busy(1, 1)
    assert host.tell(2, EXIT) == [
        Fail("r1", Failure.EXITED, 1, 3),
        StopSandbox(1, StopReason.KEEP_ALIVE_ENDED),
    ]


def test_failed_sandbox_that_is_too_old_is_stopped_at_once() -> None:
    host = Host(recycle_age=RecycleAge(3, 3))
    host.busy(1, 1)
    assert host.tell(4, TimePassed()) == [
        Fail("r1", Failure.TIMEOUT, 1),
        StopSandbox(1, StopReason.RECYCLED),
    ]


def test_failed_sandbox_of_an_old_deployment_is_stopped_at_once() -> None:
    host = Host()
    host.busy(1, 1)
    host.deploy(2, 1)
    assert host.tell(3, EXIT) == [
        Fail("r1", Failure.EXITED, 1, 3),
        StopSandbox(1, StopReason.RETIRED),
    ]


def test_sandbox_whose_version_is_replaced_while_it_is_reset_stops_after_that() -> None:
    host = Host()
    host.busy(1, 1)
    host.tell(2, EXIT)
    assert host.deploy(2, 1) == []
    assert host.tell(3, SandboxReset(1)) == [StopSandbox(1, StopReason.RETIRED)]


def test_waiting_request_has_its_second_init_though_the_sandbox_will_not_be_kept() -> None:
    host = Host(keep_alive=FixedKeepAlive(0))
    host.invoke(1, "a")
    host.deploy(1, 1)
    assert host.tell(2, InitFailed(1)) == [ResetSandbox(1, Failure.INIT_ERROR)]
    assert host.tell(3, SandboxReset(1)) == [Dispatch(1, "a", COLD)]
    assert host.finish(4, 1, "a") == [StopSandbox(1, StopReason.RETIRED)]


def test_reset_takes_no_place_in_the_start_queue() -> None:
    host = Host(start_width=1)
    host.invoke(1, "a")
    host.tell(2, InitFailed(1))
    assert host.invoke(2, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.tell(3, SandboxReset(1)) == [Dispatch(1, "a", COLD)]
    assert host.invoke(3, "c") == []
    assert host.tell(4, SandboxReady(2)) == [Dispatch(2, "b", COLD), StartSandbox(3, ECHO, "c")]
