"""Fits how a handler's calls go through the periods of a CPU quota, and predicts them at any size.

A call works for c seconds of a CPU and then waits for w. What the records tell of a call, whatever
its size, is the time in which it was not held back:

    c + w = seconds - throttled + periods * quota * (1 - 1/D)

where D is the dilation: on a dilated machine a burst is D times too short, and the answer waits
for that, but not for bursts that ended with the quota used up (live/sandbox/dilation.py). The more
of it is work, the more periods a call is held back in: w is the one under which calls of rested
sandboxes take as long, on average, at the sizes that were measured.

A period begins anywhere in a call: the kernel moves the timer of an idle group by whole periods
(`start_cfs_bandwidth`, kernel/sched/fair.c). Nothing here is fitted to the size that is predicted.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emulator.sim.cpu_share import CfsShare, QuotaClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.policy import Chance

_DRAWS = 400
"""Simulated calls from which a mean is taken while w is sought."""
_QUANTILES = 1001
_STEPS = 25
"""Values of w that are tried, evenly from nothing to what nearly every call is awake."""
_NEARLY_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class HandlerCall:
    """Holds what the records tell of one handler call, in emulated seconds."""

    seconds: float
    throttled: float
    periods: int
    rested: bool
    """Whether its sandbox did nothing for a period before."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Holds how a machine holds back a sandbox of one size; its own seconds, not emulated ones."""

    hz: ClassVar[int] = 250
    """The kernel's CONFIG_HZ where a run does not tell."""

    dilation: float = 1.0
    period: float = 0.02
    quota: float = 0.02
    tick: float = 1 / 250

    def clock(self, chance: Chance) -> QuotaClock:
        """Returns a sandbox's clock, of which period and tick begin anywhere."""
        share = CfsShare(self.period, self.tick, aligned=False)
        return QuotaClock(
            share, self.quota, chance.random() * self.tick, chance.random() * self.period
        )

    def awake(self, call: HandlerCall) -> float:
        """Returns the emulated seconds for which a call works and waits (the law above)."""
        burst = call.periods * self.quota * (1 - 1 / self.dilation)
        return max(0.0, call.seconds - call.throttled + burst)


def run_call(
    clock: QuotaClock, machine: Machine, at: float, work: float, wait: float
) -> tuple[float, float]:
    """Lets a sandbox work and then wait; returns the emulated seconds of both and of being held.

    `at` is the emulated time at which the call begins, `work` and `wait` emulated seconds.
    """
    begun = at * machine.dilation
    clock.rest(begun)
    begun = clock.now  # a sandbox that owes a period begins when that is over
    held, periods = clock.held, clock.periods
    clock.work(work)
    clock.rest(clock.now + wait * machine.dilation)
    burst = min(max(0.0, work - (clock.periods - periods) * machine.quota), machine.quota)
    lag = burst * (1 - 1 / machine.dilation)
    seconds = clock.now / machine.dilation - at + lag
    return max(0.0, seconds), max(0.0, (clock.held - held) / machine.dilation)


@dataclass(frozen=True, slots=True)
class QuotaLaw:
    """Holds both parts of a handler's calls, in emulated seconds."""

    awake: tuple[float, ...]
    """Quantiles of work and wait together, equally spaced."""
    wait: float
    error: float
    """Greatest share by which the law misses a mean at a size that it was fitted to."""

    def parts(self, chance: float) -> tuple[float, float]:
        """Returns work and wait of the call at a quantile: only work differs from call to call."""
        knots = len(self.awake) - 1
        place = chance * knots
        below = min(int(place), max(0, knots - 1))
        above = min(below + 1, knots)
        seconds = self.awake[below] + (self.awake[above] - self.awake[below]) * (place - below)
        wait = min(self.wait, seconds)
        return seconds - wait, wait

    def times(self, machine: Machine, count: int, seed: int = 1) -> list[tuple[float, float]]:
        """Returns seconds and held seconds of calls of rested sandboxes, drawn evenly."""
        chance = random.Random(seed)  # noqa: S311  # no secret
        return [
            run_call(machine.clock(chance), machine, 0.0, *self.parts((place + 0.5) / count))
            for place in range(count)
        ]


def fit_quota(measured: Mapping[Machine, Sequence[HandlerCall]]) -> QuotaLaw | None:
    """Fits the law to calls of one or more sizes; None where no call came to a rested sandbox."""
    rested = {
        machine: [call for call in calls if call.rested] for machine, calls in measured.items()
    }
    rested = {machine: calls for machine, calls in rested.items() if calls}
    if not rested:
        return None
    awake = np.array([m.awake(call) for m, calls in rested.items() for call in calls])
    knots = min(len(awake), _QUANTILES)
    found = tuple(float(value) for value in np.quantile(awake, np.linspace(0, 1, knots)))
    most = float(np.quantile(awake, _NEARLY_LEAST))
    tried = [_judged(QuotaLaw(found, wait, 0.0), rested) for wait in np.linspace(0, most, _STEPS)]
    return min(tried, key=lambda one: one[0])[1]


def _judged(
    law: QuotaLaw, rested: Mapping[Machine, Sequence[HandlerCall]]
) -> tuple[float, QuotaLaw]:
    """Returns the squared error of means, weighed by the calls, and the law with its error."""
    squares, worst = 0.0, 0.0
    for machine, calls in rested.items():
        mean = fmean(call.seconds for call in calls)
        off = fmean(seconds for seconds, _ in law.times(machine, _DRAWS)) / mean - 1
        squares += len(calls) * off * off
        worst = max(worst, abs(off))
    return squares, QuotaLaw(law.awake, float(law.wait), worst)
