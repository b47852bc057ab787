"""How a report names its cells: by what tells them apart, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.study import MeasuredCell

_AXES = ("loading", "profile", "backend", "scenario", "pick_order")


def cell_names(cells: Sequence[MeasuredCell]) -> dict[str, str]:
    """By id; a host-bound cell has its mark."""
    conditions = _described([cell.condition for cell in cells])
    repeated = len({cell.repetition for cell in cells}) > 1
    return {
        cell.id: " ".join(
            part
            for part in (
                cell.condition.function,
                formatting.memory(cell.memory_mb) if cell.memory_mb else "",
                conditions[cell.condition],
                f"#{cell.repetition}" if repeated else "",
                formatting.HOST_BOUND if cell.host_bound else "",
            )
            if part
        )
        for cell in cells
    }


def condition_names(conditions: Sequence[Condition]) -> dict[Condition, str]:
    described = _described(conditions)
    return {
        condition: " ".join(part for part in (condition.function, described[condition]) if part)
        for condition in conditions
    }


def _described(conditions: Sequence[Condition]) -> dict[Condition, str]:
    """The values of those axes in which they differ."""

    def varies(axis: str) -> bool:
        return len({getattr(condition, axis) for condition in conditions}) > 1

    named = [axis for axis in _AXES if varies(axis)]
    lives, dilated, caches = varies("keep_alive"), varies("dilation"), varies("page_cache")
    found = {}
    for condition in conditions:
        parts = [getattr(condition, axis) for axis in named]
        if lives:
            kept = condition.keep_alive
            parts.append(
                "keep-alive of the profile" if kept == "profile" else f"keep-alive {kept} s"
            )
        parts += [f"dilation {condition.dilation:g}"] if dilated else []
        parts += [f"page cache {condition.page_cache}"] if caches and condition.page_cache else []
        found[condition] = ", ".join(part for part in parts if part)
    return found
