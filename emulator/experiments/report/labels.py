"""Names the cells and conditions of a report by what tells them apart, and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.lifetimes import LIFETIMES
from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.completeness import is_incomplete
from emulator.experiments.plan.cells import policy_label
from emulator.experiments.plan.scenarios import Invocation
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.study import StudyRun

_AXES: Mapping[str, Callable[[Condition], str]] = {
    "loading": lambda condition: condition.loading,
    "profile": lambda condition: condition.profile,
    "backend": lambda condition: condition.backend,
    "scenario": lambda condition: condition.scenario,
    "pick_order": lambda condition: condition.pick_order,
    "keep_alive": lambda condition: _keep_alive(condition.keep_alive),
    "policy": lambda condition: f"policy {policy_label(condition.policy)}",
    "dilation": lambda condition: (
        "dilation auto" if condition.dilation is None else f"dilation {condition.dilation:g}"
    ),
    "without": lambda condition: f"without {condition.without}" if condition.without else "",
    "page_cache": lambda condition: (
        f"page cache {condition.page_cache}" if condition.page_cache else ""
    ),
    "network": lambda condition: f"network {condition.network}",
    "invocation": lambda condition: (
        "events" if condition.invocation is Invocation.EVENT else "requests"
    ),
}
"""Axes that a name may contain, and how each is written."""


def _keep_alive(value: str) -> str:
    if value == PROFILE_KEEP_ALIVE:
        return "keep-alive of the profile"
    return f"keep-alive {value}" if value in LIFETIMES else f"keep-alive {value} s"


def cell_names(study: StudyRun) -> dict[str, str]:
    """Returns a name for each cell's id; host-bound and incomplete cells carry their marks."""
    cells = study.cells
    differing = _differing_values([cell.condition for cell in cells])
    repeated = len({cell.repetition for cell in cells}) > 1
    return {
        cell.id: marked(
            _joined(
                cell.condition.function,
                formatting.memory(cell.memory_mb) if cell.memory_mb else "",
                differing[cell.condition],
                f"#{cell.repetition}" if repeated else "",
            ),
            host_bound=bool(cell.host_bound),
            incomplete=is_incomplete(study, cell),
        )
        for cell in cells
    }


def condition_names(conditions: Sequence[Condition]) -> dict[Condition, str]:
    """Returns a name for each condition: its function, and what tells it from the others."""
    differing = _differing_values(conditions)
    return {
        condition: _joined(condition.function, differing[condition]) for condition in conditions
    }


def marked(name: str, *, host_bound: bool, incomplete: bool) -> str:
    """Adds the marks of a host-bound cell and of one whose records miss something."""
    return _joined(
        name,
        formatting.HOST_BOUND if host_bound else "",
        formatting.INCOMPLETE if incomplete else "",
    )


def _differing_values(conditions: Sequence[Condition]) -> dict[Condition, str]:
    """Returns the values of the axes in which the conditions differ, joined by commas."""
    differing = [
        write
        for axis, write in _AXES.items()
        if len({getattr(condition, axis) for condition in conditions}) > 1
    ]
    return {
        condition: ", ".join(value for write in differing if (value := write(condition)))
        for condition in conditions
    }


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
