"""Requests whose start has not begun, and whose callers left or waited for too long.

Each test asserts all commands.
"""

from __future__ import annotations

import pytest

from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox, StopSandbox
from emulator.core.messages.events import CallerLeft, InvocationAnswered, SandboxReady
from emulator.core.model import StartKind, StopReason
from emulator.core.policy import Binding
from tests.core.scheduler_host import BIG, ECHO, Host

COLD, WARM = StartKind.COLD, StartKind.WARM


def host_with_queue(*, binding: Binding = Binding.EARLY, **settings: float) -> Host:
    """Sandbox 1 is busy, 2 starts for a, and 3, 4 and 5 are queued for b, c and d."""
    host = Host(start_width=1, binding=binding, **settings)
    host.busy(1, 1)
    host.invoke(1, "a")
    for name in "bcd":
        assert host.invoke(1, name) == []
    return host


def test_sandbox_that_nobody_waits_for_starts_after_all_others() -> None:
    host = host_with_queue()
    assert host.tell(1.2, CallerLeft("b")) == []
    assert host.tell(1.3, SandboxReady(2)) == [Dispatch(2, "a", COLD), StartSandbox(4, ECHO, "c")]
    assert host.tell(1.4, SandboxReady(4)) == [Dispatch(4, "c", COLD), StartSandbox(5, ECHO, "d")]
    assert host.tell(1.5, SandboxReady(5)) == [Dispatch(5, "d", COLD), StartSandbox(3, ECHO, "b")]
    assert host.tell(1.6, SandboxReady(3)) == [Dispatch(3, "b", COLD)]


def test_sandbox_that_comes_free_runs_the_request_and_no_other_is_started_for_it() -> None:
    host = host_with_queue()
    host.tell(1.2, CallerLeft("c"))
    host.tell(1.2, CallerLeft("b"))
    assert host.finish(1.3, 1, "r1") == [Dispatch(1, "c", WARM)]
    assert host.finish(1.4, 1, "c") == [Dispatch(1, "b", WARM)]
    assert host.finish(1.5, 1, "b") == [FreezeSandbox(1)]
    assert sorted(host.scheduler.sandboxes) == [1, 2, 5]


def test_request_whose_caller_waits_stays_with_the_sandbox_that_was_started_for_it() -> None:
    host = host_with_queue()
    host.tell(1.2, CallerLeft("b"))
    host.finish(1.3, 1, "r1")
    assert host.finish(1.4, 1, "b") == [FreezeSandbox(1)]
    assert host.tell(1.5, SandboxReady(2)) == [Dispatch(2, "a", COLD), StartSandbox(4, ECHO, "c")]


def test_request_whose_sandbox_starts_already_is_served_by_it() -> None:
    host = host_with_queue()
    assert host.tell(1.2, CallerLeft("a")) == []
    assert host.finish(1.3, 1, "r1") == [FreezeSandbox(1)]
    assert host.tell(1.4, SandboxReady(2)) == [Dispatch(2, "a", COLD), StartSandbox(3, ECHO, "b")]


def test_request_of_an_earlier_deployment_is_run_by_that_deployment() -> None:
    host = host_with_queue()
    host.tell(1.2, CallerLeft("b"))
    assert host.deploy(1.3, 1) == []
    host.tell(1.3, CallerLeft("c"))
    assert host.finish(1.4, 1, "r1") == [StopSandbox(1, StopReason.RETIRED)]
    assert host.tell(1.5, SandboxReady(2)) == [Dispatch(2, "a", COLD), StartSandbox(5, ECHO, "d")]
    assert host.tell(1.6, SandboxReady(5)) == [Dispatch(5, "d", COLD), StartSandbox(3, ECHO, "b")]
    assert host.tell(1.7, SandboxReady(3)) == [Dispatch(3, "b", COLD), StartSandbox(4, ECHO, "c")]


def test_caller_of_a_request_that_nobody_knows_or_that_runs_changes_nothing() -> None:
    host = host_with_queue()
    assert host.tell(1.2, CallerLeft("nobody")) == []
    assert host.tell(1.2, CallerLeft("r1")) == []
    assert host.finish(1.3, 1, "r1") == [FreezeSandbox(1)]


def test_caller_that_leaves_twice_leaves_once() -> None:
    host = host_with_queue()
    host.tell(1.2, CallerLeft("b"))
    host.tell(1.2, CallerLeft("b"))
    assert host.finish(1.3, 1, "r1") == [Dispatch(1, "b", WARM)]
    assert host.finish(1.4, 1, "b") == [FreezeSandbox(1)]


@pytest.mark.parametrize("leaves", [True, False])
def test_under_late_binding_it_makes_no_difference(leaves: bool) -> None:
    host = host_with_queue(binding=Binding.LATE)
    if leaves:
        assert host.tell(1.2, CallerLeft("a")) == []
    assert host.finish(1.3, 1, "r1") == [Dispatch(1, "a", WARM)]
    assert host.finish(1.4, 1, "a") == [Dispatch(1, "b", WARM)]


def test_request_that_waited_far_too_long_for_a_start_is_taken_by_what_comes_free() -> None:
    host = host_with_queue(queue_patience=1.0)
    assert host.finish(1.9, 1, "r1") == [FreezeSandbox(1)]
    assert host.invoke(1.9, "now") == [Dispatch(1, "now", WARM)]
    assert host.finish(2, 1, "now") == [Dispatch(1, "b", WARM)]
    assert host.tell(2.1, SandboxReady(2)) == [Dispatch(2, "a", COLD), StartSandbox(4, ECHO, "c")]
    assert host.finish(2.2, 1, "b") == [Dispatch(1, "d", WARM)]
    assert host.finish(2.3, 1, "d") == [FreezeSandbox(1)]
    assert sorted(host.scheduler.sandboxes) == [1, 2, 4]


def test_request_that_waited_too_long_goes_before_one_that_waits_for_the_free_sandbox() -> None:
    host = host_with_queue(queue_patience=1.0)
    host.tell(2.0, InvocationAnswered(1, "r1"))
    assert host.invoke(2.0, "next") == []
    assert host.finish(2.1, 1, "r1") == [Dispatch(1, "b", WARM)]


def test_request_of_another_function_is_never_taken() -> None:
    host = Host(start_width=1, queue_patience=1.0)
    host.busy(1, 1)
    host.invoke(1, "a")
    host.invoke(1, "other", BIG)
    assert host.finish(2.5, 1, "r1") == [FreezeSandbox(1)]
