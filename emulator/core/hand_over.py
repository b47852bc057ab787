"""Keeps the requests that wait for a sandbox which has answered and will soon be free.

A caller has its answer a moment before the runtime asks for `next`. Were the caller's next request
to find the sandbox still busy in that moment, that request would start another sandbox, which no
client of AWS sees, since the way from the answer to the next request is longer there.

Only the bookkeeping stands here; the scheduler decides who waits, for how long, and what follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import PoolKey, Seconds, VersionKey


class HandOvers:
    """Counts, for each pool, the sandboxes that are free soon and the requests that wait."""

    def __init__(self) -> None:
        self._free_soon: dict[PoolKey, dict[int, Seconds]] = {}
        """Time until which a sandbox is counted on, by pool and sandbox."""
        self._waiting: dict[PoolKey, dict[str, Seconds]] = {}
        """Time until which a request waits at most, by pool and request, the oldest first."""
        self.requests: dict[str, PoolKey] = {}
        """Pool that a request is for, by request that waits, the oldest first; others only look."""
        self.outnumbered: list[PoolKey] = []
        """Pools whose waiting requests may outnumber the sandboxes that they count on; others only
        look."""

    # sandboxes

    def expect(self, pool: PoolKey, sandbox: int, until: Seconds) -> None:
        """Counts on a sandbox to come free by `until`."""
        sandboxes = self._free_soon.get(pool)
        if sandboxes is None:
            sandboxes = self._free_soon[pool] = {}
        sandboxes[sandbox] = until

    def give_up_on(self, pool: PoolKey, sandbox: int) -> None:
        """Ends the counting on a sandbox to come free soon."""
        sandboxes = self._free_soon.get(pool)
        if (
            sandboxes is not None
            and sandboxes.pop(sandbox, None) is not None
            and self._waiting.get(pool)
        ):
            self.outnumbered.append(pool)

    def take_outnumbered(self) -> PoolKey | None:
        """Takes the pool that was first to lose a sandbox; None where none is left."""
        return self.outnumbered.pop(0) if self.outnumbered else None

    def expected(self, pool: PoolKey) -> list[int]:
        """Returns the sandboxes that were counted on and neither came free nor failed since."""
        return list(self._free_soon.get(pool, ()))

    def free_soon(self, pool: PoolKey, now: Seconds) -> int:
        """Returns how many sandboxes are counted on now."""
        sandboxes = self._free_soon.get(pool)
        if not sandboxes:
            return 0
        return len([until for until in sandboxes.values() if until > now])

    # requests

    def wait(self, pool: PoolKey, invocation: str, latest: Seconds) -> None:
        """Lets a request wait behind the earlier ones, until `latest` at the most."""
        self._waiting.setdefault(pool, {})[invocation] = latest
        self.requests[invocation] = pool

    def waiting(self, pool: PoolKey) -> int:
        """Returns how many requests for a pool wait."""
        return len(self._waiting.get(pool, ()))

    def pool_of(self, invocation: str) -> PoolKey:
        """Returns the pool of sandboxes that a waiting request is for."""
        return self.requests[invocation]

    def waiting_for(self, version: VersionKey) -> list[str]:
        """Returns the requests that wait for any pool of a version, the oldest first."""
        return [each for each, pool in self.requests.items() if pool.version_key == version]

    def pools(self) -> list[PoolKey]:
        """Returns the pools for which a sandbox was counted on, or for which a request waits."""
        return [*self._free_soon, *self._waiting]

    def latest(self, invocation: str) -> Seconds:
        """Returns until when a request waits at the most."""
        return self._waiting[self.requests[invocation]][invocation]

    def take(self, pool: PoolKey) -> str | None:
        """Takes the request that has waited for longest; None where none waits."""
        waiting = self._waiting.get(pool)
        if not waiting:
            return None
        invocation = next(iter(waiting))
        self.remove(invocation)
        return invocation

    def remove(self, invocation: str) -> None:
        """Ends the waiting of a request."""
        del self._waiting[self.requests.pop(invocation)][invocation]

    def forget(self, pool: PoolKey) -> None:
        """Counts on no sandbox of a pool any more; no request for the pool may wait."""
        self._free_soon.pop(pool, None)
        self._waiting.pop(pool, None)
