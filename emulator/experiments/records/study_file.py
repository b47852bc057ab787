"""study.json kept in step with a study: what it is, which cells are done, what went wrong.

Owns when the file is written: anew at every change, at once, so that a study that was killed is
told truly, and cells that were running then are run again by `--resume`. The file's form is
study_content.py's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.plan.values import AUTO
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_content import (
    STUDY,
    CellEntry,
    StudyContent,
    read_content,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from emulator.experiments.plan.cells import Cell
    from emulator.experiments.records.run_directory import RunInfo
    from emulator.experiments.records.study import MeasuredCell


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
            cells=[CellEntry.of(cell) for cell in cells],
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

    @property
    def dilation(self) -> list[int | str]:
        """The dilations that the study was started with, which need not be the plan's."""
        found = (
            AUTO if entry.dilation_chosen else int(entry.dilation) for entry in self._content.cells
        )
        return list(dict.fromkeys(found))

    def has_cells(self, cells: Iterable[Cell]) -> bool:
        """Tells whether the study was started with exactly these cells."""
        state = {"status", "error", "host"}
        own = [entry.model_dump(exclude=state) for entry in self._content.cells]
        return own == [CellEntry.of(cell).model_dump(exclude=state) for cell in cells]

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
