"""Defines study.json as types, for the only reader of the file and the only writer.

Owns which fields there are, how earlier versions wrote them, and how an entry of the file and a
cell become each other. study_file.py writes the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from emulator.core.network_paths import NO_NETWORK
from emulator.core.policies.catalogue import LIFETIME
from emulator.errors import RunDirectoryError
from emulator.experiments.plan.cells import Condition, Origin
from emulator.experiments.plan.scenarios import Invocation
from emulator.experiments.plan.values import PROFILE_KEEP_ALIVE
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.sitting import CodeVersion, Sitting
from emulator.experiments.records.study import CellStatus, MeasuredCell

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import Cell

STUDY = "study.json"
CELLS = "cells"
"""Folder of a study that holds a run directory for each cell."""


def _keep_alive(value: Any) -> str:
    """Returns `profile`, or seconds written in one way, were they 600, 600.0 or "600"."""
    if value in (None, "", PROFILE_KEEP_ALIVE):
        return PROFILE_KEEP_ALIVE
    try:
        return f"{float(value):.12g}"
    except (TypeError, ValueError):
        return str(value)


def _or(default: Any) -> BeforeValidator:
    """Takes the default in place of null, which older versions wrote for what they did not know."""
    return BeforeValidator(lambda value: default if value is None else value)


class _Axes(BaseModel):
    """Holds the value of each axis of a plan, as study.json has them."""

    function: str
    memory_mb: int
    loading: Annotated[str, _or("")] = ""
    profile: str
    backend: Annotated[str, _or("")] = ""
    keep_alive: Annotated[str, BeforeValidator(_keep_alive)] = PROFILE_KEEP_ALIVE
    pick_order: Annotated[str, _or("")] = ""
    policy: Annotated[str, _or(LIFETIME)] = LIFETIME


class CellEntry(BaseModel):
    """Holds one cell as study.json has it."""

    id: str
    axes: _Axes
    scenario: str
    repetition: int = 1
    dilation: float = 1
    dilation_chosen: bool = False
    """Whether `auto` chose the dilation, in place of the plan."""
    idle_speedup: float = 1
    page_cache: str = ""
    network: str = NO_NETWORK
    without: str = ""
    """The part that was taken away."""
    invocation: Invocation = Invocation.REQUEST_RESPONSE
    origin: Origin = Origin.MEASURED
    status: CellStatus
    error: Annotated[str, _or("")] = ""
    host: Annotated[HostVerdict, _or(HostVerdict())] = HostVerdict()
    digest: str = ""
    """What tells the measurement from others; empty where an older version wrote the entry."""
    sitting: int = 1

    @classmethod
    def of(cls, cell: Cell, digest: str = "") -> Self:
        """Returns the entry of a cell that is still to be run."""
        condition = cell.condition
        return cls(
            id=cell.id,
            axes=_Axes(
                function=condition.function,
                memory_mb=cell.memory_mb,
                loading=condition.loading,
                profile=condition.profile,
                backend=condition.backend,
                keep_alive=condition.keep_alive,
                pick_order=condition.pick_order,
                policy=condition.policy,
            ),
            scenario=condition.scenario,
            repetition=cell.repetition,
            dilation=cell.dilation,
            dilation_chosen=condition.dilation is None,
            idle_speedup=cell.idle_speedup,
            page_cache=condition.page_cache,
            network=condition.network,
            without=condition.without,
            invocation=condition.invocation,
            origin=condition.origin,
            status=CellStatus.PENDING,
            digest=digest,
        )

    def is_same(self, other: CellEntry) -> bool:
        """Tells whether another entry stands for the same measurement, whatever came of it."""
        if self.digest and other.digest:
            return self.digest == other.digest
        state = {"status", "error", "host", "digest", "sitting"}
        return self.model_dump(exclude=state) == other.model_dump(exclude=state)

    def measured(self, study: Path) -> MeasuredCell:
        """Returns the entry as a cell of the study in that folder."""
        axes = self.axes
        return MeasuredCell(
            id=self.id,
            condition=Condition(
                function=axes.function,
                loading=axes.loading,
                profile=axes.profile,
                backend=axes.backend,
                keep_alive=axes.keep_alive,
                pick_order=axes.pick_order,
                policy=axes.policy,
                scenario=self.scenario,
                dilation=None if self.dilation_chosen else self.dilation,
                page_cache=self.page_cache,
                network=self.network,
                without=self.without,
                origin=self.origin,
                invocation=self.invocation,
            ),
            memory_mb=axes.memory_mb,
            repetition=self.repetition,
            idle_speedup=self.idle_speedup,
            chosen_dilation=self.dilation,
            status=self.status,
            error=self.error,
            host=self.host,
            folder=study / CELLS / self.id,
            sitting=self.sitting,
        )


class StudyContent(BaseModel):
    """Holds what study.json says."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    name: str
    plan: dict[str, Any] = {}
    """The plan as its TOML file was parsed."""
    plan_text: Annotated[str, _or("")] = ""
    seed: int | None = None
    versions: Annotated[dict[str, Any], _or({})] = {}
    machine: Annotated[dict[str, Any], _or({})] = {}
    started_at: float
    """Seconds since the epoch."""
    finished_at: float | None = None
    """When every cell had been tried; None before."""
    cells: list[CellEntry]
    sittings: list[Sitting] = []
    left_out: list[str] = []
    """Ids of planned cells that would only have said the same."""
    given_dilation: list[int | str] | None = None
    """In place of the plan's, where the study was started with one; None before it was noted."""

    @model_validator(mode="after")
    def _had_a_sitting(self) -> Self:
        """Makes a sitting for all cells of a file in which older versions noted none."""
        if not self.sittings:
            known = {"machine": self.machine, "versions": self.versions}
            self.sittings = [Sitting(self.started_at, CodeVersion(), **known)]
        return self

    def measured(self, study: Path) -> tuple[MeasuredCell, ...]:
        """Returns all cells of the study in that folder."""
        return tuple(entry.measured(study) for entry in self.cells)


def read_content(folder: Path) -> StudyContent:
    """Reads the study.json of a study's folder.

    Raises:
        RunDirectoryError: the file is missing or damaged.
    """
    path = folder / STUDY
    try:
        return StudyContent.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'the file'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        )
        raise RunDirectoryError(f"{path} is damaged: {faults}.") from error
