"""Predicts the cold starts of long runs of single requests, under several rules of idleness.

A run's own arrivals are given to the scheduler; how long a request takes is drawn from the *other*
runs. Every rule was written down, with its reason, before the runs were compared.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.lifetimes import AGES
from emulator.core.messages.commands import Dispatch
from emulator.core.messages.events import InvokeRequested, VersionDeployed
from emulator.core.model import FunctionVersion, StartKind
from emulator.core.policies.function_activity import FunctionActivity
from emulator.core.policies.interface import PolicyChoice
from emulator.core.policies.pool_halving import PoolHalving
from emulator.core.policy import FixedKeepAlive, RecycleAge, SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.experiments.validation.figures import Comparison, Prediction
from emulator.sim.behaviour import Behaviour
from emulator.sim.distributions import Measured
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.experiments.validation.datasets import LongRun
    from emulator.sim.workload import Stimulus

_MEMORY_MB = 128
_WANTED_EACH = 0.15
_WANTED_SUM = 0.05
_WANTED_SANDBOXES = 0.03

AGE_2020 = AGES["aws-2020"].recycle_age


@dataclass(frozen=True, slots=True)
class IdleRule:
    """Holds one rule of who stays idle for how long, and why that rule is tried."""

    name: str
    reason: str
    settings: SchedulerSettings


def _settings(policy: PolicyChoice | None, age: RecycleAge | None) -> SchedulerSettings:
    return SchedulerSettings(
        keep_alive=FixedKeepAlive(600.0),
        policy=policy,
        recycle_age=age,
        host_memory_mb=10**9,
        start_width=10**6,
    )


RULES = (
    IdleRule(
        "function activity",
        "as the runs themselves show (emulator/core/policies/function_activity.py has the gaps): "
        "the rule of this project",
        _settings(PolicyChoice("function-activity", FunctionActivity), AGE_2020),
    ),
    IdleRule(
        "fixed 600 s",
        "what SimFaaS and most simulators assume of Lambda",
        _settings(None, None),
    ),
    IdleRule(
        "pool halving",
        "what SeBS measured in the same year, on functions that were left alone",
        _settings(PolicyChoice("pool-halving", PoolHalving), AGE_2020),
    ),
)


@dataclass(frozen=True, slots=True)
class RulePrediction:
    """Holds what one rule predicts of every run, and of all runs together."""

    rule: IdleRule
    cold_starts: tuple[Comparison, ...]
    """One figure a run, and their sum as the last."""
    sandboxes: tuple[Comparison, ...]
    """Mean number of sandboxes between their first and their last use, one figure a run."""


def predict_cold_starts(runs: Sequence[LongRun], seeds: int) -> list[RulePrediction]:
    """Predicts every run under every rule, `seeds` times each."""
    return [_rule_prediction(rule, runs, seeds) for rule in RULES]


def _rule_prediction(rule: IdleRule, runs: Sequence[LongRun], seeds: int) -> RulePrediction:
    simulated = [
        [_simulated(rule.settings, run, _service(runs, run, seed), seed) for seed in range(seeds)]
        for run in runs
    ]
    cold = [
        Comparison(
            run.name,
            Prediction.of_runs([each.cold for each in figures]),
            run.cold,
            wanted=_WANTED_EACH,
        )
        for run, figures in zip(runs, simulated, strict=True)
    ]
    sums = [sum(figures[seed].cold for figures in simulated) for seed in range(seeds)]
    cold.append(
        Comparison(
            "all runs", Prediction.of_runs(sums), sum(run.cold for run in runs), wanted=_WANTED_SUM
        )
    )
    sandboxes = [
        Comparison(
            run.name,
            Prediction.of_runs([each.mean_sandboxes for each in figures]),
            _mean_in_use([(r.at, r.at + r.client, r.sandbox) for r in run.requests]),
            wanted=_WANTED_SANDBOXES,
        )
        for run, figures in zip(runs, simulated, strict=True)
    ]
    return RulePrediction(rule, tuple(cold), tuple(sandboxes))


@dataclass(frozen=True, slots=True)
class _Simulated:
    cold: int
    mean_sandboxes: float


def _service(runs: Sequence[LongRun], without: LongRun, seed: int) -> ServiceModel:
    others = [request for run in runs if run is not without for request in run.requests]
    warm = tuple(request.client for request in others if not request.cold)
    cold = tuple(request.client for request in others if request.cold)
    # where the others know one kind alone, both kinds take as long as that
    return ServiceModel(seed, Behaviour(warm=Measured(warm or cold), cold=Measured(cold or warm)))


def _simulated(
    settings: SchedulerSettings, run: LongRun, service: ServiceModel, seed: int
) -> _Simulated:
    function = FunctionVersion("f", _MEMORY_MB, 900.0)
    simulation = Simulation(Scheduler(settings, random.Random(seed)), service)  # noqa: S311  # lifetimes are no secret
    sent = [request.at for request in run.requests]
    cold, uses = 0, []
    for entry in simulation.run(_stimuli(function, sent), until=sent[-1]):
        for command in entry.commands:
            if isinstance(command, Dispatch):
                # the first request finds no sandbox here; on AWS that was chance
                cold += command.start is StartKind.COLD and command.invocation != "0"
                uses.append((sent[int(command.invocation)], entry.at, command.sandbox))
    return _Simulated(cold, _mean_in_use(uses))


def _stimuli(function: FunctionVersion, sent: Sequence[float]) -> Iterator[Stimulus]:
    yield 0.0, VersionDeployed(function)
    for number, at in enumerate(sent):
        yield at, InvokeRequested(str(number), function.key)


def _mean_in_use(uses: Sequence[tuple[float, float, int]]) -> float:
    """Returns the mean number of sandboxes between first and last use; nobody sees the rest."""
    spans: dict[int, tuple[float, float]] = {}
    for began, ended, sandbox in uses:
        first, last = spans.get(sandbox, (began, ended))
        spans[sandbox] = (first, max(last, ended))
    whole = max(ended for _, ended, _ in uses) - uses[0][0]
    return sum(last - first for first, last in spans.values()) / whole
