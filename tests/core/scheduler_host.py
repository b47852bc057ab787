"""A scheduler whose clock tests set, and whose invariants are checked after every event."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from emulator.core.messages.commands import Command, FreezeSandbox
from emulator.core.messages.events import (
    Event,
    InvocationFinished,
    InvokeRequested,
    SandboxReady,
    VersionDeployed,
)
from emulator.core.model import FunctionVersion, VersionKey
from emulator.core.policy import SchedulerSettings
from emulator.core.scheduler import Scheduler

if TYPE_CHECKING:
    from emulator.core.model import Seconds

ECHO, BIG = VersionKey.of("echo"), VersionKey.of("big")


class Host:
    """Has two functions: echo of 128 MB and big of 512 MB, both with a timeout of 3 s."""

    def __init__(self, **settings: Any) -> None:
        self.scheduler = Scheduler(SchedulerSettings(**settings), random.Random(0))
        commands = self.deploy(0, 0)
        commands += self.tell(0, VersionDeployed(FunctionVersion("big", 512, 3.0)))
        assert commands == [] or "policy" in settings  # a policy may start sandboxes at once

    def tell(self, now: Seconds, event: Event) -> list[Command]:
        commands = self.scheduler.handle(event, now)
        self.scheduler.check()
        return commands

    def deploy(self, now: Seconds, revision: int) -> list[Command]:
        return self.tell(now, VersionDeployed(FunctionVersion("echo", 128, 3.0, revision=revision)))

    def invoke(self, now: Seconds, invocation: str, key: str = ECHO) -> list[Command]:
        return self.tell(now, InvokeRequested(invocation, key))

    def finish(self, now: Seconds, sandbox: int, invocation: str) -> list[Command]:
        return self.tell(now, InvocationFinished(sandbox, invocation))

    def busy(self, now: Seconds, *sandboxes: int, key: str = ECHO) -> None:
        """Sandbox N runs the request `rN` from `now` on; the ids must be the next ones."""
        for sandbox in sandboxes:
            self.invoke(now, f"r{sandbox}", key)
        for sandbox in sandboxes:
            self.tell(now, SandboxReady(sandbox))

    def idle(self, now: Seconds, *sandboxes: int, key: str = ECHO) -> None:
        """They are idle from `now` on, the first one for longest; the ids must be the next ones."""
        self.busy(now, *sandboxes, key=key)
        for sandbox in sandboxes:
            assert self.finish(now, sandbox, f"r{sandbox}") == [FreezeSandbox(sandbox)]
