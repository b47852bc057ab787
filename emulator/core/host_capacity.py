"""What this host has room for: the memory of all sandboxes, and the queue of those that start.

`committed` is the memory of all sandboxes that are not stopping, `held` that of all that have been
started and are not gone. A new sandbox needs room in `committed` to be decided on, and room in
`held` to start: it waits, in order, for those that are being evicted for it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Sandbox


class HostRoom:
    """At most `memory_mb` for all, and `start_width` in creation or init at once."""

    def __init__(self, memory_mb: int, start_width: int) -> None:
        self._memory_mb = memory_mb
        self._start_width = start_width
        self._queued: deque[Sandbox] = deque()
        self._starting = 0
        self.held_mb = 0
        self.committed_mb = 0

    def missing_mb(self, memory_mb: int) -> int:
        """How much must be given up for one more of this size; not above 0 where it fits."""
        return self.committed_mb + memory_mb - self._memory_mb

    def enqueue(self, sandbox: Sandbox) -> None:
        self.committed_mb += sandbox.function.memory_mb
        self._queued.append(sandbox)

    def dequeue(self, sandbox: Sandbox) -> None:
        """It is not wanted any more, and was not started."""
        self._queued.remove(sandbox)
        self.committed_mb -= sandbox.function.memory_mb

    def next_to_start(self) -> Sandbox | None:
        """Takes the first that waits, if it may start now."""
        if not self._queued or self._starting >= self._start_width:
            return None
        memory_mb = self._queued[0].function.memory_mb
        if self.held_mb + memory_mb > self._memory_mb:
            return None
        self._starting += 1
        self.held_mb += memory_mb
        return self._queued.popleft()

    def start_is_over(self) -> None:
        self._starting -= 1

    def stops(self, sandbox: Sandbox) -> None:
        self.committed_mb -= sandbox.function.memory_mb

    def gone(self, sandbox: Sandbox) -> None:
        self.held_mb -= sandbox.function.memory_mb
