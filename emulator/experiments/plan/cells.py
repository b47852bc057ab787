"""A plan's cells: every combination of its axes under every scenario, as often as it is repeated.

Repetitions are outermost, so that what drifts on the machine meets all combinations alike.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import TYPE_CHECKING

from emulator.experiments.plan.model import Axes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.experiments.plan.model import Plan, Scenario

STARTS_AND_ENDS_WITHIN = 15.0
"""Seconds to expect of an emulator and Locust to start and end; a first deployment takes more."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One value of each axis."""

    function: str
    memory_mb: int
    loading: str
    profile: str
    backend: str
    keep_alive: str
    pick_order: str


@dataclass(frozen=True, slots=True)
class Cell:
    id: str
    """Also the name of its folder."""
    axes: Combination
    scenario: Scenario
    repetition: int
    """Counted from 1."""
    dilation: int
    page_cache: str
    seed: int
    """Of its load's chance, the same for all cells of a repetition; the emulator's comes of it."""

    @property
    def load_s(self) -> float:
        """Seconds of real time that its load is planned to take."""
        return self.scenario.seconds * self.dilation

    @property
    def expected_s(self) -> float:
        return self.load_s + STARTS_AND_ENDS_WITHIN


def cells(plan: Plan) -> list[Cell]:
    """All cells in the order in which they run."""
    return list(_cells(plan))


def _cells(plan: Plan) -> Iterator[Cell]:
    axes = plan.axes
    varied = [field.name for field in fields(Axes) if len(getattr(axes, field.name)) > 1]
    for repetition, *values in product(
        range(1, plan.repetitions + 1),
        plan.page_cache,
        plan.dilation,
        plan.scenarios,
        *(getattr(axes, field.name) for field in fields(Axes)),
    ):
        page_cache, dilation, scenario, *chosen = values
        combination = Combination(*chosen)
        parts = [combination.function, f"{combination.memory_mb}mb"]
        parts += [
            _short(name, value)
            for name, value in asdict(combination).items()
            if name in varied and name not in ("function", "memory_mb")
        ]
        parts.append(str(scenario.kind))
        parts += [f"dilation-{dilation}"] if len(plan.dilation) > 1 else []
        parts += [f"cache-{page_cache}"] if len(plan.page_cache) > 1 else []
        parts.append(f"r{repetition}")
        yield Cell(
            id="-".join(parts),
            axes=combination,
            scenario=scenario,
            repetition=repetition,
            dilation=dilation,
            page_cache=page_cache,
            seed=plan.seed + repetition - 1,
        )


def _short(name: str, value: object) -> str:
    return f"keep-{value}" if name == "keep_alive" else str(value)
