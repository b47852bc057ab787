"""Finds what in a plan cannot go together, or with its template, its profiles or this machine.

Owns rules over several keys; what one value may be is the models' (model.py). Whether the template
is right is the emulator's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.lifetimes import LIFETIMES
from emulator.core.policies.catalogue import LIFETIME
from emulator.core.profiles import PROFILES
from emulator.experiments.plan.dilation import UnknownCrowdError, demand
from emulator.experiments.plan.events import events_faults
from emulator.experiments.plan.faults import MISSING
from emulator.experiments.plan.model import S3_LOADINGS, Axes, Base, Loading, PlannedFunction
from emulator.experiments.plan.scenarios import Constant, SingleRequests, ping_of
from emulator.experiments.plan.values import AUTO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.experiments.plan.model import Plan
    from emulator.experiments.plan.scenarios import Scenario
    from emulator.experiments.plan.template import StudyTemplate, TemplateFunction

MOST_DILATION = 50
"""The dilation at which a quota's period of 20 ms becomes a second, the kernel's longest."""

Fault = tuple[str, str]
"""A place in the plan, and what is wrong there."""


def contradictions(
    plan: Plan, template: StudyTemplate | None, *, can_drop_caches: bool
) -> Iterator[Fault]:
    """Yields every contradiction; `template` is None where it cannot be read."""
    yield from _absent(plan)
    yield from _repeated(plan)
    yield from _memory(plan)
    if template is not None:
        for name in plan.axes.function:
            yield from _function(plan, template, name)
    for name in plan.functions:
        if name not in plan.axes.function:
            yield f"functions.{name}", "is not on the axis of functions"
    yield from _policies(plan)
    yield from _scenarios(plan)
    yield from events_faults(plan)
    if "private" in plan.page_cache and not can_drop_caches:
        yield "page_cache", "private asks for root, who alone may mount"
    yield from _automatic_dilation(plan)
    yield from _without(plan)
    if "cold" in plan.page_cache:
        yield from _cold_cache(plan, can_drop_caches=can_drop_caches)
    yield from _dilation(plan)


def _dilation(plan: Plan) -> Iterator[Fault]:
    own = [
        (f"scenario {scenario.label}.dilation", scenario.dilation) for scenario in plan.scenarios
    ]
    for place, dilations in [("dilation", plan.dilation), *own]:
        for dilation in dilations:
            if dilation is not None and dilation > MOST_DILATION:
                yield place, f"{dilation} is above {MOST_DILATION}: no CPU period is so long"


def _automatic_dilation(plan: Plan) -> Iterator[Fault]:
    for scenario in plan.scenarios:
        if None not in (scenario.dilation or plan.dilation):
            continue
        try:
            demand(scenario, 1.0)
        except UnknownCrowdError as error:
            yield "dilation", f"auto cannot be reckoned: {scenario.label} {error}"


def _without(plan: Plan) -> Iterator[Fault]:
    for number, ablation in enumerate(plan.without, 1):
        place = f"without[{number}]"
        if ablation.part is None:
            yield f"{place}.part", MISSING
        if not (ablation.changes or ablation.variables or ablation.init_cpu):
            yield place, "changes nothing: network, loading, keep_alive, init_cpu or variables do"
        if not any(
            ablation.concerns(function, memory_mb, scenario.kind)
            for function in plan.axes.function
            for memory_mb in plan.axes.memory_mb
            for scenario in plan.scenarios
            if scenario.concerns(function, memory_mb)
        ):
            yield place, "concerns no cell of this plan"
    if plan.base is not Base.RUN and not plan.without:
        yield "base", f"{plan.base} leaves nothing to run where no [[without]] stands"


def _absent(plan: Plan) -> Iterator[Fault]:
    if "axes" not in plan.model_fields_set:
        yield "axes", MISSING
    else:
        for key in ("function", "memory_mb"):
            if not getattr(plan.axes, key):
                yield f"axes.{key}", MISSING
    if not plan.scenarios:
        yield "scenario", MISSING


def _repeated(plan: Plan) -> Iterator[Fault]:
    """Yields what stands twice: two cells would have the same name."""
    lists = {f"axes.{name}": getattr(plan.axes, name) for name in Axes.model_fields}
    lists |= {"dilation": plan.dilation, "page_cache": plan.page_cache}
    lists |= {f"scenario {s.label}.dilation": s.dilation for s in plan.scenarios}
    lists |= {"without.part": tuple(ablation.part for ablation in plan.without if ablation.part)}
    lists |= {"network.path": plan.network.path}
    lists |= {"scenario": tuple(scenario.label for scenario in plan.scenarios)}
    for place, values in lists.items():
        for value in dict.fromkeys(values):
            if values.count(value) > 1:
                yield place, f"{AUTO if value is None else value} stands twice"


def _memory(plan: Plan) -> Iterator[Fault]:
    for memory_mb in plan.axes.memory_mb:
        for name in plan.axes.profile:
            profile = PROFILES[name]
            least, most, step = (
                profile.least_memory_mb,
                profile.most_memory_mb,
                profile.memory_step_mb,
            )
            if not least <= memory_mb <= most or (memory_mb - least) % step:
                yield (
                    "axes.memory_mb",
                    f"{memory_mb} is no size of {name}: {least} to {most} MB in steps of {step}",
                )


def _function(plan: Plan, template: StudyTemplate, name: str) -> Iterator[Fault]:
    function = template.functions.get(name)
    if function is None:
        there = ", ".join(template.functions) or "no function"
        yield "axes.function", f"{name!r} is not in {plan.template.name}, which has {there}"
        return
    planned = plan.functions.get(name, PlannedFunction())
    for loading in plan.axes.loading:
        for message in _loading(loading, function, planned):
            yield "axes.loading", message


def _loading(
    loading: Loading, function: TemplateFunction, planned: PlannedFunction
) -> Iterator[str]:
    name = function.name
    if loading is not Loading.TEMPLATE and "MODEL_LOADING" not in function.variables:
        yield f"{name} cannot load its model by {loading}: it sets no MODEL_LOADING"
    if loading in S3_LOADINGS and planned.model is None:
        yield f"{loading} needs functions.{name}.model, the folder to upload"


def _policies(plan: Plan) -> Iterator[Fault]:
    for name in plan.axes.keep_alive:
        ruled = name in LIFETIMES and LIFETIMES[name].policy is not None
        if ruled and any(policy != LIFETIME for policy in plan.axes.policy):
            yield "axes.policy", f"has nothing to decide where keep_alive is {name}, a pool's rule"


def _scenarios(plan: Plan) -> Iterator[Fault]:
    for scenario in plan.scenarios:
        if ping_of(scenario) is not None and "0" in plan.axes.keep_alive:
            yield f"scenario {scenario.label}.ping", "keeps nothing warm where axes.keep_alive is 0"
        least, most = scenario.least_repetitions, scenario.repetitions or plan.repetitions
        if least is not None and least >= most:
            place = f"scenario {scenario.label}.least_repetitions"
            yield place, f"leaves nothing out: there are {most} repetitions"
        for key in ("function", "memory_mb"):
            axis = getattr(plan.axes, key)
            for value in getattr(scenario, key):
                if value not in axis:
                    yield f"scenario {scenario.label}.{key}", f"{value} is not on the axis"


def _cold_cache(plan: Plan, *, can_drop_caches: bool) -> Iterator[Fault]:
    if not can_drop_caches:
        yield "page_cache", "cold asks for root, who alone may write /proc/sys/vm/drop_caches"
    for scenario in plan.scenarios:
        if not _one_at_a_time(scenario):
            message = (
                "page_cache cold needs requests one at a time (idle, keep-warm, constant with "
                "one user): the caches are dropped before each"
            )
            yield f"scenario {scenario.label}", message


def _one_at_a_time(scenario: Scenario) -> bool:
    if isinstance(scenario, Constant):
        return scenario.users == (1,) and scenario.asynchronous is None
    return isinstance(scenario, SingleRequests)
