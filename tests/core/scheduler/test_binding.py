"""Which sandbox serves a request that found none idle. Each test asserts all commands."""

from __future__ import annotations

import pytest

from emulator.core.messages.commands import (
    Dispatch,
    Fail,
    FreezeSandbox,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
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
from emulator.core.model import Failure, StartKind, StopReason
from emulator.core.policy import Binding
from tests.core.scheduler_host import ECHO, Host

COLD, WARM, SUPPRESSED = StartKind.COLD, StartKind.WARM, StartKind.SUPPRESSED


@pytest.mark.parametrize("binding", Binding)
def test_request_is_answered_by_the_deployment_that_it_was_made_to(binding: Binding) -> None:
    host = Host(binding=binding, start_width=1)
    host.invoke(1, "a")
    host.invoke(1, "b")
    assert host.deploy(2, 1) == []
    assert host.invoke(2, "c") == []
    assert host.tell(3, SandboxReady(1)) == [Dispatch(1, "a", COLD), StartSandbox(2, ECHO, "b")]
    assert host.finish(4, 1, "a") == [StopSandbox(1, StopReason.RETIRED)]
    assert host.tell(5, SandboxReady(2)) == [Dispatch(2, "b", COLD), StartSandbox(3, ECHO, "c")]
    assert host.tell(6, SandboxReady(3)) == [Dispatch(3, "c", COLD)]
    assert host.scheduler.sandboxes[3].function.revision == 1


def test_late_binding_gives_a_waiting_request_to_the_sandbox_that_comes_free() -> None:
    host = Host(binding=Binding.LATE)
    host.busy(1, 1)
    assert host.invoke(1, "b") == [StartSandbox(2, ECHO, "b")]
    assert host.finish(2, 1, "r1") == [Dispatch(1, "b", WARM)]
    assert host.tell(3, SandboxReady(2)) == [FreezeSandbox(2)]
    assert host.invoke(4, "c") == [Dispatch(2, "c", WARM)]


def test_early_binding_keeps_a_waiting_request_with_its_own_sandbox() -> None:
    host = Host(binding=Binding.EARLY)
    host.busy(1, 1)
    host.invoke(1, "b")
    assert host.finish(2, 1, "r1") == [FreezeSandbox(1)]
    assert host.tell(3, SandboxReady(2)) == [Dispatch(2, "b", COLD)]


def test_late_binding_drops_a_queued_sandbox_whose_request_is_served() -> None:
    host = Host(binding=Binding.LATE, start_width=1, host_memory_mb=384)
    host.busy(1, 1)
    host.invoke(1, "b")
    assert host.invoke(1, "c") == []
    assert host.finish(2, 1, "r1") == [Dispatch(1, "b", WARM)]
    assert host.finish(3, 1, "b") == [Dispatch(1, "c", WARM)]
    assert sorted(host.scheduler.sandboxes) == [1, 2]
    assert host.invoke(3, "d") == []
    assert host.tell(4, SandboxReady(2)) == [Dispatch(2, "d", COLD)]
    assert sorted(host.scheduler.sandboxes) == [1, 2]


def test_late_binding_serves_the_oldest_request_by_the_first_sandbox_to_be_ready() -> None:
    host = Host(binding=Binding.LATE)
    host.invoke(1, "a")
    host.invoke(1, "b")
    assert host.tell(2, SandboxReady(2)) == [Dispatch(2, "a", COLD)]
    assert host.tell(3, SandboxReady(1)) == [Dispatch(1, "b", COLD)]


def test_late_binding_loses_no_request_when_the_sandbox_fails_that_took_anothers() -> None:
    host = Host(binding=Binding.LATE)
    host.invoke(1, "a")
    host.invoke(1, "b")
    assert host.tell(2, SandboxReady(2)) == [Dispatch(2, "a", COLD)]
    assert host.tell(3, SandboxGone(1, 1)) == [Fail("b", Failure.EXITED, 1, 1)]
    assert host.finish(4, 2, "a") == [FreezeSandbox(2)]


def test_late_binding_dispatches_another_request_to_the_sandbox_whose_init_failed() -> None:
    host = Host(binding=Binding.LATE)
    host.invoke(1, "a")
    host.invoke(1, "b")
    host.tell(2, SandboxReady(2))
    assert host.tell(3, InitFailed(1)) == [ResetSandbox(1, Failure.INIT_ERROR)]
    assert host.tell(4, SandboxReset(1)) == [Dispatch(1, "b", COLD)]


def test_late_binding_serves_a_request_whose_own_sandbox_is_being_reset() -> None:
    host = Host(binding=Binding.LATE)
    host.busy(1, 1)
    host.invoke(1, "b")
    host.tell(2, InitFailed(2))
    assert host.finish(2, 1, "r1") == [Dispatch(1, "b", WARM)]
    assert host.tell(3, SandboxReset(2)) == [FreezeSandbox(2)]
    assert host.invoke(3, "c") == [Dispatch(2, "c", SUPPRESSED)]


def test_late_binding_gives_a_waiting_request_to_a_sandbox_that_was_reset() -> None:
    host = Host(binding=Binding.LATE)
    host.busy(1, 1)
    host.invoke(1, "b")
    assert host.tell(2, RuntimeExited(1, 1)) == [
        Fail("r1", Failure.EXITED, 1, 1),
        ResetSandbox(1, Failure.EXITED),
    ]
    assert host.tell(2, SandboxReset(1)) == [Dispatch(1, "b", SUPPRESSED)]
    assert host.tell(3, SandboxReady(2)) == [FreezeSandbox(2)]


def test_late_bound_request_whose_sandbox_is_not_made_in_time_is_served_by_no_other() -> None:
    host = Host(binding=Binding.LATE, start_timeout=1.0)
    host.busy(1, 1)
    host.invoke(1, "b")
    assert host.tell(2, TimePassed()) == [
        Fail("b", Failure.START_FAILED, 2),
        StopSandbox(2, StopReason.START_TIMED_OUT),
    ]
    assert host.finish(3, 1, "r1") == [FreezeSandbox(1)]


@pytest.mark.parametrize("end", [InitFailed(2), RuntimeExited(2, 1)])
def test_init_that_fails_with_no_request_waiting_stops_the_sandbox(end: Event) -> None:
    host = Host(binding=Binding.LATE)
    host.busy(1, 1)
    host.invoke(1, "b")
    host.finish(2, 1, "r1")
    assert host.tell(3, end) == [StopSandbox(2, StopReason.INIT_FAILED)]


def test_init_that_takes_too_long_with_no_request_waiting_stops_the_sandbox() -> None:
    host = Host(binding=Binding.LATE, init_timeout=2.0)
    host.busy(1, 1)
    host.invoke(1, "b")
    host.tell(1, InitBegan(2))
    host.finish(2, 1, "r1")
    assert host.tell(3, TimePassed()) == [StopSandbox(2, StopReason.INIT_TIMED_OUT)]


def test_late_bound_sandbox_that_nobody_waits_for_stops_when_its_version_is_retired() -> None:
    host = Host(binding=Binding.LATE)
    host.busy(1, 1)
    host.invoke(1, "b")
    host.finish(2, 1, "r1")
    host.deploy(2, 1)
    assert host.tell(3, SandboxReady(2)) == [StopSandbox(2, StopReason.RETIRED)]
