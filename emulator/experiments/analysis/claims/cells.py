"""Finds a run's cells that a claim is tested with, or says why no cell can tell.

Backends are never mixed. Where a run has several conditions, a claim is put to the condition that
is most like the study's: the study's profile, the code in the package, the profile's own idle
lifetimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.experiments.analysis.cell_stats import CellStats, cell_stats
from emulator.experiments.analysis.intervals import Estimate, mean_estimate, percentile_estimate
from emulator.experiments.analysis.requests import (
    cold_latencies,
    latencies,
    user_requests,
    warm_latencies,
)
from emulator.experiments.records.study import CellStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

PYTHON = "kdd99-tf"
"""Name of the function that serves the study's Python model."""
JAVA = "java"
"""Part of the name of the function that serves the model from Java."""
STUDY_PROFILE = AWS_2018.name
STUDY_PRICES = AWS_2018.prices.name
"""Name of the price table by which the study reckoned."""


class UntestableError(Exception):
    """Means that no cell of the run can tell; the message is the sentence that says why."""


@dataclass(frozen=True, slots=True)
class CellPool:
    """Holds all repetitions of one cell together."""

    memory_mb: int
    rows: tuple[RequestRow, ...]
    stats: tuple[CellStats, ...]
    """Figures of each repetition."""

    @property
    def hits(self) -> float:
        """Requests a second, mean of the repetitions."""
        rates = [figures.hits_mean or 0.0 for figures in self.stats]
        return sum(rates) / len(rates)

    @property
    def latencies(self) -> list[float]:
        return latencies(self.rows)

    @property
    def mean(self) -> Estimate:
        return mean_estimate(self.latencies)

    @property
    def mean_ms(self) -> float:
        """Mean latency. Raises UntestableError where no request was answered."""
        mean = self.mean.value
        if mean is None:
            raise self._unanswered()
        return mean

    @property
    def max_ms(self) -> float:
        """Slowest latency. Raises UntestableError where no request was answered."""
        if not self.latencies:
            raise self._unanswered()
        return max(self.latencies)

    def _unanswered(self) -> UntestableError:
        return UntestableError(f"No request was answered at {self.memory_mb} MB.")

    @property
    def cold(self) -> list[float]:
        """Latencies of cold starts."""
        return cold_latencies(self.rows)

    @property
    def cold_median(self) -> Estimate:
        return percentile_estimate(self.cold, 50)

    @property
    def warm_median(self) -> Estimate:
        return percentile_estimate(warm_latencies(self.rows), 50)

    @property
    def dollars(self) -> float:
        """Cost under the study's prices, mean of the repetitions."""
        return sum(figures.costs[STUDY_PRICES].total for figures in self.stats) / len(self.stats)


