"""Makes digests of planned cells: two cells of one digest are the same measurement.

Owns what makes a cell another one: its condition, its load, its chance, and what its function's
template says. A comment or the order of a plan's cells does not.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING

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


def _digest(plan: Plan, template: StudyTemplate, cell: PlannedCell) -> str:
    name = cell.condition.function
    function = plan.functions.get(name, PlannedFunction())
    told = {
        "id": cell.id,
        "condition": asdict(cell.condition) | {"policy": policy_label(cell.condition.policy)},
        "memory_mb": cell.memory_mb,
        "dilation": cell.dilation,
        "load": cell.load.model_dump(mode="json", exclude={"repetitions", "least_repetitions"}),
        "seed": cell.seed,
        "variables": dict(cell.variables),
        "init_cpu": str(cell.init_cpu),
        "init_timeout": plan.init_timeout,
        "host_memory": plan.host_memory,
        "path": function.path,
        "files": [path.name for path in (function.payload, function.model) if path],
        "template": template.text_of(name),
    }
    text = json.dumps(told, sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:_DIGITS]
