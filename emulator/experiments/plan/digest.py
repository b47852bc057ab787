"""Makes digests of planned cells: two cells of one digest are the same measurement.

Owns what makes a cell another one: its condition, its load, its chance, and what its function's
template says. A comment or the order of a plan's cells does not.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from emulator.experiments.plan.cells import policy_label
from emulator.experiments.plan.model import PlannedFunction
from emulator.experiments.plan.template import StudyTemplate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.plan.model import Plan

_DIGITS = 16


def digests(plan: Plan, cells: Sequence[PlannedCell]) -> dict[str, str]:
    """Returns the digest of each cell, by the cell's id.

    Raises:
        SettingsError: the plan's template cannot be read.
    """
    template = StudyTemplate(plan.template)
    return {cell.id: _digest(plan, template, cell) for cell in cells}


def _load(cell: PlannedCell) -> dict[str, Any]:
    """Returns what tells a load from others; a synchronous one as before there were events."""
    left_out = {"repetitions", "least_repetitions"}
    if not cell.asynchronous:
        left_out |= {"asynchronous"}
    return cell.load.model_dump(mode="json", exclude=left_out)


def _digest(plan: Plan, template: StudyTemplate, cell: PlannedCell) -> str:
    name = cell.condition.function
    function = plan.functions.get(name, PlannedFunction())
    condition = asdict(cell.condition) | {"policy": policy_label(cell.condition.policy)}
    del condition["invocation"]  # the load tells it
    told = {
        "id": cell.id,
        "condition": condition,
        "memory_mb": cell.memory_mb,
        "dilation": cell.dilation,
        "load": _load(cell),
        "seed": cell.seed,
        "variables": dict(cell.variables),
        "init_cpu": str(cell.init_cpu),
        "init_timeout": plan.init_timeout,
        "host_memory": plan.host_memory,
        "path": function.path,
        "files": [path.name for path in (function.payload, function.model) if path],
        "template": template.text_of(name),
    }
    if function.reserved_concurrency is not None:
        told["reserved_concurrency"] = function.reserved_concurrency
    text = json.dumps(told, sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:_DIGITS]