class ClaimCells:
    """Serves the cells of one backend; raises UntestableError where no cell can tell."""

    def __init__(self, study: StudyRun, backend: str) -> None:
        self.study = study
        self._rows = study.rows
        self._cells = [cell for cell in study.cells if cell.condition.backend == backend]

    def functions(self, part: str) -> list[str]:
        """Returns the functions under load whose name contains `part`, in the plan's order."""
        names = [
            cell.condition.function
            for cell in self._cells
            if part in cell.condition.function and not cell.idles
        ]
        return list(dict.fromkeys(names))

    def under_load(self, part: str, memory_mb: int) -> CellPool:
        """Returns the cell under load of the function whose name contains `part`."""
        return self._pool(self.condition(part), memory_mb)

    def undisturbed(self, part: str, memory_mb: int) -> CellPool:
        """Returns a cell under load in which the host slowed no request.

        Claims about slowest or cold answers need it: a few slowed requests decide them.
        """
        pool = self.under_load(part, memory_mb)
        slowed = [stats.cell for stats in pool.stats if stats.cell.host_remark]
        if slowed:
            raise UntestableError(f"{_ids(slowed)}: {slowed[0].host_remark}.")
        return pool

    def condition(self, part: str) -> Condition:
        """Returns the condition under load that is most like the study's."""
        found = [
            cell.condition
            for cell in self._cells
            if part in cell.condition.function and not cell.idles
        ]
        if not found:
            raise UntestableError(f"No cell ran a function named {part} under load.")
        return min(found, key=_distance_from_study)

    def sizes(self, part: str) -> list[int]:
        """Returns the memory sizes in MB that the plan has of a function, the smallest first."""
        condition = self.condition(part)
        return sorted({cell.memory_mb for cell in self._cells if cell.condition == condition})

    def ramps(self) -> list[CellPool]:
        """Returns each ramp of users, of all functions and sizes, without host-bound cells."""
        cells = [
            cell
            for cell in self._cells
            if cell.condition.scenario == "ramp" and cell.id in self._rows and not cell.host_bound
        ]
        if not cells:
            raise UntestableError(self._why_no_cell("a ramp of users", "ramp"))
        return [self._single(cell) for cell in cells]

    def idle(self) -> list[tuple[MeasuredCell, tuple[RequestRow, ...]]]:
        """Returns the cells of single requests whose lifetimes are the profile's, not a setting's.

        They are of one profile, the study's where it ran.
        """
        found = [cell for cell in self._cells if cell.condition.scenario == "idle"]
        if not found:
            raise UntestableError(self._why_no_cell("single requests far apart", "idle"))
        own = [cell for cell in found if cell.condition.keep_alive == "profile"]
        if not own:
            raise UntestableError("All idle cells ran with a keep-alive that the plan set.")
        known = [cell for cell in own if cell.id in self._rows]
        if not known:
            raise UntestableError(f"No idle cell finished: {_states(own)}.")
        profile = min((cell.condition.profile for cell in known), key=_is_other_profile)
        return [(cell, self._rows[cell.id]) for cell in known if cell.condition.profile == profile]

    def _why_no_cell(self, description: str, scenario: str) -> str:
        planned = [cell for cell in self._cells if cell.condition.scenario == scenario]
        bound = [cell for cell in planned if cell.host_bound]
        if bound:
            return f"{_ids(bound)}: {bound[0].host_bound}."
        return f"{_states(planned)}." if planned else f"No cell had {description}."

    def _pool(self, condition: Condition, memory_mb: int) -> CellPool:
        cells = [
            cell
            for cell in self._cells
            if cell.condition == condition and cell.memory_mb == memory_mb
        ]
        if not cells:
            raise UntestableError(f"No cell ran {condition.function} at {memory_mb} MB.")
        bound = [cell for cell in cells if cell.host_bound]
        if bound:
            raise UntestableError(f"{_ids(bound)} was host-bound: {bound[0].host_bound}.")
        known = [cell for cell in cells if cell.id in self._rows]
        if not known:
            raise UntestableError(f"{_states(cells)}.")
        return _together(memory_mb, [self._single(cell) for cell in known])

    def _single(self, cell: MeasuredCell) -> CellPool:
        rows = self._rows[cell.id]
        return CellPool(cell.memory_mb, tuple(user_requests(rows)), (cell_stats(cell, rows),))


def _together(memory_mb: int, pools: Iterable[CellPool]) -> CellPool:
    pools = list(pools)
    return CellPool(
        memory_mb,
        tuple(row for pool in pools for row in pool.rows),
        tuple(figures for pool in pools for figures in pool.stats),
    )


def _is_other_profile(profile: str) -> bool:
    return profile != STUDY_PROFILE


def _distance_from_study(condition: Condition) -> tuple[bool, bool, bool, bool, float]:
    return (
        _is_other_profile(condition.profile),
        condition.scenario != "ramp",
        condition.loading not in ("", "package"),
        condition.keep_alive != "profile",
        condition.dilation or 1,
    )


def _ids(cells: Sequence[MeasuredCell]) -> str:
    return ", ".join(cell.id for cell in cells)


def _states(cells: Sequence[MeasuredCell]) -> str:
    """Writes `a is failed, b is pending`; a finished cell without rows is `without requests`."""
    return ", ".join(
        f"{cell.id} is {'without requests' if cell.status is CellStatus.DONE else cell.status}"
        for cell in cells
    )
