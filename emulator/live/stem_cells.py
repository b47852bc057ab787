"""Has the backend make and end stem cells as the scheduler commands, and tells what became of them.

Which sandbox gets a cell is the scheduler's to decide, and what a cell is the backend's.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from emulator.core.messages.events import StemCellGone, StemCellReady
from emulator.errors import SandboxStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.messages.commands import MakeStemCell
    from emulator.core.model import VersionKey
    from emulator.live.backends.interface import SandboxBackend

log = logging.getLogger(__name__)


class StemCellKeeper:
    """Carries out the scheduler's commands about stem cells; `report` takes the events."""

    def __init__(
        self, backend: SandboxBackend, report: Callable[[StemCellReady | StemCellGone], None]
    ) -> None:
        self._cells = backend.stem_cells
        self._told = report
        self._making: dict[int, asyncio.Task[None]] = {}
        self._closed = False

    def runtime(self, configuration: FunctionConfiguration, package: str) -> str:
        """Returns the runtime whose stem cells may serve a version; empty where none may."""
        return "" if self._cells is None else self._cells.runtime(configuration, package)

    def put(self, key: VersionKey, package: str) -> None:
        """Tells the backend which package a version has now."""
        if self._cells is not None:
            self._cells.put(key, package)

    def forget(self, key: VersionKey) -> None:
        """Tells the backend that a version is no more."""
        if self._cells is not None:
            self._cells.forget(key)

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Tells the backend which versions there are, ready or not."""
        if self._cells is not None:
            self._cells.keep_only(keys)

    def _report(self, event: StemCellReady | StemCellGone) -> None:
        if not self._closed:  # cells that end with the backend would be made anew
            self._told(event)

    def make(self, command: MakeStemCell) -> None:
        """Begins a cell, and reports that it is ready, or gone."""
        if self._closed:
            return
        task = asyncio.get_running_loop().create_task(self._made(command.cell, command.runtime))
        self._making[command.cell] = task
        task.add_done_callback(lambda _: self._making.pop(command.cell, None))

    async def _made(self, cell: int, runtime: str) -> None:
        assert self._cells is not None, "no version has a runtime of which cells are made"
        try:
            memory_mb = await self._cells.make(
                cell, runtime, lambda: self._report(StemCellGone(cell))
            )
        except (SandboxStartError, OSError) as error:
            log.warning("a stem cell of %s cannot be made: %s", runtime, error)
            self._report(StemCellGone(cell))
        except Exception:  # the next start does without a cell, and nothing else depends on it
            log.exception("a stem cell of %s cannot be made", runtime)
            self._report(StemCellGone(cell))
        else:
            self._making.pop(cell, None)  # whoever hears of it may stop it at once
            self._report(StemCellReady(cell, memory_mb))

    def stop(self, cell: int) -> None:
        """Ends a cell that nobody wants any more, made or not."""
        if (making := self._making.get(cell)) is not None:
            _break_off(making)
        elif self._cells is not None:
            self._cells.drop(cell)

    async def close(self) -> None:
        """Ends the making; the cells that are made end with the backend."""
        self._closed = True
        making = list(self._making.values())
        for task in making:
            _break_off(task)
        await asyncio.gather(*making, return_exceptions=True)


def _break_off(making: asyncio.Task[None]) -> None:
    """Cancels a task once: a second time would break off the clearing up after the first."""
    if not making.cancelling():
        making.cancel()
