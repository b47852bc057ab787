"""Finds a run's cells that a claim is tested with, or says why no cell can tell.

Backends are never mixed. Where a run has several conditions, a claim is put to the condition that
is most like the study's: the study's profile, the code in the package, the profile's own idle
lifetimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from emulator.core.lifetimes import LIFETIMES
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.experiments.analysis.cell_stats import cell_stats
from emulator.experiments.analysis.claims.cell_pool import CellPool, UntestableError, together
from emulator.experiments.analysis.requests import (
    user_requests,
)
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE
from emulator.experiments.records.study import CellStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.experiments.plan.cells import Condition
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun


class Language(Enum):
    """Names the two languages that the study compared."""

    PYTHON = "Python"
    JAVA = "Java"


@dataclass(frozen=True, slots=True)
class Functions:
    """Holds the names of the two functions that stand for the study's, of one year."""

    year: str
    python: str
    java: str

    def name(self, language: Language) -> str:
        """Returns the name of the function in a language."""
        return self.python if language is Language.PYTHON else self.java

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.python, self.java})


OF_2018 = Functions("2018", "kdd99-python-2018", "kdd99-java-2018-unshared")
"""Functions written as of the study's year: TensorFlow 1.10, Java 8.

The study's Java function is not published. Of the two here, only the one that shares no classes
needs more class metadata than 256 MB of memory leave, and nothing else that was tested explains
17 s a request (functions/study-2018/README.md).
"""
OF_TODAY = Functions("today", "kdd99-tf", "kdd99-java")
PYTHON, JAVA = Language
_STUDY_LOADINGS = frozenset({"every-request", "s3-every-request"})
"""Loadings as the study's: the model is read anew for each request."""
STUDY_PROFILE = AWS_2018.name


