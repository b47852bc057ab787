"""Says what a plan and its template ask for asynchronous events, and what cannot be asked.

Owns which of the two is heeded: the plan, where it says anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.experiments.plan.model import PlannedFunction
from emulator.experiments.plan.scenarios import Constant, Ramp, SingleRequests, ping_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.asynchronous.rules import EventSettings
    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.plan.model import Plan
    from emulator.experiments.plan.template import TemplateFunction


def events_faults(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yields what is wrong with asynchronous scenarios: places in the plan, and sentences."""
    for scenario in plan.scenarios:
        if scenario.asynchronous is None:
            continue
        place = f"scenario {scenario.label}"
        if isinstance(scenario, SingleRequests):
            message = (
                "is not for single requests: their gaps count from a function's answers, and "
                "nobody waits for an event's (ramp, constant, poisson and trace may be of events)"
            )
            yield f"{place}.asynchronous", message
        if ping_of(scenario) is not None:
            yield f"{place}.ping", "cannot stand beside events: pings wait for answers"
        if isinstance(scenario, Ramp | Constant) and scenario.wait_s == 0:
            message = (
                "must be above 0 where requests are events: they are accepted at once, so that "
                "nothing else holds a user back"
            )
            yield f"{place}.wait_s", message


def reserved_concurrency(plan: Plan, function: TemplateFunction) -> int | None:
    """Returns the concurrency that is reserved for a function; None where none is."""
    planned = plan.functions.get(function.name, PlannedFunction()).reserved_concurrency
    return function.reserved_concurrency if planned is None else planned


def event_settings(plan: Plan, cell: PlannedCell, function: TemplateFunction) -> EventSettings:
    """Returns what a cell's function asks for its events."""
    asked, settings = cell.load.asynchronous, function.events
    if asked is not None and asked.retries is not None:
        settings = replace(settings, retry_attempts=asked.retries)
    if asked is not None and asked.max_age_s is not None:
        settings = replace(settings, longest_age=float(asked.max_age_s))
    return replace(settings, barred=reserved_concurrency(plan, function) == 0)
