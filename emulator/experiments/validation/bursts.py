"""Predicts bursts: how many sandboxes serve, how many of them are cold, and what clients wait.

The scheduler decides which requests are cold, from the bursts that came before. How long a cold or
a warm request waits beyond its handler is drawn from the *other* bursts of the data, never from
the burst that is predicted.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.messages.commands import Dispatch
from emulator.core.messages.events import InvokeRequested, VersionDeployed
from emulator.core.model import FunctionVersion, StartKind
from emulator.core.policy import FixedKeepAlive, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.experiments.validation.figures import Comparison, Prediction, quantile
from emulator.sim.behaviour import Behaviour
from emulator.sim.distributions import Constant, Measured
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.experiments.validation.datasets import Burst
    from emulator.sim.workload import Stimulus

COLD_AFTER = 0.17
"""Seconds before the handler that tell a cold request from a warm one. Nothing lies between .13 and
.23 s but single requests: warm ones wait for .06 to .1 s, cold ones for a quarter of a second."""
_PAUSE = 60.0
"""Seconds between two bursts of a series, which the data does not tell. Any pause between the
handler's time and the shortest idle lifetime gives the same prediction."""
_INIT = 0.2
_WANTED = 0.10
_SHARES = (0.1, 0.5, 0.9)
_WARM_SUFFIX = "_warm"


@dataclass(frozen=True, slots=True)
class BurstPrediction:
    """Holds one burst's figures beside AWS's, and both distributions of overhead in seconds."""

    burst: Burst
    comparisons: tuple[Comparison, ...]
    predicted_overheads: tuple[float, ...]
    """Sorted; of all seeds together."""
    measured_overheads: tuple[float, ...]
    """Sorted."""


@dataclass(frozen=True, slots=True)
class _Served:
    sandboxes: int
    cold: int
    overheads: tuple[float, ...]


def predict_bursts(bursts: Sequence[Burst], seeds: int) -> list[BurstPrediction]:
    """Predicts each burst from the others; a burst whose kind of start no other has is left out."""
    return [
        _prediction(burst, bursts, seeds)
        for burst in bursts
        if all(_overheads(bursts, burst, cold=cold) for cold in (False, True))
    ]


def earlier_sizes(burst: Burst, bursts: Sequence[Burst]) -> tuple[int, ...]:
    """Returns the sizes of the bursts that the same function met before, as the names tell.

    A burst of a kind that ends in `_warm` is the second of its size; the others of a kind rise.
    """
    if burst.kind.endswith(_WARM_SUFFIX):
        return (burst.size,)
    return tuple(sorted(b.size for b in bursts if b.kind == burst.kind and b.size < burst.size))


def _prediction(burst: Burst, bursts: Sequence[Burst], seeds: int) -> BurstPrediction:
    runs = [_served(burst, bursts, seed) for seed in range(seeds)]
    measured = tuple(sorted(shot.overhead for shot in burst.shots))
    cold = sum(shot.before_handler > COLD_AFTER for shot in burst.shots)
    comparisons = [
        Comparison(
            "sandboxes",
            Prediction.of_runs([run.sandboxes for run in runs]),
            burst.sandboxes,
            wanted=_WANTED,
        ),
        Comparison("cold requests", Prediction.of_runs([run.cold for run in runs]), cold),
    ]
    comparisons += [
        Comparison(
            f"overhead, p{share * 100:.0f}",
            Prediction.of_runs([quantile(run.overheads, share) for run in runs]),
            quantile(measured, share),
            "s",
            _WANTED,
        )
        for share in _SHARES
    ]
    together = tuple(sorted(value for run in runs for value in run.overheads))
    return BurstPrediction(burst, tuple(comparisons), together, measured)


def _served(burst: Burst, bursts: Sequence[Burst], seed: int) -> _Served:
    handlers = Measured(_handlers(bursts, burst))
    function = FunctionVersion("burst", burst.shots[0].memory_mb, 900.0)
    service = ServiceModel(seed, Behaviour(warm=handlers, init=Constant(_INIT)))
    settings = SchedulerSettings(
        keep_alive=FixedKeepAlive(600.0), host_memory_mb=10**9, start_width=10**6
    )
    simulation = Simulation(Scheduler(settings, random.Random(seed)), service)  # noqa: S311  # lifetimes are no secret
    chance = random.Random(f"overhead:{seed}")  # noqa: S311  # nor are overheads
    pools = {cold: _overheads(bursts, burst, cold=cold) for cold in (False, True)}
    sandboxes, cold, overheads = set(), 0, []
    for entry in simulation.run(_stimuli(function, burst, earlier_sizes(burst, bursts))):
        for command in entry.commands:
            if isinstance(command, Dispatch) and command.invocation.startswith("this:"):
                sandboxes.add(command.sandbox)
                is_cold = command.start is StartKind.COLD
                cold += is_cold
                overheads.append(chance.choice(pools[is_cold]))
    return _Served(len(sandboxes), cold, tuple(sorted(overheads)))


def _stimuli(
    function: FunctionVersion, burst: Burst, earlier: tuple[int, ...]
) -> Iterator[Stimulus]:
    yield 0.0, VersionDeployed(function)
    for round_, size in enumerate(earlier):
        for number in range(size):
            yield round_ * _PAUSE, InvokeRequested(f"earlier:{round_}:{number}", function.key)
    begin = len(earlier) * _PAUSE
    for number, shot in enumerate(burst.shots):
        yield begin + shot.sent, InvokeRequested(f"this:{number}", function.key)


def _handlers(bursts: Sequence[Burst], without: Burst) -> tuple[float, ...]:
    function = without.kind.removesuffix(_WARM_SUFFIX)
    return tuple(
        shot.handler
        for burst in bursts
        if burst is not without and burst.kind.removesuffix(_WARM_SUFFIX) == function
        for shot in burst.shots
    )


def _overheads(bursts: Sequence[Burst], without: Burst, *, cold: bool) -> tuple[float, ...]:
    return tuple(
        shot.overhead
        for burst in bursts
        if burst is not without
        for shot in burst.shots
        if (shot.before_handler > COLD_AFTER) is cold
    )
