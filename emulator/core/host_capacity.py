"""Keeps account of the host's memory and of the queue of sandboxes that wait to start.

`committed` is the memory of all sandboxes that are not stopping, `held` the memory of all that
have been started and are not gone. A new sandbox needs room in `committed` to be decided on, and
room in `held` to start: it waits, in order, for sandboxes that are being evicted to make room.

A sandbox counts with its function's memory size (`nominal`), or with what sandboxes of the same
deployment were seen to use (`actual`). A function that was never seen counts with a guess, since
counting its whole size would refuse most of a first burst on a small machine. What the kernel
calls available on the host is the bound behind both the guess and what was seen.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from emulator.core.kept_memory import READY_FORKS_MB, SNAPSHOT_OVERHEAD_MB
from emulator.core.model import Footprint, SandboxState
from emulator.core.policy import Admission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import FunctionVersion, PoolKey, Sandbox, Seconds, VersionKey

GUESS_MB = 256
"""MB of a sandbox before any of its deployment has run; the function's size at most.
An idle Python sandbox uses 10 MB, TensorFlow with a model 190 to 700 MB."""
GROWTH = 1.25
"""Factor by which the peak that was seen counts; `OVERHEAD_MB` come on top."""
OVERHEAD_MB = 32
"""MB beside the anonymous memory of a peak: page tables, page cache, the supervisor."""


def snapshot_charge_mb(function: FunctionVersion, admission: Admission) -> int:
    """Returns the MB of what is kept for a version's snapshot, the forks that stand ready too.

    A snapshot counts with its process's limit, or with what was seen of it where `actual` memory
    counts, else with the guess for a sandbox.
    """
    if admission is Admission.NOMINAL:
        return function.memory_mb + SNAPSHOT_OVERHEAD_MB + READY_FORKS_MB
    return (function.snapshot_mb or min(function.memory_mb, GUESS_MB)) + READY_FORKS_MB


class HostCapacity:
    """Allows `memory_mb` for all sandboxes, and `start_width` in creation or init at once.

    `reserve_mb` of the memory that the host has available are left to everything else.
    """

    def __init__(
        self,
        memory_mb: int,
        start_width: int,
        admission: Admission = Admission.NOMINAL,
        reserve_mb: int = 0,
    ) -> None:
        self._memory_mb = memory_mb
        self._start_width = start_width
        self._admission = admission
        self._reserve_mb = reserve_mb
        self._available_mb: int | None = None
        self._footprints: dict[VersionKey, Footprint] = {}
        self._snapshots: dict[VersionKey, int] = {}
        """MB of what is kept for versions with snapshots."""
        self._snapshots_mb = 0
        """MB of all that is kept for snapshots, as every event asks for the sum."""
        self.cells_mb = 0
        """MB of all stem cells; others only look."""
        self._cell_in_making_mb = 0
        self.queue: deque[Sandbox] = deque()
        """Sandboxes that wait to be started, the oldest first; others only look."""
        self.behind: deque[Sandbox] = deque()
        """Sandboxes that are started when the queue is empty, since no caller waits for them."""
        self._starting = 0
        self._stopping = 0
        self.held_mb = 0
        self.committed_mb = 0
        self._starting_mb = 0

    # what a sandbox counts with

    def footprint(self, function: FunctionVersion) -> Footprint:
        """Returns the account of a deployment's sandboxes."""
        known = self._footprints.get(function.key)
        if known is None or known.function is not function:
            charge = function.memory_mb
            if self._admission is Admission.ACTUAL:
                charge = min(charge, GUESS_MB)
            known = self._footprints[function.key] = Footprint(function, charge)
        return known

    def observe(self, sandbox: Sandbox, peak_mb: int) -> None:
        """Takes the peak memory of a sandbox; what its deployment counts with only grows."""
        footprint = sandbox.footprint
        if self._admission is Admission.NOMINAL or peak_mb <= 0:
            return
        charge = min(footprint.function.memory_mb, math.ceil(peak_mb * GROWTH) + OVERHEAD_MB)
        if footprint.known and charge <= footprint.charge_mb:
            return
        change, footprint.charge_mb, footprint.known = charge - footprint.charge_mb, charge, True
        self.committed_mb += change * footprint.committed
        self.held_mb += change * footprint.held
        self._starting_mb += change * footprint.starting

    def measured(self, available_mb: int) -> None:
        """Takes how much memory the host has available now."""
        self._available_mb = available_mb

    # what is no sandbox

    def deployed(self, function: FunctionVersion) -> None:
        """Takes a version, for whose snapshot processes are kept as long as the version exists."""
        self.retired(function.key)
        if function.snapshot:
            charge_mb = snapshot_charge_mb(function, self._admission)
            self._snapshots[function.key] = charge_mb
            self._snapshots_mb += charge_mb

    def retired(self, key: VersionKey) -> None:
        """Takes the end of a version, and of what is kept for it."""
        self._snapshots_mb -= self._snapshots.pop(key, 0)

    def keep_cells(self, all_mb: int, in_making_mb: int) -> None:
        """Takes the MB of all stem cells, and of the one among them that is being made."""
        self.cells_mb, self._cell_in_making_mb = all_mb, in_making_mb

    @property
    def _for_sandboxes_mb(self) -> int:
        return self._memory_mb - self._snapshots_mb - self.cells_mb

    # room

    def missing_mb(self, function: FunctionVersion) -> int:
        """Returns the MB to free for a new sandbox; not above 0 where the sandbox fits."""
        return self._excess_with(self.footprint(function).charge_mb)

    def excess_mb(self) -> int:
        """Returns the MB to free though nothing new comes; not above 0 where all is well."""
        return self._excess_with(0)

    def has_room_for(self, more_mb: int) -> bool:
        """Returns whether so many MB are left that nobody needs."""
        return self._excess_with(more_mb) <= 0

    def _excess_with(self, more_mb: int) -> int:
        excess = self.committed_mb + more_mb - self._for_sandboxes_mb
        if self._available_mb is None:
            return excess
        # what starts is not yet missing from what was measured
        starting_mb = self._starting_mb + self._cell_in_making_mb
        short = self._reserve_mb + starting_mb + more_mb - self._available_mb
        return max(excess, short)

    def commit(self, sandbox: Sandbox) -> None:
        """Commits a new sandbox's memory, whether or not the sandbox may start yet."""
        self._count(sandbox.footprint, committed=1, starting=1)

    def enqueue(self, sandbox: Sandbox) -> None:
        """Puts a sandbox whose code is there at the end of the queue."""
        self._queue_of(sandbox).append(sandbox)

    def put_behind(self, sandbox: Sandbox) -> None:
        """Lets a sandbox that has not started wait for all whose callers wait."""
        if sandbox.placed:
            self._queue_of(sandbox).remove(sandbox)
        sandbox.unhurried = True
        if sandbox.placed:
            self.enqueue(sandbox)

    def overdue(self, pool: PoolKey, since: Seconds) -> Sandbox | None:
        """Returns the first sandbox of a pool that was queued by a time, for a request."""
        for sandbox in self.queue:
            if sandbox.created_at + sandbox.download > since:
                return None
            if sandbox.pool == pool and sandbox.invocation is not None and not sandbox.retired:
                return sandbox
        return None

    def _queue_of(self, sandbox: Sandbox) -> deque[Sandbox]:
        return self.behind if sandbox.unhurried else self.queue

    def dequeue(self, sandbox: Sandbox) -> None:
        """Gives up a sandbox that has not started and that nobody wants any more."""
        if sandbox.placed:
            self._queue_of(sandbox).remove(sandbox)
        self._count(sandbox.footprint, committed=-1, starting=-1)

    def next_to_start(self) -> Sandbox | None:
        """Takes the first sandbox of the queue, if there is room to start that now; else None."""
        queue = self.queue or self.behind
        if not queue or self._starting >= self._start_width:
            return None
        footprint = queue[0].footprint
        # only memory that is being given up is waited for: what grew is not
        if self._stopping and self.held_mb + footprint.charge_mb > self._for_sandboxes_mb:
            return None
        self._starting += 1
        self._count(footprint, held=1)
        return queue.popleft()

    def is_calm(self) -> bool:
        """Returns whether no sandbox is in creation or init, nor waits for its turn."""
        return self._starting == 0 and not self.queue and not self.behind

    def start_is_over(self, sandbox: Sandbox) -> None:
        """Frees a place among the sandboxes that start."""
        self._starting -= 1
        self._count(sandbox.footprint, starting=-1)

    def stops(self, sandbox: Sandbox) -> None:
        """Gives up the committed memory of a sandbox, which holds it until gone."""
        self._stopping += 1
        self._count(sandbox.footprint, committed=-1)

    def gone(self, sandbox: Sandbox) -> None:
        """Frees the memory that a stopping sandbox held."""
        self._stopping -= 1
        self._count(sandbox.footprint, held=-1)

    def _count(
        self, footprint: Footprint, *, committed: int = 0, held: int = 0, starting: int = 0
    ) -> None:
        footprint.committed += committed
        footprint.held += held
        footprint.starting += starting
        self.committed_mb += committed * footprint.charge_mb
        self.held_mb += held * footprint.charge_mb
        self._starting_mb += starting * footprint.charge_mb

    def check(self, sandboxes: Iterable[Sandbox]) -> None:
        """Raises AssertionError where the account does not agree with the sandboxes."""
        held = committed = starting_mb = starting = queued = 0
        for sandbox in sandboxes:
            charge, state = sandbox.footprint.charge_mb, sandbox.state
            held += charge * (state is not SandboxState.QUEUED)
            committed += charge * (state is not SandboxState.STOPPING)
            starting_mb += charge * (state in (SandboxState.QUEUED, SandboxState.STARTING))
            starting += state is SandboxState.STARTING
            queued += state is SandboxState.QUEUED and sandbox.placed
        assert self._snapshots_mb == sum(self._snapshots.values()), "snapshots count otherwise"
        assert self.held_mb == held, f"{self.held_mb} MB held, not {held}"
        assert self.committed_mb == committed, f"{self.committed_mb} MB committed, not {committed}"
        assert self._starting_mb == starting_mb, f"{self._starting_mb} MB start, not {starting_mb}"
        assert self._starting == starting <= self._start_width, f"{starting} sandboxes start"
        assert len(self.queue) + len(self.behind) == queued, f"{queued} sandboxes are queued"
        if self._admission is Admission.NOMINAL:
            assert max(held, committed) <= self._memory_mb, "more memory is promised than allowed"
