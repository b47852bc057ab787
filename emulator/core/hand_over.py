"""Keeps the requests that wait for a sandbox which has answered and will soon be free.

A caller has its answer a moment before the runtime asks for `next`. Were the caller's next request
to find the sandbox still busy in that moment, that request would start another sandbox, which no
client of AWS sees, since the way from the answer to the next request is longer there.

Only the bookkeeping stands here; the scheduler decides who waits, for how long, and what follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds, VersionKey


class HandOvers:
    """Counts, for each version, the sandboxes that are free soon and the requests that wait."""

    def __init__(self) -> None:
        self._free_soon: dict[VersionKey, dict[int, Seconds]] = {}
        """Time until which a sandbox is counted on, by version and sandbox."""
        self._waiting: dict[VersionKey, dict[str, Seconds]] = {}
        """Time until which a request waits at most, by version and request, the oldest first."""
        self._versions: dict[str, VersionKey] = {}
        """Version that a request is for, by request."""

    # sandboxes

    def expect(self, key: VersionKey, sandbox: int, until: Seconds) -> None:
        """Counts on a sandbox to come free by `until`."""
        sandboxes = self._free_soon.get(key)
        if sandboxes is None:
            sandboxes = self._free_soon[key] = {}
        sandboxes[sandbox] = until

    def give_up_on(self, key: VersionKey, sandbox: int) -> bool:
        """Ends the counting on a sandbox; returns whether anybody counted on that sandbox."""
        sandboxes = self._free_soon.get(key)
        return sandboxes is not None and sandboxes.pop(sandbox, None) is not None

    def expected(self, key: VersionKey) -> list[int]:
        """Returns the sandboxes that were counted on and neither came free nor failed since."""
        return list(self._free_soon.get(key, ()))

    def free_soon(self, key: VersionKey, now: Seconds) -> int:
        """Returns how many sandboxes are counted on now."""
        sandboxes = self._free_soon.get(key)
        if not sandboxes:
            return 0
        return len([until for until in sandboxes.values() if until > now])

    # requests

    def wait(self, key: VersionKey, invocation: str, latest: Seconds) -> None:
        """Lets a request wait behind the earlier ones, until `latest` at the most."""
        self._waiting.setdefault(key, {})[invocation] = latest
        self._versions[invocation] = key

    def waiting(self, key: VersionKey) -> int:
        """Returns how many requests for a version wait."""
        return len(self._waiting.get(key, ()))

    def version_of(self, invocation: str) -> VersionKey:
        """Returns the version that a waiting request is for."""
        return self._versions[invocation]

    def latest(self, invocation: str) -> Seconds:
        """Returns until when a request waits at the most."""
        return self._waiting[self._versions[invocation]][invocation]

    def take(self, key: VersionKey) -> str | None:
        """Takes the request that has waited for longest; None where none waits."""
        waiting = self._waiting.get(key)
        if not waiting:
            return None
        invocation = next(iter(waiting))
        self.remove(invocation)
        return invocation

    def remove(self, invocation: str) -> None:
        """Ends the waiting of a request."""
        del self._waiting[self._versions.pop(invocation)][invocation]

    def forget(self, key: VersionKey) -> None:
        """Counts on no sandbox of a retired version any more; no request for that may wait."""
        self._free_soon.pop(key, None)
        self._waiting.pop(key, None)
