"""Measures what an invocation takes of its sandbox: memory, reads from disk, time without CPU.

A look at a cgroup costs more than a warm invocation, so looks are spared where they could tell
nothing new.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from emulator.core.messages.measurements import JvmUse, MemoryUse
from emulator.host.cgroup_files import mebibytes

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.host.jvm_counters import JvmCounters
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.clock import LoopClock
    from emulator.live.sandbox.parts import SandboxParts

_MEMORY_SAMPLE = 0.1
"""Seconds between two looks at a sandbox's memory."""
_COUNTED_EXACTLY = 0.01
"""Seconds from which on an invocation has a look at the kernel's counters for itself: 10 us of CPU
are then a thousandth. For one of 0.1 ms they would be a tenth, and one read from a disk takes about
that long."""


class Usage(Struct, frozen=True, gc=False):
    """Holds what an invocation took of its sandbox; zeros where the backend cannot tell."""

    max_memory_mb: int = 0
    """Peak anonymous memory of the sandbox so far."""
    throttled: Seconds = 0.0
    throttled_periods: int = 0
    memory: MemoryUse | None = None
    """None where nobody looked, see `UsageMeter.read`."""


class UsageMeter:
    """Reads one sandbox's usage from its process, which is there when the sandbox is started.

    `quota_lasts` is the least time, in seconds, in which the CPU quota can be used up.
    """

    def __init__(self, clock: LoopClock, quota_lasts: Seconds, parts: SandboxParts) -> None:
        self._clock = clock
        self._quota_lasts = quota_lasts
        self._parts = parts
        self._max_memory_mb = 0
        self._memory_seen_at = -math.inf
        self._throttled: tuple[int, Seconds] = (0, 0.0)
        self._counted: MemoryCounters | None = None
        self._collected: JvmCounters | None = None
        self._dispatched_at: Seconds = 0.0

    def dispatched(self) -> None:
        """Begins an invocation."""
        self._dispatched_at = self._clock.now()

    def first_init_over(self, process: SandboxProcess) -> None:
        """Leaves out the throttled time of a first init, which is no part of an invocation."""
        self._throttled = process.throttled()

    def was_reset(self) -> None:
        """Looks at the memory again next time, whenever that is."""
        self._memory_seen_at = -math.inf

    def counters(self) -> MemoryCounters | None:
        """Returns what the kernel counts of the sandbox now; None where that is unknown."""
        process = self._parts.process
        return None if process is None else process.memory()

    def read(self, *, exact: bool = True) -> Usage:
        """Returns the usage of the present or the last invocation.

        Throttled time counts since the last call. If not exact, the memory may be as old as a
        sample, and throttled time that could hardly be is left to the next call; the counters of a
        short invocation are left to a later call, unless the memory is looked at anyway.
        """
        process = self._parts.process
        if process is None:
            return Usage()
        now = self._clock.now()
        took = now - self._dispatched_at
        look = exact or now - self._memory_seen_at > _MEMORY_SAMPLE
        if look:
            self._memory_seen_at = now
            self._max_memory_mb = max(self._max_memory_mb, process.max_memory_mb())
        memory = self._memory(process) if look or took >= _COUNTED_EXACTLY else None
        if not exact and took < self._quota_lasts:
            return Usage(self._max_memory_mb, memory=memory)
        periods_before, seconds_before = self._throttled
        periods, seconds = self._throttled = process.throttled()
        throttled = (seconds - seconds_before) / self._clock.dilation  # the kernel counts real time
        return Usage(self._max_memory_mb, throttled, periods - periods_before, memory)

    def _memory(self, process: SandboxProcess) -> MemoryUse | None:
        """Returns the sandbox's memory of this moment, and its faults since the last call."""
        now, before = process.memory(), self._counted
        if now is None:
            return None
        self._counted = now
        faults, refaults = now.major_faults, now.refaults
        if before is not None:
            faults -= before.major_faults
        if refaults is not None and before is not None:
            refaults -= before.refaults or 0
        jvm = self._jvm(process)
        return MemoryUse(mebibytes(now.anonymous), mebibytes(now.cache), faults, refaults, jvm)

    def _jvm(self, process: SandboxProcess) -> JvmUse | None:
        now, before = process.jvm(), self._collected
        self._collected = now
        if now is None:
            return None
        count, seconds = now.collections, now.collecting
        if before is not None and count >= before.collections:  # less: another JVM
            count, seconds = count - before.collections, seconds - before.collecting
        seconds /= self._clock.dilation  # the JVM counts real time
        return JvmUse(mebibytes(now.heap), mebibytes(now.metaspace), count, max(0.0, seconds))
