"""Chooses how slowly a cell must run so that the host is not the bottleneck.

Owns the reckoning for `dilation = "auto"`, and its constants; pure, so that a plan's cells have
their dilation before any of them runs. Whether the host was the bottleneck all the same is judged
afterwards, from samples (host_monitor.py of the runner).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from emulator.core.policy import SchedulerSettings
from emulator.experiments.plan.scenarios import Constant, Ramp, SingleRequests, ping_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.experiments.plan.scenarios import Scenario

BOOST = 1.0
"""vCPUs that a sandbox has in its init at least, as on AWS (trust M: init time hardly depends on
memory there)."""
OWN_CPU_A_REQUEST = 0.0015
"""CPU seconds of emulator and Locust for a request (M: .85 and .53 ms measured on the 2-core
machine of this project, processes, 9 users)."""
SHORTEST_CYCLE = 0.01
"""Seconds from a user's request to the next where users do not pause (L: an echo's answer)."""
START_WIDTH = SchedulerSettings().start_width
"""Sandboxes that the emulator starts at once."""
TENSORFLOW_INIT = 1.9
"""CPU seconds of an init with TensorFlow at a full vCPU (M: 1.9 s measured on the 2-core machine of
this project: import, model and first prediction)."""
USABLE = 0.9
"""Share of the host's cores that may be planned with (L): from .95 on a core counts as full, and
kernel, container engine and the watch over the host take their part."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Holds what a load would take of a host that is as fast as Lambda, in cores."""

    sandboxes: float
    """Cores of all sandboxes together, at the moment when they take most."""
    own: float
    """Cores of the emulator and of the users it serves."""

    @property
    def cores(self) -> float:
        return self.sandboxes + self.own


class UnknownCrowdError(ValueError):
    """Means that a load does not tell how many requests are under way at once."""


def demand(load: Scenario, vcpus: float) -> Demand:
    """Returns the most that a load takes: users who are answered, and starts with a boosted init.

    Args:
        load: users at once, or single requests.
        vcpus: share of CPU that a sandbox has after its init.

    Raises:
        UnknownCrowdError: requests come at times of their own, and nobody knows how long each
            is under way.
    """
    steps = _crowd(load)
    most = max(
        after * vcpus + _starting(before, after) * (max(vcpus, BOOST) - vcpus)
        for before, after in pairwise((0, *steps))
    )
    ping = ping_of(load)
    pinged = ping.parallel * vcpus if ping else 0.0
    return Demand(most + pinged, max(steps) * OWN_CPU_A_REQUEST / _cycle(load))


def _crowd(load: Scenario) -> tuple[int, ...]:
    if load.asynchronous is not None:
        raise UnknownCrowdError("sends events, of which nobody knows how many run at once")
    match load:
        case Ramp() | Constant():
            return load.users
        case SingleRequests():
            return (1,)
        case _:
            raise UnknownCrowdError("tells no number of users to reckon with")


def _starting(before: int, after: int) -> int:
    """Returns how many sandboxes start at once when the users of a step come."""
    return max(0, min(after - before, START_WIDTH))


def _cycle(load: Scenario) -> float:
    """Returns the shortest time from a user's request to the next, in seconds."""
    return max(load.wait_s, SHORTEST_CYCLE) if isinstance(load, Ramp | Constant) else 1.0


def least_dilation(needed: Demand, cpus: int) -> int:
    """Returns the least dilation, a whole number, at which `cpus` cores do for the demand."""
    return max(1, math.ceil(needed.cores / (cpus * USABLE)))


def outlasts_a_step(init: float, loads: Iterable[Scenario]) -> bool:
    """Tells whether an init, in seconds, takes longer than a step of any of the ramps.

    The step's new users would then have no answer in the step, and nothing shows what memory buys.
    Dilation does not help: an init slows down with the ramp.
    """
    steps = [load.seconds / len(load.users) for load in loads if isinstance(load, Ramp)]
    return bool(steps) and init > min(steps)
