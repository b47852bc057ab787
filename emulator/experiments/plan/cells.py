"""Lists a plan's cells: every combination of its axes under every scenario, repeated.

Owns what a cell is before it is measured, and its name. A measured cell (records.study) is the
same `Cell` with what came of it. Repetitions are outermost, so that what drifts on the machine
meets all combinations alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from pathlib import PurePath
from typing import TYPE_CHECKING

from emulator.core.network_paths import NO_NETWORK
from emulator.core.policies.catalogue import LIFETIME
from emulator.core.policy import InitCpu
from emulator.core.profiles import PROFILES
from emulator.experiments.plan.dilation import demand, least_dilation
from emulator.experiments.plan.model import Axes, Base
from emulator.experiments.plan.scenarios import Invocation
from emulator.experiments.plan.values import AUTO
from emulator.host.machine import cpus as host_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.experiments.plan.model import Plan
    from emulator.experiments.plan.scenarios import Scenario

_NO_NAME = re.compile(r"[^A-Za-z0-9.-]+")
STARTS_AND_ENDS_WITHIN = 10.0
"""Seconds to expect of an emulator and Locust to start and end (4 to 8 measured on two cores);
a first deployment takes more."""


class Origin(StrEnum):
    """Says where a cell's figures come from; figures of two origins never share a series."""

    MEASURED = "measured"
    """Functions ran on a machine."""
    SIMULATED = "simulated"
    """The scheduler ran on virtual time, and the functions' times were drawn."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds what two cells have in common whose figures may stand in one series."""

    function: str
    loading: str
    profile: str
    backend: str
    keep_alive: str
    """Seconds, a name of LIFETIMES, or `profile`: the profile's survival curve."""
    pick_order: str
    scenario: str
    """The kind of load: a scenario's kind, or `requests` or `tune`."""
    dilation: float | None
    """How many times slower than life; None: each cell as its host needs (`Cell.dilation`)."""
    page_cache: str
    policy: str = LIFETIME
    """Who decides about idle sandboxes, as the plan has it."""
    network: str = NO_NETWORK
    """Name of what lies between the clients and the function."""
    without: str = ""
    """Name of the part that was taken away (`Part`), to show what that part makes."""
    origin: Origin = Origin.MEASURED
    invocation: Invocation = Invocation.REQUEST_RESPONSE
    """What the clients wait for."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Holds what tells one measurement of a study from the others."""

    id: str
    """Name of the cell and of its folder."""
    condition: Condition
    memory_mb: int
    repetition: int
    """Counted from 1."""
    idle_speedup: float
    """How many times faster idle time passes than in life."""
    chosen_dilation: float = 1
    """What the plan's `auto` came to; of no meaning where the condition has a dilation."""

    @property
    def asynchronous(self) -> bool:
        """Returns whether the cell's requests are events, whose clients wait for no function."""
        return self.condition.invocation is Invocation.EVENT

    @property
    def dilation(self) -> float:
        """How many times slower than life the cell runs."""
        chosen = self.condition.dilation
        return self.chosen_dilation if chosen is None else chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCell(Cell):
    """Holds a cell that is still to be run, with its load."""

    load: Scenario
    seed: int
    """Seed of the load's chance, the same for all cells of a repetition; the emulator's seed is
    made from it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the function besides its template's, or in their place."""
    init_cpu: InitCpu = InitCpu.BOOSTED

    @property
    def load_s(self) -> float:
        """Seconds of real time that the load is planned to take."""
        return self.load.seconds * self.dilation

    @property
    def expected_s(self) -> float:
        """Seconds of real time that the cell is planned to take."""
        return self.load_s + STARTS_AND_ENDS_WITHIN


def planned_cells(
    plan: Plan, cpus: int | None = None, origin: Origin = Origin.MEASURED
) -> list[PlannedCell]:
    """Returns all cells of a plan in the order in which they run.

    Simulated cells have no backend, so that the plan's axis of backends does not multiply them.

    Args:
        plan: the plan, checked.
        cpus: cores that `dilation = "auto"` reckons with; None: those of this machine.
        origin: whether the cells are to be measured or simulated.
    """
    axes = plan.axes
    if origin is Origin.SIMULATED:
        axes = axes.model_copy(update={"backend": (Origin.SIMULATED.value,)})
    return [
        cell
        for base in _cells(plan, axes, origin, cpus or host_cpus())
        for cell in _whole_and_ablated(base, plan)
    ]


