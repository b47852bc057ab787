"""Reads a study's plan from a TOML file.

    name = "small"
    template = "../functions/template.yaml"      # relative to the plan, as all paths

    [axes]                                       # every combination is a cell
    function = ["kdd99-numpy"]
    memory_mb = [256, 1024]

    [[scenario]]                                 # and every combination runs under each of these
    kind = "ramp"

A plan is refused with all of its faults at once, each with its place. This module owns how they
are all found, the contradictions in what is right among them.
"""

from __future__ import annotations

import copy
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from emulator.errors import SettingsError, reason_of
from emulator.experiments.plan.checks import contradictions
from emulator.experiments.plan.faults import PlanFaults, path_in
from emulator.experiments.plan.model import Plan
from emulator.experiments.plan.template import StudyTemplate
from emulator.experiments.plan.values import PlanSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails


def load(
    path: Path,
    *,
    backends: Sequence[str] = (),
    dilation: Sequence[int | str] = (),
    can_drop_caches: bool = True,
) -> Plan:
    """Reads and checks a plan.

    Args:
        path: the TOML file.
        backends: in place of the plan's axis.
        dilation: in place of the plan's and of its scenarios'.
        can_drop_caches: whether this process may empty the page cache.

    Raises:
        SettingsError: the plan has faults; the message has a line for each.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {reason_of(error)}.") from error
    faults = PlanFaults(raw)
    source = PlanSource(path, text, raw)
    plan = validated(source, list(backends), faults, list(dilation))
    template = _template(plan, faults)
    for place, message in contradictions(plan, template, can_drop_caches=can_drop_caches):
        faults.add(place, message)
    if faults:
        raise SettingsError(
            f"{path} is refused:\n" + "\n".join(f"  {line}" for line in faults.lines(text))
        )
    return plan


def _template(plan: Plan, faults: PlanFaults) -> StudyTemplate | None:
    try:
        return StudyTemplate(plan.template)
    except SettingsError as error:
        if not faults.concern("template"):  # else another file was tried than the plan names
            faults.add("template", str(error))
        return None


def validated(
    source: PlanSource,
    backends: list[str],
    faults: PlanFaults,
    dilation: Sequence[int | str] = (),
) -> Plan:
    """Returns the plan without what is wrong in it, and adds that to the faults.

    So the rest can be checked too: whether all of it goes together.
    """
    rest = copy.deepcopy(source.raw)
    if backends and isinstance(rest.setdefault("axes", {}), dict):
        rest["axes"]["backend"] = list(dict.fromkeys(backends))
    if isinstance(rest.get("network"), str):  # the name of a path stands for the table
        rest["network"] = {"path": rest["network"]}
    if dilation:
        rest["dilation"] = list(dilation)
        for scenario in _tables(rest.get("scenario")):
            scenario.pop("dilation", None)
    while True:
        rest.setdefault("name", source.path.stem)
        try:
            return Plan.model_validate(rest, context=source)
        except ValidationError as found:
            errors = found.errors(include_url=False)
            for error in errors:
                faults.add_error(error)
            # from the last to the first: what is taken out of a list moves what comes after it
            for error in reversed(errors):
                _take_out(rest, error)


def _tables(value: Any) -> list[dict[str, Any]]:
    """Returns the tables of a list; a plan may have anything in the place of one."""
    return [table for table in value if isinstance(table, dict)] if isinstance(value, list) else []


def _take_out(rest: dict[str, Any], error: ErrorDetails) -> None:
    """Takes a faulty value out of the plan; a scenario that lacks a key is taken out whole."""
    path = path_in(rest, error["loc"])
    scenarios = rest.get("scenario")
    if path[0] == "scenario" and len(path) > 1 and isinstance(scenarios, list):
        number = int(path[1])
        if len(path) == 2 or error["type"] == "missing" or scenarios[number] is None:  # noqa: PLR2004
            scenarios[number] = None
            return
    tables: list[Any] = [rest]
    for part in path[:-1]:
        tables.append(tables[-1][part])
    del tables[-1][path[-1]]
    if tables[-1] == [] and len(path) > 1:
        del tables[-2][path[-2]]  # an empty list would be a fault of its own
