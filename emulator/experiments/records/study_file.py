"""Keeps study.json in step with a study: what it is, which cells are done, what went wrong.

Owns when the file is written: anew at every change, at once, so that a study that was killed is
told truly, and cells that were running then are run again by `--resume`. The file's form is
study_content.py's.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.plan.values import AUTO
from emulator.experiments.records.host_verdict import HostVerdict
from emulator.experiments.records.sitting import CodeVersion, Sitting
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_content import (
    STUDY,
    CellEntry,
    StudyContent,
    read_content,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
        digests: Mapping[str, str] | None = None,
        code: CodeVersion | None = None,
        given_dilation: Sequence[int | str] = (),
    ) -> Self:
        """Writes the file of a study that begins, into a folder that must be new or empty.

        Args:
            folder: the study's own.
            name: what the study is called.
            cells: all cells, in their order.
            plan: the plan as its TOML file was parsed.
            plan_text: the plan as its file has it.
            seed: seed of all chance.
            digests: what tells each cell's measurement from others, by the cell's id.
            code: the code of the first sitting.
            given_dilation: in place of the plan's.

        Raises:
            SettingsError: the folder is in use, or cannot be made.
            RunDirectoryError: the file cannot be written.
        """
        now, known = time.time(), digests or {}
        content = StudyContent(
            name=name,
            plan=dict(plan or {}),
            plan_text=plan_text,
            seed=seed,
            started_at=now,
            cells=[CellEntry.of(cell, known.get(cell.id, "")) for cell in cells],
            sittings=[Sitting(now, code or CodeVersion())],
            given_dilation=list(given_dilation),
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
        """The dilations that the study was started with in place of its plan's."""
        given = self._content.given_dilation
        if given is not None:
            return given
        found = (
            AUTO if entry.dilation_chosen else int(entry.dilation) for entry in self._content.cells
        )
        return list(dict.fromkeys(found))

    @property
    def name(self) -> str:
        return self._content.name

    @property
    def codes(self) -> set[CodeVersion]:
        """The codes that measured the finished cells."""
        sittings = self._content.sittings
        return {
            sittings[entry.sitting - 1].code
            for entry in self._content.cells
            if entry.status is CellStatus.DONE
        }

    def others(self, cells: Iterable[Cell], digests: Mapping[str, str]) -> list[str]:
        """Returns the ids of finished cells that a plan has not, or has with another digest."""
        planned = {cell.id: CellEntry.of(cell, digests.get(cell.id, "")) for cell in cells}
        return [
            entry.id
            for entry in self._content.cells
            if entry.status is CellStatus.DONE
            and not (entry.id in planned and entry.is_same(planned[entry.id]))
        ]

    def continue_with(
        self,
        cells: Iterable[Cell],
        digests: Mapping[str, str],
        code: CodeVersion,
        plan: Mapping[str, Any],
        plan_text: str,
    ) -> None:
        """Begins another sitting with a plan's cells, and keeps what is finished of them.

        A finished cell that the plan has not is forgotten: `others` names such cells before. A
        cell whose folder somebody has taken away, to have the cell measured again, is unfinished.
        """
        content = self._content
        done = {
            entry.id: entry
            for entry in content.cells
            if entry.status is CellStatus.DONE and entry.measured(self._folder).folder.is_dir()
        }
        content.cells = [
            done.get(cell.id) or CellEntry.of(cell, digests.get(cell.id, "")) for cell in cells
        ]
        content.plan, content.plan_text, content.finished_at = dict(plan), plan_text, None
        content.left_out = []
        if len(done) < len(content.cells):
            content.sittings.append(Sitting(time.time(), code))
        self._entries = {entry.id: entry for entry in content.cells}
        self._save()

    def cell(self, cell: str) -> MeasuredCell:
        """Returns a cell with its present state."""
        return self._entries[cell].measured(self._folder)

    def known(self, cell: str) -> MeasuredCell | None:
        """Returns a cell with its present state; None where the cell was left out."""
        return self.cell(cell) if cell in self._entries else None

    def count(self, status: CellStatus) -> int:
        return sum(entry.status is status for entry in self._content.cells)

    def begin(self, cell: str) -> None:
        self._set(cell, CellStatus.RUNNING)

    def give_back(self, cell: str) -> None:
        """Marks a cell that was broken off as still to be run."""
        self._set(cell, CellStatus.PENDING)

    def fail(self, cell: str, why: str) -> None:
        self._set(cell, CellStatus.FAILED, error=why)

    def leave_out(self, cell: str) -> None:
        """Notes that a cell would only say the same as others: the study is whole without it."""
        self._content.cells.remove(self._entries.pop(cell))
        self._content.left_out.append(cell)
        self._save()

    def done(self, cell: str, host: HostVerdict, info: RunInfo) -> None:
        """Marks a cell as measured; its emulator tells versions, machine and, failing a plan, seed.

        The first cell's of each sitting are kept: they are the same until its end.
        """
        content = self._content
        last = content.sittings[-1]
        content.sittings[-1] = replace(
            last,
            machine=last.machine or dict(info.machine),
            versions=last.versions or dict(info.versions),
        )
        self._entries[cell].sitting = len(content.sittings)
        content.versions = content.versions or dict(info.versions)
        content.machine = content.machine or dict(info.machine)
        content.seed = info.seed if content.seed is None else content.seed
        self._set(cell, CellStatus.DONE, host=host)

    def finish(self) -> None:
        """Notes that every cell has been tried."""
        self._content.finished_at = time.time()
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
            f"{folder} cannot be made the folder of a run: {error.strerror}. Name another with "
            "--run-dir."
        ) from error
    if in_use:
        raise SettingsError(
            f"{folder} is not empty, and a run needs a folder of its own: name another (--run-dir)."
        )
