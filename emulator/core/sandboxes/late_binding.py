"""Keeps the requests that wait under late binding, each with the sandbox started for it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from emulator.core.policy import Binding

if TYPE_CHECKING:
    from emulator.core.model import PoolKey, Sandbox


class LateBinding:
    """Keeps each pool's waiting requests in their order; under early binding there are none."""

    def __init__(self, binding: Binding) -> None:
        self.is_on = binding is Binding.LATE
        self._waiting: dict[PoolKey, OrderedDict[str, Sandbox]] = {}

    def may_move(self, sandbox: Sandbox) -> bool:
        """Returns whether another sandbox may serve the request that a sandbox was started for.

        Late binding ends when the version is retired: each request that still waits stays with
        the sandbox that was started for it, and none that comes later is served by old code.
        """
        return self.is_on and not sandbox.retired and not sandbox.provisioned

    def wait(self, invocation: str, sandbox: Sandbox) -> None:
        """Lets a request wait, for this sandbox or any other that comes free earlier."""
        if self.is_on:
            self._waiting.setdefault(sandbox.pool, OrderedDict())[invocation] = sandbox

    def waiting(self, pool: PoolKey) -> int:
        """Returns how many requests for a pool wait."""
        return len(self._waiting.get(pool, ()))

    def take(self, pool: PoolKey) -> tuple[str, Sandbox] | None:
        """Takes the oldest request and the sandbox started for it; None where none waits."""
        waiting = self._waiting.get(pool)
        return waiting.popitem(last=False) if waiting else None

    def remove(self, pool: PoolKey, invocation: str) -> None:
        """Ends the waiting of a request."""
        del self._waiting[pool][invocation]

    def forget(self, pool: PoolKey) -> None:
        """Forgets a pool; each request that waits stays with its own sandbox."""
        self._waiting.pop(pool, None)

    def check(self) -> None:
        """Raises AssertionError where a request waits for a sandbox that will not serve it."""
        for pool, waiting in self._waiting.items():
            for invocation, sandbox in waiting.items():
                assert sandbox.invocation == invocation, f"{invocation} waits for no sandbox"
                assert sandbox.pool == pool, f"{invocation} waits for another tenant's sandbox"
