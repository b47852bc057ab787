"""study.json: what a study is, which of its cells are done, and what went wrong in the others.

It is written anew at every change, at once, so that a study that was killed is told truly: cells
that were running then are run again by `--resume`.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from emulator.errors import RunDirectoryError
from emulator.experiments.records.host_verdict import HostVerdict

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import Cell
    from emulator.experiments.plan.model import Plan
    from emulator.experiments.records.run_directory import RunInfo

STUDY = "study.json"


class CellStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class StudyFile:
    """The study in the folder, and its file kept in step."""

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self._path = folder / STUDY
        self._content = content
        self._cells: dict[str, dict[str, Any]] = {cell["id"]: cell for cell in content["cells"]}

    @classmethod
    def create(cls, folder: Path, plan: Plan, cells: list[Cell]) -> Self:
        study = cls(
            folder,
            {
                "name": plan.name,
                "plan": plan.raw,
                "plan_text": plan.text,
                "seed": plan.seed,
                "versions": {},
                "machine": {},
                "started_at": time.time(),
                "finished_at": None,
                "cells": [_described(cell) for cell in cells],
            },
        )
        study._save()
        return study

    @classmethod
    def open(cls, folder: Path) -> Self:
        """
        Raises:
            RunDirectoryError: there is none, or it is damaged.
        """
        path = folder / STUDY
        try:
            return cls(folder, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunDirectoryError(f"{path} cannot be read: {error!r}.") from error

    @property
    def plan_text(self) -> str:
        return str(self._content.get("plan_text", ""))

    @property
    def backends(self) -> list[str]:
        """The axis that it was started with, which need not be the plan's."""
        return list(dict.fromkeys(cell["axes"]["backend"] for cell in self._cells.values()))

    def is_of(self, cells: list[Cell]) -> bool:
        """Whether these are its cells, all values alike."""
        changing = ("status", "error", "host")
        mine = [
            {key: value for key, value in cell.items() if key not in changing}
            for cell in self._cells.values()
        ]
        theirs = [
            {key: value for key, value in _described(cell).items() if key not in changing}
            for cell in cells
        ]
        return mine == theirs

    def status(self, cell: str) -> CellStatus:
        return CellStatus(self._cells[cell]["status"])

    def host_bound(self, cell: str) -> bool:
        return bool(self._cells[cell]["host"]["verdict"] == "host-bound")

    def count(self, status: CellStatus) -> int:
        return sum(cell["status"] == status for cell in self._cells.values())

    def begin(self, cell: str) -> None:
        self._set(cell, CellStatus.RUNNING, "", HostVerdict())

    def give_back(self, cell: str) -> None:
        """It was broken off, and is to be run again."""
        self._set(cell, CellStatus.PENDING, "", HostVerdict())

    def fail(self, cell: str, why: str) -> None:
        self._set(cell, CellStatus.FAILED, why, HostVerdict())

    def done(self, cell: str, host: HostVerdict, info: RunInfo) -> None:
        """Its emulator tells versions and machine, which are one for the whole study."""
        self._content["versions"] = self._content["versions"] or dict(info.versions)
        self._content["machine"] = self._content["machine"] or dict(info.machine)
        self._set(cell, CellStatus.DONE, "", host)

    def finish(self) -> None:
        """Every cell has been tried."""
        self._content["finished_at"] = time.time()
        self._save()

    def reopen(self) -> None:
        self._content["finished_at"] = None
        self._save()

    def _set(self, cell: str, status: CellStatus, error: str, host: HostVerdict) -> None:
        self._cells[cell] |= {"status": str(status), "error": error, "host": asdict(host)}
        self._save()

    def _save(self) -> None:
        partial = self._path.with_name(STUDY + ".partial")
        partial.write_text(
            json.dumps(self._content, indent=1, default=str) + "\n", encoding="utf-8"
        )
        partial.replace(self._path)


def _described(cell: Cell) -> dict[str, Any]:
    return {
        "id": cell.id,
        "axes": asdict(cell.axes),
        "scenario": str(cell.scenario.kind),
        "repetition": cell.repetition,
        "dilation": cell.dilation,
        "idle_speedup": cell.scenario.idle_speedup,
        "page_cache": cell.page_cache,
        "status": str(CellStatus.PENDING),
        "error": "",
        "host": asdict(HostVerdict()),
    }
