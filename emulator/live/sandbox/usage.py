"""What an invocation takes of its sandbox: memory, and time without CPU.

A look at a cgroup costs more than a warm invocation, so looks are spared where they could tell
nothing new.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.live.backends.interface import SandboxProcess
    from emulator.live.clock import LoopClock

_MEMORY_SAMPLE = 0.1
"""Seconds between two looks at a sandbox's memory."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Holds what an invocation took of its sandbox; zeros where the backend cannot tell."""

    max_memory_mb: int = 0
    """Peak anonymous memory of the sandbox so far."""
    throttled: Seconds = 0.0
    throttled_periods: int = 0


class UsageMeter:
    """Reads one sandbox's usage from its process.

    `quota_lasts` is the least time, in seconds, in which the CPU quota can be used up.
    """

    def __init__(self, clock: LoopClock, quota_lasts: Seconds) -> None:
        self._clock = clock
        self._quota_lasts = quota_lasts
        self._max_memory_mb = 0
        self._memory_seen_at = -math.inf
        self._throttled: tuple[int, Seconds] = (0, 0.0)
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

    def read(self, process: SandboxProcess, *, exact: bool = True) -> Usage:
        """Returns the usage of the present or the last invocation.

        Throttled time counts since the last call. If not exact, the memory may be as old as a
        sample, and throttled time that could hardly be is left to the next call.
        """
        now = self._clock.now()
        if exact or now - self._memory_seen_at > _MEMORY_SAMPLE:
            self._memory_seen_at = now
            self._max_memory_mb = max(self._max_memory_mb, process.max_memory_mb())
        if not exact and now - self._dispatched_at < self._quota_lasts:
            return Usage(self._max_memory_mb)
        periods_before, seconds_before = self._throttled
        periods, seconds = self._throttled = process.throttled()
        throttled = (seconds - seconds_before) / self._clock.dilation  # the kernel counts real time
        return Usage(self._max_memory_mb, throttled, periods - periods_before)
