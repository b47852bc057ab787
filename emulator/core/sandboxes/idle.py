"""Keeps the sandboxes that have nothing to do: in pick order by pool, and in the order of eviction.

Only the bookkeeping stands here; when a sandbox comes to rest or is stopped, the scheduler decides.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from emulator.core.policy import idle_pool

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from emulator.core.model import PoolKey, Sandbox
    from emulator.core.policy import IdlePool, PickOrder


class IdleSandboxes:
    """Keeps idle sandboxes, those of provisioned concurrency apart, as they are not evicted."""

    def __init__(self, order: PickOrder) -> None:
        self._order = order
        self._on_demand: dict[PoolKey, IdlePool] = {}
        self._provisioned: dict[PoolKey, IdlePool] = {}
        self._evictable: OrderedDict[int, Sandbox] = OrderedDict()

    def add(self, sandbox: Sandbox) -> None:
        """Adds a sandbox that came to rest."""
        pools = self._provisioned if sandbox.provisioned else self._on_demand
        pool = sandbox.pool
        if pool not in pools:
            pools[pool] = idle_pool(self._order)
        pools[pool].add(sandbox)
        if not sandbox.provisioned:
            self._evictable[sandbox.id] = sandbox

    def remove(self, sandbox: Sandbox) -> None:
        """Removes a sandbox that is idle no more, though no request took that sandbox."""
        if sandbox.provisioned:
            self._provisioned[sandbox.pool].remove(sandbox)
        else:
            self._on_demand[sandbox.pool].remove(sandbox)
            del self._evictable[sandbox.id]

    def pick_provisioned(self, pool: PoolKey) -> Sandbox | None:
        """Takes the next sandbox of provisioned concurrency; None where none is idle."""
        sandboxes = self._provisioned.get(pool)
        return sandboxes.pick() if sandboxes is not None else None

    def pick(self, pool: PoolKey) -> Sandbox | None:
        """Takes the next sandbox that serves on demand; None where none is idle."""
        sandboxes = self._on_demand.get(pool)
        sandbox = sandboxes.pick() if sandboxes is not None else None
        if sandbox is not None:
            del self._evictable[sandbox.id]
        return sandbox

    def has(self, pool: PoolKey) -> bool:
        """Returns whether any sandbox of a pool is idle, provisioned or not."""
        return bool(self._on_demand.get(pool) or self._provisioned.get(pool))

    def count(self, pool: PoolKey) -> int:
        """Returns how many sandboxes of a pool are idle that serve on demand."""
        return len(self._on_demand.get(pool, ()))

    def evictable(self) -> Collection[Sandbox]:
        """Returns the sandboxes that may be evicted, the longest idle first."""
        return self._evictable.values()

    def is_evictable(self, sandbox: Sandbox) -> bool:
        """Returns whether a sandbox may be evicted."""
        return sandbox.id in self._evictable

    def forget(self, pool: PoolKey) -> None:
        """Forgets a pool that has no sandbox."""
        self._on_demand.pop(pool, None)

    def check(self, idle: set[int]) -> None:
        """Raises AssertionError where others are kept than the sandboxes that are idle."""
        pools = (*self._on_demand.values(), *self._provisioned.values())
        assert sum(map(len, pools)) == len(idle), "a pool holds a sandbox that is not idle"
        assert set(self._evictable) <= idle, "a sandbox that is not idle may be evicted"


def victims(order: Iterable[Sandbox], missing_mb: int) -> list[Sandbox]:
    """Returns the first sandboxes that free enough memory; none where all are too few."""
    chosen: list[Sandbox] = []
    for sandbox in order:
        chosen.append(sandbox)
        missing_mb -= sandbox.footprint.charge_mb
        if missing_mb <= 0:
            return chosen
    return []
