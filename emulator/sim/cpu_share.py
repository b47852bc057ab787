"""Predicts how long work takes on a share of a CPU, in the two ways that Lambda was seen to share.

Knows no function and no scheduler: seconds of CPU go in, seconds of the wall clock come out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.policy import Chance

_NONE_LEFT = 1e-12
"""Seconds below which work counts as done: sums of floating-point numbers are not exact."""
_KEPT = 0.001
"""Seconds that an idle CPU keeps of its slice (`min_cfs_rq_runtime`)."""


class CpuShare(Protocol):
    """Turns seconds of CPU into seconds of the wall clock."""

    def wall_time(self, cpu: Seconds, vcpus: float, chance: Chance) -> Seconds:
        """Returns how long `cpu` seconds of single-threaded work take on a share of `vcpus`."""
        ...


@dataclass(frozen=True, slots=True)
class ProportionalShare:
    """Runs work evenly, at the speed of its share; faster than one vCPU nothing runs."""

    def wall_time(self, cpu: Seconds, vcpus: float, chance: Chance) -> Seconds:  # noqa: ARG002  # the other's signature
        """Returns the work divided by the share."""
        return cpu / min(1.0, vcpus)


@dataclass(frozen=True, slots=True)
class CfsShare:
    """Runs work as Linux's CFS bandwidth control does: in bursts, and then throttled.

    A group may use `quota` of each period. The kernel hands quota out in slices, and finds only at
    a timer tick that a slice is used up; what was used beyond the quota is owed to the next period.
    Source: Linux, `kernel/sched/fair.c` (`__assign_cfs_rq_runtime`, `distribute_cfs_runtime`) and
    `Documentation/scheduler/sched-bwc.rst`.
    """

    period: Seconds = 0.020
    tick: Seconds = 0.004
    """Seconds between two ticks of the kernel's clock: 1 / CONFIG_HZ."""
    slice: Seconds = 0.005
    """`sched_cfs_bandwidth_slice_us`."""
    aligned: bool = True
    """Whether the first period begins with the work, as where the group was idle for a period
    before; else the work begins anywhere in a period, as where others keep the group awake."""

    def wall_time(self, cpu: Seconds, vcpus: float, chance: Chance) -> Seconds:
        """Returns the seconds until the work is done, which begins anywhere between two ticks."""
        if vcpus >= 1:
            return cpu
        next_tick = chance.random() * self.tick
        refill = self.period if self.aligned else chance.random() * self.period
        clock = QuotaClock(self, vcpus * self.period, next_tick, refill)
        clock.work(cpu)
        return clock.now


@dataclass(slots=True)
class QuotaClock:
    """Follows one sandbox's CPU quota from period to period; all times are the machine's seconds.

    Periods go on from call to call, and so do what is left of a quota and what is owed to the next:
    the kernel moves an idle group's timer by whole periods, whenever the group wakes again
    (`start_cfs_bandwidth`).
    """

    share: CfsShare
    quota: Seconds
    """CPU seconds of a period."""
    next_tick: Seconds
    refill: Seconds
    """Time at which the next period begins."""
    now: Seconds = 0.0
    left: Seconds = 0.0
    """CPU seconds of work that are still to be done."""
    runtime: Seconds = 0.0
    """Seconds that the CPU may still run; below zero what is owed."""
    pool: Seconds = 0.0
    """Seconds of the period's quota that no CPU has taken."""
    throttled: bool = False
    held: Seconds = 0.0
    """Seconds for which the quota was used up, until the periods that began anew."""
    periods: int = 0
    """Number of periods in which the quota was used up."""

    def __post_init__(self) -> None:
        self.pool = self.quota

    def work(self, cpu: Seconds) -> None:
        """Goes on to the time at which `cpu` seconds of work are done, which begin now."""
        self.left = cpu
        if not self.throttled:
            self._take_slice()
        while self.left > _NONE_LEFT:
            if self.throttled:
                self._wait_until(self.refill)
            else:
                self._run_until(min(self.next_tick, self.refill, self.now + self.left))
            self._pass_periods()

    def rest(self, moment: Seconds) -> None:
        """Goes on to a moment, and until the quota is there again; nothing works meanwhile.

        Whoever ends work with the quota used up is held back as it goes to sleep
        (`check_cfs_rq_runtime`), and gives back what it does not need
        (`__return_cfs_rq_runtime`).
        """
        if not self.throttled and self.runtime <= 0:
            self._take_slice()
            self._throttle_if_empty()
        elif self.runtime > _KEPT:
            self.pool += self.runtime - _KEPT
            self.runtime = _KEPT
        while self.throttled:
            self._wait_until(self.refill)
            self._pass_periods()
        self._wait_until(max(self.now, moment))
        self._pass_periods()

    def _run_until(self, moment: Seconds) -> None:
        self.left -= moment - self.now
        self.runtime -= moment - self.now
        self.now = moment
        if moment < self.next_tick:
            return
        self.next_tick += self.share.tick
        if self.runtime <= 0:
            self._take_slice()
            self._throttle_if_empty()

    def _throttle_if_empty(self) -> None:
        self.throttled = self.runtime <= 0
        if self.throttled:
            self.periods += 1
            self.held -= self.now

    def _wait_until(self, moment: Seconds) -> None:
        missed = math.floor((moment - self.next_tick) / self.share.tick) + 1
        self.next_tick += max(missed, 0) * self.share.tick
        self.now = moment

    def _pass_periods(self) -> None:
        while self.now >= self.refill:
            self._refill()
            self.refill += self.share.period

    def _refill(self) -> None:
        self.pool = self.quota
        if self.throttled:
            owed = min(self.pool, _NONE_LEFT - self.runtime)
            self.runtime += owed
            self.pool -= owed
            self.throttled = self.runtime <= 0
            if self.throttled:
                self.periods += 1
            else:
                self.held += self.refill

    def _take_slice(self) -> None:
        granted = min(self.pool, self.share.slice - self.runtime)
        self.runtime += granted
        self.pool -= granted
