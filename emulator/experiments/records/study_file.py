"""study.json: what a study is, which of its cells are done, and what went wrong in the others.

Owns the file's form, its only reader and its only writer. The file is written anew at every
change, at once, so that a study that was killed is told truly: cells that were running then are
run again by `--resume`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.plan.cells import Condition
from emulator.experiments.plan.model import PROFILE_KEEP_ALIVE
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.study import CellStatus, MeasuredCell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from emulator.experiments.plan.cells import Cell
    from emulator.experiments.records.run_directory import RunInfo

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


class _CellEntry(BaseModel):
    """Holds one cell as study.json has it."""

    id: str
    axes: _Axes
    scenario: str
    repetition: int = 1
    dilation: float = 1
    idle_speedup: float = 1
    page_cache: str = ""
    status: CellStatus
    error: Annotated[str, _or("")] = ""
    host: Annotated[HostVerdict, _or(HostVerdict())] = HostVerdict()

    @classmethod
    def of(cls, cell: Cell) -> Self:
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
            ),
            scenario=condition.scenario,
            repetition=cell.repetition,
            dilation=condition.dilation,
            idle_speedup=cell.idle_speedup,
            page_cache=condition.page_cache,
            status=CellStatus.PENDING,
        )

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
                scenario=self.scenario,
                dilation=self.dilation,
                page_cache=self.page_cache,
            ),
            memory_mb=axes.memory_mb,
            repetition=self.repetition,
            idle_speedup=self.idle_speedup,
            status=self.status,
            error=self.error,
            host=self.host,
            folder=study / CELLS / self.id,
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
    cells: list[_CellEntry]

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


class StudyFile:
    """Keeps the study.json of a folder in step with the study."""

    def __init__(self, folder: Path, content: StudyContent) -> None:
        self._folder = folder
        self._content = content
        self._entries = {entry.id: entry for entry in content.cells}

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        name: str,
        cells: Iterable[Cell],
        plan: Mapping[str, Any] | None = None,
        plan_text: str = "",
        seed: int | None = None,
    ) -> Self:
        """Writes the file of a study that begins, into a folder that must be new or empty.

        Raises:
            SettingsError: the folder is in use, or cannot be made.
            RunDirectoryError: the file cannot be written.
        """
        content = StudyContent(
            name=name,
            plan=dict(plan or {}),
            plan_text=plan_text,
            seed=seed,
            started_at=time.time(),
            cells=[_CellEntry.of(cell) for cell in cells],
        )
        study = cls(folder, content)
        claim_folder(folder)
        study._save()
        return study

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Reads the file of a study that goes on.

        Raises:
            RunDirectoryError: the file is missing or damaged.
        """
        return cls(folder, read_content(folder))

    @property
    def plan_text(self) -> str:
        return self._content.plan_text

    @property
    def backends(self) -> list[str]:
        """The backends that the study was started with, which need not be the plan's."""
        return list(dict.fromkeys(entry.axes.backend for entry in self._content.cells))

    def has_cells(self, cells: Iterable[Cell]) -> bool:
        """Tells whether the study was started with exactly these cells."""
        state = {"status", "error", "host"}
        own = [entry.model_dump(exclude=state) for entry in self._content.cells]
        return own == [_CellEntry.of(cell).model_dump(exclude=state) for cell in cells]

    def cell(self, cell: str) -> MeasuredCell:
        """Returns a cell with its present state."""
        return self._entries[cell].measured(self._folder)

    def count(self, status: CellStatus) -> int:
        return sum(entry.status is status for entry in self._content.cells)

    def begin(self, cell: str) -> None:
        self._set(cell, CellStatus.RUNNING)

    def give_back(self, cell: str) -> None:
        """Marks a cell that was broken off as still to be run."""
        self._set(cell, CellStatus.PENDING)

    def fail(self, cell: str, why: str) -> None:
        self._set(cell, CellStatus.FAILED, error=why)

    def done(self, cell: str, host: HostVerdict, info: RunInfo) -> None:
        """Marks a cell as measured; its emulator tells versions, machine and, failing a plan, seed.

        The first cell's are kept: they are the same for the whole study.
        """
        content = self._content
        content.versions = content.versions or dict(info.versions)
        content.machine = content.machine or dict(info.machine)
        content.seed = info.seed if content.seed is None else content.seed
        self._set(cell, CellStatus.DONE, host=host)

    def finish(self) -> None:
        """Notes that every cell has been tried."""
        self._content.finished_at = time.time()
        self._save()

    def reopen(self) -> None:
        """Notes that cells are still to be tried."""
        self._content.finished_at = None
        self._save()

    def _set(
        self,
        cell: str,
        status: CellStatus,
        *,
        error: str = "",
        host: HostVerdict | None = None,
    ) -> None:
        entry = self._entries[cell]
        entry.status, entry.error, entry.host = status, error, host or HostVerdict()
        self._save()

    def _save(self) -> None:
        path = self._folder / STUDY
        partial = path.with_name(STUDY + ".partial")
        text = self._content.model_dump_json(indent=1, fallback=str)
        try:
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            raise RunDirectoryError(f"{path} cannot be written: {error.strerror}.") from error


def claim_folder(folder: Path) -> None:
    """Makes the folder of a new run.

    Raises:
        SettingsError: there is something in the folder, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        in_use = any(folder.iterdir())
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be made the folder of a run: {error.strerror}."
        ) from error
    if in_use:
        hint = "; --resume goes on with the study in it" if (folder / STUDY).exists() else ""
        raise SettingsError(f"{folder} is not empty; a run needs a folder of its own{hint}.")