def _whole_and_ablated(base: PlannedCell, plan: Plan) -> list[PlannedCell]:
    ablated = list(_ablated(base, plan))
    whole = plan.base is Base.RUN or (plan.base is Base.ABLATED and ablated)
    return [base, *ablated] if whole else ablated


def _ablated(base: PlannedCell, plan: Plan) -> Iterator[PlannedCell]:
    """Yields the cell again, without each part that the plan takes away from the cell."""
    condition = base.condition
    for ablation in plan.without:
        if ablation.concerns(condition.function, base.memory_mb, condition.scenario):
            part = str(ablation.part)
            yield replace(
                base,
                id=f"{base.id}-without-{part}",
                condition=replace(condition, **ablation.changes, without=part),
                variables=ablation.variables,
                init_cpu=ablation.init_cpu or base.init_cpu,
            )


_ALWAYS_NAMED = ("function", "memory_mb")
"""What the name of every cell begins with, varied or not."""


def _cells(plan: Plan, axes: Axes, origin: Origin, cpus: int) -> Iterator[PlannedCell]:
    names = list(Axes.model_fields)
    varied = [name for name in names if len(getattr(axes, name)) > 1]
    for repetition, network, page_cache, (dilation, scenario), *values in product(
        range(1, _most_repetitions(plan) + 1),
        plan.network.path,
        plan.page_cache,
        list(_dilated(plan)),
        *(getattr(axes, name) for name in names),
    ):
        chosen = {name: str(value) for name, value in zip(names, values, strict=True)}
        if repetition > (scenario.repetitions or plan.repetitions) or not scenario.concerns(
            chosen["function"], int(chosen["memory_mb"])
        ):
            continue
        varies = [_short(name, chosen[name]) for name in varied if name not in _ALWAYS_NAMED]
        dilations = scenario.dilation or plan.dilation
        parts = [
            *(chosen["function"], f"{chosen['memory_mb']}mb", *varies, scenario.label),
            *([f"dilation-{dilation or AUTO}"] if len(dilations) > 1 else []),
            *([f"cache-{page_cache}"] if len(plan.page_cache) > 1 else []),
            *([network.replace("/", "-")] if len(plan.network.path) > 1 else []),
            f"r{repetition}",
        ]
        memory_mb = int(chosen.pop("memory_mb"))
        yield PlannedCell(
            id="-".join(parts),
            condition=Condition(
                **chosen,
                scenario=scenario.kind,
                dilation=dilation,
                page_cache=page_cache,
                network=network,
                origin=origin,
                invocation=scenario.invocation,
            ),
            memory_mb=memory_mb,
            repetition=repetition,
            idle_speedup=scenario.idle_speedup,
            chosen_dilation=dilation or _chosen(scenario, chosen["profile"], memory_mb, cpus),
            load=scenario,
            seed=plan.seed + repetition - 1,
        )


def _dilated(plan: Plan) -> Iterator[tuple[int | None, Scenario]]:
    """Yields each scenario at each of its dilations, those of the plan outermost."""
    for place, dilation in enumerate(plan.dilation):
        for scenario in plan.scenarios:
            if not scenario.dilation:
                yield dilation, scenario
            elif place == 0:
                yield from ((own, scenario) for own in scenario.dilation)


def _most_repetitions(plan: Plan) -> int:
    return max(scenario.repetitions or plan.repetitions for scenario in plan.scenarios)


def _chosen(scenario: Scenario, profile: str, memory_mb: int, cpus: int) -> int:
    return least_dilation(demand(scenario, PROFILES[profile].vcpus(memory_mb)), cpus)


def _short(name: str, value: str) -> str:
    """Returns a value as a part of a folder's name."""
    if name == "policy":
        return _NO_NAME.sub("-", policy_label(value))
    return f"keep-{value}" if name == "keep_alive" else value


def policy_label(policy: str) -> str:
    """Returns a policy as the plan has it, without the folder of its file."""
    file, suffix, rest = policy.partition(".py:")
    return f"{PurePath(file).name}{suffix}{rest}"
