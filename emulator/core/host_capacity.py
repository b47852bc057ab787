"""Keeps account of the host's memory and of the queue of sandboxes that wait to start.

`committed` is the memory of all sandboxes that are not stopping, `held` the memory of all that
have been started and are not gone. A new sandbox needs room in `committed` to be decided on, and
room in `held` to start: it waits, in order, for sandboxes that are being evicted to make room.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from emulator.core.model import SandboxState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import Sandbox


class HostCapacity:
    """Allows `memory_mb` for all sandboxes, and `start_width` in creation or init at once."""

    def __init__(self, memory_mb: int, start_width: int) -> None:
        self._memory_mb = memory_mb
        self._start_width = start_width
        self._queued: deque[Sandbox] = deque()
        self._starting = 0
        self.held_mb = 0
        self.committed_mb = 0

    def missing_mb(self, memory_mb: int) -> int:
        """Returns how many MB must be freed for one more sandbox; not above 0 where it fits."""
        return self.committed_mb + memory_mb - self._memory_mb

    def enqueue(self, sandbox: Sandbox) -> None:
        """Commits a new sandbox's memory and puts the sandbox at the end of the queue."""
        self.committed_mb += sandbox.function.memory_mb
        self._queued.append(sandbox)

    def dequeue(self, sandbox: Sandbox) -> None:
        """Takes a sandbox that nobody wants any more out of the queue."""
        self._queued.remove(sandbox)
        self.committed_mb -= sandbox.function.memory_mb

    def next_to_start(self) -> Sandbox | None:
        """Takes the first sandbox of the queue if it may start now; else None."""
        if not self._queued or self._starting >= self._start_width:
            return None
        memory_mb = self._queued[0].function.memory_mb
        if self.held_mb + memory_mb > self._memory_mb:
            return None
        self._starting += 1
        self.held_mb += memory_mb
        return self._queued.popleft()

    def start_is_over(self) -> None:
        """Frees a place among the sandboxes that start."""
        self._starting -= 1

    def stops(self, sandbox: Sandbox) -> None:
        """Gives up the committed memory of a sandbox, which holds it until gone."""
        self.committed_mb -= sandbox.function.memory_mb

    def gone(self, sandbox: Sandbox) -> None:
        """Frees the memory that a sandbox held."""
        self.held_mb -= sandbox.function.memory_mb

    def check(self, sandboxes: Iterable[Sandbox]) -> None:
        """Raises AssertionError where the account does not agree with the sandboxes."""
        held = committed = starting = queued = 0
        for sandbox in sandboxes:
            memory_mb = sandbox.function.memory_mb
            held += memory_mb * (sandbox.state is not SandboxState.QUEUED)
            committed += memory_mb * (sandbox.state is not SandboxState.STOPPING)
            starting += sandbox.state is SandboxState.STARTING
            queued += sandbox.state is SandboxState.QUEUED
        assert self.held_mb == held <= self._memory_mb, f"{self.held_mb} MB held, not {held}"
        same = self.committed_mb == committed <= self._memory_mb
        assert same, f"{self.committed_mb} MB committed, not {committed}"
        assert self._starting == starting <= self._start_width, f"{starting} sandboxes start"
        assert len(self._queued) == queued, f"{queued} sandboxes are queued"
