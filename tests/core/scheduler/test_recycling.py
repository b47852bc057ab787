"""A forced cold start: sandboxes of a function end as if all were too old."""

from __future__ import annotations

from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox, StopSandbox
from emulator.core.messages.events import FunctionRecycled, ProvisionedSet, SandboxReady
from emulator.core.model import StartKind, StopReason
from tests.core.scheduler_host import ECHO, Host

RECYCLE = FunctionRecycled("echo")


def test_idle_sandbox_ends_at_once_and_the_next_request_starts_another() -> None:
    host = Host()
    host.idle(1, 1)
    assert host.tell(5, RECYCLE) == [StopSandbox(1, StopReason.RECYCLED)]
    assert host.invoke(6, "b") == [StartSandbox(2, ECHO, "b")]


def test_busy_sandbox_ends_after_its_work() -> None:
    host = Host()
    host.idle(1, 1)
    assert host.invoke(2, "b") == [Dispatch(1, "b", StartKind.WARM)]
    assert host.tell(3, RECYCLE) == []
    assert host.finish(4, 1, "b") == [StopSandbox(1, StopReason.RECYCLED)]


def test_starting_sandbox_serves_its_request_and_no_other() -> None:
    host = Host()
    assert host.invoke(0, "a") == [StartSandbox(1, ECHO, "a")]
    assert host.tell(1, RECYCLE) == []
    assert host.tell(2, SandboxReady(1)) == [Dispatch(1, "a", StartKind.COLD)]
    assert host.finish(3, 1, "a") == [StopSandbox(1, StopReason.RECYCLED)]


def test_another_functions_sandbox_stays() -> None:
    host = Host()
    host.idle(1, 1)
    assert host.tell(5, FunctionRecycled("other")) == []
    assert host.invoke(6, "b") == [Dispatch(1, "b", StartKind.WARM)]


def test_provisioned_sandbox_is_replaced() -> None:
    host = Host()
    assert host.tell(0, ProvisionedSet(ECHO, 1)) == [StartSandbox(1, ECHO, None)]
    assert host.tell(1, SandboxReady(1)) == [FreezeSandbox(1)]
    assert host.tell(5, RECYCLE) == [
        StopSandbox(1, StopReason.RECYCLED),
        StartSandbox(2, ECHO, None),
    ]
