"""Keeps the requests that another sandbox may serve than the one that was made for each."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from emulator.core.model import SandboxState
from emulator.core.policy import Binding

if TYPE_CHECKING:
    from emulator.core.model import PoolKey, Sandbox


class Waiting:
    """Keeps requests in their order, by pool, each with the sandbox that was made for it."""

    def __init__(self) -> None:
        self.by_pool: dict[PoolKey, OrderedDict[str, Sandbox]] = {}
        """Requests of each pool, the oldest first; others only look."""

    def wait(self, invocation: str, sandbox: Sandbox) -> None:
        """Lets a request wait, for this sandbox or any other that comes free earlier."""
        self.by_pool.setdefault(sandbox.pool, OrderedDict())[invocation] = sandbox

    def count(self, pool: PoolKey) -> int:
        """Returns how many requests for a pool wait."""
        return len(self.by_pool.get(pool, ()))

    def take(self, pool: PoolKey) -> tuple[str, Sandbox] | None:
        """Takes the oldest request and the sandbox made for it; None where none waits."""
        waiting = self.by_pool.get(pool)
        return waiting.popitem(last=False) if waiting else None

    def remove(self, pool: PoolKey, invocation: str) -> None:
        """Ends the waiting of a request."""
        del self.by_pool[pool][invocation]

    def forget(self, pool: PoolKey) -> None:
        """Forgets a pool; each request that waits stays with its own sandbox."""
        self.by_pool.pop(pool, None)


class LateBinding(Waiting):
    """Keeps every request that waits for a start, under late binding; else there are none."""

    def __init__(self, binding: Binding) -> None:
        super().__init__()
        self.is_on = binding is Binding.LATE

    def may_move(self, sandbox: Sandbox) -> bool:
        """Returns whether another sandbox may serve the request that a sandbox was started for.

        Late binding ends when the version is retired: each request that still waits stays with
        the sandbox that was started for it, and none that comes later is served by old code.
        """
        return self.is_on and not sandbox.retired and not sandbox.provisioned

    def check(self) -> None:
        """Raises AssertionError where a request waits for a sandbox that will not serve it."""
        for pool, waiting in self.by_pool.items():
            for invocation, sandbox in waiting.items():
                assert sandbox.invocation == invocation, f"{invocation} waits for no sandbox"
                assert sandbox.pool == pool, f"{invocation} waits for another tenant's sandbox"


class Unhurried(Waiting):
    """Keeps the requests whose callers have left while the sandboxes made for them are queued."""

    def started(self, sandbox: Sandbox) -> None:
        """Leaves a request to the sandbox made for it, which starts now."""
        if sandbox.unhurried and not sandbox.retired and sandbox.invocation is not None:
            self.remove(sandbox.pool, sandbox.invocation)

    def check(self) -> None:
        """Raises AssertionError where a request's sandbox could not be dropped."""
        for pool, unhurried in self.by_pool.items():
            for invocation, sandbox in unhurried.items():
                assert sandbox.invocation == invocation, f"{invocation} has no sandbox to come"
                assert sandbox.pool == pool, f"{invocation} may be taken by another tenant's"
                queued = sandbox.state is SandboxState.QUEUED and not sandbox.retired
                assert queued, f"sandbox {sandbox.id} is to be dropped and not queued"
