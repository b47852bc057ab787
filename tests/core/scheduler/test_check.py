"""The invariants: each test breaks one behind the scheduler's back, as a bug would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from emulator.core.messages.commands import StartSandbox
from emulator.core.messages.events import (
    InvocationAnswered,
    ProvisionedSet,
    RuntimeExited,
    SandboxReady,
)
from emulator.core.model import SandboxState
from emulator.core.policy import Binding, FixedKeepAlive
from tests.core.scheduler_host import ECHO, Host

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.model import Sandbox

FOR_EVER = FixedKeepAlive(float("inf"))


def broken(host: Host, sentence: str) -> None:
    with pytest.raises(AssertionError, match=f"^{re.escape(sentence)}(\n|$)"):
        host.scheduler.check()


def idle_host(keep_alive: FixedKeepAlive = FOR_EVER) -> tuple[Host, Sandbox]:
    host = Host(keep_alive=keep_alive)
    host.idle(1, 1)
    host.scheduler.check()
    return host, host.scheduler.sandboxes[1]


def invoke(sandbox: Sandbox) -> None:
    sandbox.invocation = "a"


def retire(sandbox: Sandbox) -> None:
    sandbox.retired = True


def provision(sandbox: Sandbox) -> None:
    sandbox.provisioned = True


def recycle(sandbox: Sandbox) -> None:
    sandbox.recycle_at = 9.0


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (invoke, "has an invocation"),
        (retire, "its version is retired"),
        (provision, "evictable True"),
        (recycle, "deadline False"),
    ],
)
def test_idle_sandbox_is_checked(break_it: Callable[[Sandbox], None], sentence: str) -> None:
    host, sandbox = idle_host()
    break_it(sandbox)
    broken(host, f"sandbox 1, IDLE: {sentence}")


def test_provisioned_sandbox_may_not_be_one_that_can_be_evicted() -> None:
    host = Host()
    host.tell(1, ProvisionedSet(ECHO, 1))
    host.tell(1, SandboxReady(1))
    host.scheduler.check()
    host.scheduler.sandboxes[1].provisioned = False
    broken(host, "sandbox 1, IDLE: evictable False")


def test_sandbox_that_is_gone_is_forgotten() -> None:
    host, sandbox = idle_host()
    sandbox.move(SandboxState.GONE)
    broken(host, "sandbox 1, GONE: still known")


def test_deadline_ends_with_what_it_was_for() -> None:
    host, sandbox = idle_host(FixedKeepAlive(10.0))
    sandbox.move(SandboxState.RESETTING)
    broken(host, "sandbox 1, RESETTING: deadline True")


def test_busy_sandbox_runs_something() -> None:
    host, sandbox = idle_host(FixedKeepAlive(10.0))
    sandbox.move(SandboxState.BUSY)
    broken(host, "sandbox 1, BUSY: runs nothing")


def test_pool_holds_idle_sandboxes_only() -> None:
    host, sandbox = idle_host()
    sandbox.move(SandboxState.RESETTING)
    broken(host, "a pool holds a sandbox that is not idle")


def test_only_an_idle_sandbox_may_be_evicted() -> None:
    host = Host(keep_alive=FOR_EVER)
    host.idle(1, 1)
    host.tell(2, ProvisionedSet(ECHO, 1))
    host.tell(2, SandboxReady(2))
    host.tell(2, RuntimeExited(2, 1))
    host.scheduler.check()
    on_demand, provisioned = host.scheduler.sandboxes.values()
    on_demand.move(SandboxState.RESETTING)
    provisioned.move(SandboxState.IDLE)
    broken(host, "a sandbox that is not idle may be evicted")


def test_request_that_waits_under_late_binding_has_a_sandbox() -> None:
    host = Host(binding=Binding.LATE)
    assert host.invoke(1, "a") == [StartSandbox(1, ECHO, "a")]
    host.scheduler.check()
    host.scheduler.sandboxes[1].invocation = "b"
    broken(host, "a waits for no sandbox")


def test_sandbox_that_is_counted_on_is_busy() -> None:
    host = Host()
    host.busy(1, 1)
    host.invoke(1, "b")
    host.tell(2, InvocationAnswered(1, "r1"))
    host.scheduler.check()
    answered, starting = host.scheduler.sandboxes.values()
    answered.state, starting.state = starting.state, answered.state
    broken(host, "sandbox 1 is not busy and counted on")