class ClaimCells:
    """Serves the cells of one backend; raises UntestableError where no cell can tell.

    Args:
        study: the run.
        backend: the one whose cells count.
        functions: the two that stand for the study's.
        without: a part that was taken away: cells without it count in place of their like.
    """

    def __init__(
        self, study: StudyRun, backend: str, functions: Functions = OF_TODAY, without: str = ""
    ) -> None:
        self.study = study
        self._rows = study.rows
        self._pools: dict[str, CellPool] = {}
        """Figures of single cells, which several claims ask for, by the cell's id."""
        self._functions = functions
        own = [
            cell
            for cell in study.cells
            if cell.condition.backend == backend
            and cell.condition.without in ("", without)
            and not cell.asynchronous  # the study's users waited for their answers
        ]
        ablated = {_place(cell) for cell in own if cell.condition.without}
        self._cells = [
            cell for cell in own if cell.condition.without or _place(cell) not in ablated
        ]
        self.has_ablation = any(
            cell.condition.without and cell.condition.function in functions.names for cell in own
        )

    def _only_ablated(self, cells: list[MeasuredCell]) -> list[MeasuredCell]:
        """Returns the cells that lack the part, where there are any; else all."""
        return [cell for cell in cells if cell.condition.without] or cells

    def under_load(self, language: Language, memory_mb: int) -> CellPool:
        """Returns the function's cell under load at a memory size."""
        conditions = self._conditions(language)
        for condition in conditions:
            cells = self._of(condition, memory_mb)
            if cells:
                return self._pool(cells, memory_mb)
        name = self._functions.name(language)
        raise UntestableError(f"No cell ran {name} at {memory_mb} MB.")

    def undisturbed(self, language: Language, memory_mb: int) -> CellPool:
        """Returns a cell under load in which the host slowed no request.

        Claims about slowest or cold answers need it: a few slowed requests decide them.
        """
        pool = self.under_load(language, memory_mb)
        slowed = [stats.cell for stats in pool.stats if stats.cell.host_remark]
        if slowed:
            raise UntestableError(f"{_ids(slowed)}: {slowed[0].host_remark}.")
        return pool

    def condition(self, language: Language) -> Condition:
        """Returns the condition under load that is most like the study's."""
        return self._conditions(language)[0]

    def _conditions(self, language: Language) -> list[Condition]:
        """Returns the condition without the part, where one ran, and the one most like the study's.

        They are never two conditions that differ in more than what was taken away.
        """
        name = self._functions.name(language)
        loaded = [
            cell.condition
            for cell in self._cells
            if cell.condition.function == name and not cell.idles
        ]
        if not loaded:
            raise UntestableError(f"No cell ran a function named {name} under load.")
        kinds = [[c for c in loaded if c.without], [c for c in loaded if not c.without]]
        return [min(kind, key=_distance_from_study) for kind in kinds if kind]

    def sizes(self, language: Language) -> list[int]:
        """Returns the memory sizes in MB that the plan has of a function, the smallest first."""
        conditions = self._conditions(language)
        return sorted({cell.memory_mb for cell in self._cells if cell.condition in conditions})

    def name(self, language: Language) -> str:
        """Returns the name of the function that stands for the study's in a language."""
        return self._functions.name(language)

    def ramps(self) -> list[CellPool]:
        """Returns each ramp of users, of all functions and sizes, without host-bound cells."""
        cells = [
            cell
            for cell in self._cells
            if cell.condition.scenario == "ramp"
            and cell.condition.function in self._functions.names
            and cell.id in self._rows
            and not cell.host_bound
        ]
        if not cells:
            raise UntestableError(self._why_no_cell("a ramp of users", "ramp"))
        return [self._single(cell) for cell in self._only_ablated(cells)]

    def idle(self) -> list[tuple[MeasuredCell, tuple[RequestRow, ...]]]:
        """Returns the cells of single requests whose lifetimes are a curve, not seconds of a plan.

        The curve is the profile's own, or one of LIFETIMES that the plan names: that one counts as
        the lifetimes of its region and date. All cells are of one profile and one curve, the
        study's profile and the profile's own curve where these ran.
        """
        found = [cell for cell in self._cells if cell.condition.scenario == "idle"]
        if not found:
            raise UntestableError(self._why_no_cell("single requests far apart", "idle"))
        curves = [cell for cell in found if _is_curve(cell.condition) or cell.condition.without]
        if not curves:
            raise UntestableError("All idle cells ran with a keep-alive of seconds.")
        known = [cell for cell in curves if cell.id in self._rows]
        if not known:
            raise UntestableError(f"No idle cell finished: {_states(curves)}.")
        known = self._only_ablated(known)
        chosen = min((cell.condition for cell in known), key=_distance_of_lifetimes)
        return [
            (cell, self._rows[cell.id])
            for cell in known
            if (cell.condition.profile, cell.condition.keep_alive)
            == (chosen.profile, chosen.keep_alive)
        ]

    def _why_no_cell(self, description: str, scenario: str) -> str:
        planned = [cell for cell in self._cells if cell.condition.scenario == scenario]
        bound = [cell for cell in planned if cell.host_bound]
        if bound:
            return f"{_ids(bound)}: {bound[0].host_bound}."
        return f"{_states(planned)}." if planned else f"No cell had {description}."

    def _of(self, condition: Condition, memory_mb: int) -> list[MeasuredCell]:
        return [
            cell
            for cell in self._cells
            if cell.condition == condition and cell.memory_mb == memory_mb
        ]

    def _pool(self, cells: Sequence[MeasuredCell], memory_mb: int) -> CellPool:
        bound = [cell for cell in cells if cell.host_bound]
        if bound:
            raise UntestableError(f"{_ids(bound)} was host-bound: {bound[0].host_bound}.")
        known = [cell for cell in cells if cell.id in self._rows]
        if not known:
            raise UntestableError(f"{_states(cells)}.")
        return together(memory_mb, [self._single(cell) for cell in known])

    def _single(self, cell: MeasuredCell) -> CellPool:
        if cell.id not in self._pools:
            rows = self._rows[cell.id]
            self._pools[cell.id] = CellPool(
                cell.memory_mb, tuple(user_requests(rows)), (cell_stats(cell, rows),)
            )
        return self._pools[cell.id]


def _place(cell: MeasuredCell) -> tuple[str, int, str]:
    """Returns what a cell has in common with the same cell without a part."""
    return cell.condition.function, cell.memory_mb, cell.condition.scenario


def _is_other_profile(profile: str) -> bool:
    return profile != STUDY_PROFILE


def _is_curve(condition: Condition) -> bool:
    return condition.keep_alive == PROFILE_KEEP_ALIVE or condition.keep_alive in LIFETIMES


def _distance_of_lifetimes(condition: Condition) -> tuple[bool, bool]:
    return _is_other_profile(condition.profile), condition.keep_alive != PROFILE_KEEP_ALIVE


def _distance_from_study(condition: Condition) -> tuple[bool, bool, bool, bool, float]:
    return (
        _is_other_profile(condition.profile),
        condition.scenario != "ramp",
        condition.loading not in _STUDY_LOADINGS,
        condition.keep_alive != PROFILE_KEEP_ALIVE,
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
