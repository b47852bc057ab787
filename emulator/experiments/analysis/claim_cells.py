"""What a study has to test a claim with: its cells of one backend, or why they cannot tell.

Backends are never mixed. Where a study has several conditions, the claims are put to the one that
is most like the study's: `aws-2018`, the code in the package, the profile's own idle lifetimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.experiments.analysis.cell_stats import (
    CellStats,
    cell_stats,
    cold,
    latencies,
    users_rows,
    warm,
)
from emulator.experiments.analysis.intervals import Estimate, mean_estimate, percentile_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

PYTHON = "kdd99-tf"
"""The function that serves the study's Python model."""
JAVA = "java"
"""In the name of the function that serves it from Java."""


class UntestableError(Exception):
    """The reason why no cell here can tell."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The repetitions of one cell, together."""

    memory_mb: int
    rows: tuple[RequestRow, ...]
    stats: tuple[CellStats, ...]

    @property
    def hits(self) -> float:
        """A second, mean of the repetitions."""
        rates = [figures.hits_mean or 0.0 for figures in self.stats]
        return sum(rates) / len(rates)

    @property
    def latencies(self) -> list[float]:
        return latencies(self.rows)

    @property
    def mean(self) -> Estimate:
        return mean_estimate(self.latencies)

    @property
    def max_ms(self) -> float:
        """Raises UntestableError where nothing was answered."""
        if not self.latencies:
            raise UntestableError(f"No request was answered at {self.memory_mb} MB.")
        return max(self.latencies)

    @property
    def cold(self) -> list[float]:
        return cold(self.rows)

    @property
    def cold_median(self) -> Estimate:
        return percentile_estimate(self.cold, 50)

    @property
    def warm_median(self) -> Estimate:
        return percentile_estimate(warm(self.rows), 50)

    @property
    def dollars(self) -> float:
        """Under the prices of 2018, mean of the repetitions."""
        return sum(figures.dollars_2018 for figures in self.stats) / len(self.stats)


class Evidence:
    """The cells of one backend. Each question raises UntestableError where there is no answer."""

    def __init__(self, study: StudyRun, backend: str) -> None:
        self.study = study
        self._rows = study.rows
        self._cells = [cell for cell in study.cells if cell.condition.backend == backend]
        self.backend = backend

    def functions(self, part: str, *, idle: bool = False) -> list[str]:
        """The names, in the plan's order, of the functions whose name has this in it."""
        names = [
            cell.condition.function
            for cell in self._cells
            if part in cell.condition.function and cell.idles is idle
        ]
        return list(dict.fromkeys(names))

    def under_load(self, part: str, memory_mb: int) -> Pool:
        """The cell of a function, named by a part of its name, at one memory size."""
        return self._pool(self.condition(part), memory_mb)

    def calm(self, part: str, memory_mb: int) -> Pool:
        """As `under_load`, for slowest and cold answers: not where the host slowed any of them."""
        pool = self.under_load(part, memory_mb)
        slowed = [stats.cell for stats in pool.stats if stats.cell.host_remark]
        if slowed:
            raise UntestableError(f"{_names(slowed)}: {slowed[0].host_remark}.")
        return pool

    def condition(self, part: str) -> Condition:
        """The one under load that is most like the study's."""
        return self._most_alike(part, [c for c in self._cells if not c.idles], "under load")

    def sizes(self, part: str) -> list[int]:
        """All memory sizes that the plan has of it, in their order."""
        condition = self.condition(part)
        return sorted({cell.memory_mb for cell in self._cells if cell.condition == condition})

    def ramps(self) -> list[Pool]:
        """Of all functions and sizes under load, each cell by itself; without host-bound ones."""
        cells = [
            cell
            for cell in self._cells
            if cell.condition.scenario == "ramp" and cell.id in self._rows and not cell.host_bound
        ]
        if not cells:
            raise UntestableError(self._why_none("a ramp of users", "ramp"))
        return [self._one(cell) for cell in cells]

    def idle(self) -> list[tuple[MeasuredCell, tuple[RequestRow, ...]]]:
        """The cells of single requests whose lifetimes are the profile's, not a setting's."""
        found = [cell for cell in self._cells if cell.condition.scenario == "idle"]
        if not found:
            raise UntestableError(self._why_none("single requests far apart", "idle"))
        own = [cell for cell in found if cell.condition.keep_alive == "profile"]
        if not own:
            raise UntestableError("All idle cells ran with a keep-alive that the plan set.")
        known = [cell for cell in own if cell.id in self._rows]
        if not known:
            raise UntestableError(f"No idle cell finished: {_states(own)}.")
        profile = min((cell.condition.profile for cell in known), key=_unlike_2018)
        return [(cell, self._rows[cell.id]) for cell in known if cell.condition.profile == profile]

    def _why_none(self, words: str, scenario: str) -> str:
        planned = [cell for cell in self._cells if cell.condition.scenario == scenario]
        bound = [cell for cell in planned if cell.host_bound]
        if bound:
            return f"{_names(bound)}: {bound[0].host_bound}."
        return f"{_states(planned)}." if planned else f"No cell had {words}."

    def _most_alike(self, part: str, cells: Sequence[MeasuredCell], words: str) -> Condition:
        found = [cell for cell in cells if part in cell.condition.function]
        if not found:
            raise UntestableError(f"No cell ran a function named {part} {words}.")
        return min((cell.condition for cell in found), key=_unlike)

    def _pool(self, condition: Condition, memory_mb: int) -> Pool:
        cells = [
            cell
            for cell in self._cells
            if cell.condition == condition and cell.memory_mb == memory_mb
        ]
        if not cells:
            raise UntestableError(f"No cell ran {condition.function} at {memory_mb} MB.")
        bound = [cell for cell in cells if cell.host_bound]
        if bound:
            raise UntestableError(f"{_names(bound)} was host-bound: {bound[0].host_bound}.")
        known = [cell for cell in cells if cell.id in self._rows]
        if not known:
            raise UntestableError(f"{_states(cells)}.")
        pools = [self._one(cell) for cell in known]
        return Pool(
            memory_mb,
            tuple(row for pool in pools for row in pool.rows),
            tuple(figures for pool in pools for figures in pool.stats),
        )

    def _one(self, cell: MeasuredCell) -> Pool:
        rows = self._rows[cell.id]
        return Pool(cell.memory_mb, tuple(users_rows(rows)), (cell_stats(cell, rows),))


def _unlike_2018(profile: str) -> bool:
    return profile != "aws-2018"


def _unlike(condition: Condition) -> tuple[bool, bool, bool, bool, float]:
    return (
        _unlike_2018(condition.profile),
        condition.scenario != "ramp",
        condition.loading not in ("", "package"),
        condition.keep_alive != "profile",
        condition.dilation,
    )


def _names(cells: Sequence[MeasuredCell]) -> str:
    return ", ".join(cell.id for cell in cells)


def _states(cells: Sequence[MeasuredCell]) -> str:
    """`a is failed, b is pending`; a finished cell without requests is called that."""
    return ", ".join(
        f"{cell.id} is {'without requests' if cell.status == 'done' else cell.status}"
        for cell in cells
    )
