"""Carries out what happens to stem cells, each time with the memory that they count on this host.

Owns which cell serves, ends or is made next (`stem_cells` keeps the account). Whether a sandbox
needs the memory of cells is decided by those who ask for one to be given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.messages.commands import MakeStemCell, StopStemCell
from emulator.core.stem_cells import StemPool

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from emulator.core.deadlines import Deadlines
    from emulator.core.host_capacity import HostCapacity
    from emulator.core.messages.commands import Command
    from emulator.core.model import Sandbox, Seconds
    from emulator.core.stem_cells import StemCells

REFILL: Final[tuple[str, ...]] = ()
"""The deadline at which another stem cell may be made."""


class Cells:
    """Makes stem cells, gives each to a sandbox that starts, and ends what is not wanted."""

    def __init__(
        self,
        settings: StemCells | None,
        room: HostCapacity,
        deadlines: Deadlines[int | str | tuple[str, ...]],
    ) -> None:
        self.pool = StemPool(settings)
        self._room = room
        self._deadlines = deadlines

    def take_for(self, sandbox: Sandbox) -> int:
        """Takes a stem cell for a sandbox that a request waits for; 0 where there is none.

        A snapshot is more than a stem cell, as it has been through the function's init.
        """
        function = sandbox.function
        if sandbox.invocation is None or function.snapshot or not function.stem:
            return 0
        cell = self.pool.take(function.stem)
        self._count()
        return cell

    def keep(self, runtimes: AbstractSet[str]) -> list[Command]:
        """Keeps stem cells of the deployed versions' runtimes; returns how all others are ended."""
        ended: list[Command] = [StopStemCell(cell) for cell in self.pool.want(runtimes)]
        self._count()
        return ended

    def ready(self, cell: int, memory_mb: int) -> None:
        """Takes that a stem cell is made, and the MB that it was seen to have; 0: nobody looked."""
        self.pool.became_ready(cell, memory_mb)
        self._count()

    def ended(self, cell: int, now: Seconds) -> None:
        """Takes that a stem cell could not be made, or has ended unasked."""
        self.pool.ended(cell, now)
        self._count()

    def enough_for(self, runtime: str, missing_mb: int) -> tuple[list[int], int]:
        """Returns the cells to give up for a sandbox of a runtime, and the MB that still miss."""
        chosen: list[int] = []
        for cell in self.pool.least_needed(runtime) if missing_mb > 0 else ():
            chosen.append(cell)
            missing_mb -= self.pool.charge_mb(cell)
            if missing_mb <= 0:
                break
        return chosen, missing_mb

    def give_up(self, cell: int, now: Seconds) -> Command:
        """Gives a cell up for its memory; returns how it is ended."""
        self.pool.give_up(cell, now)
        self._count()
        return StopStemCell(cell)

    def refill(self, now: Seconds) -> list[Command]:
        """Makes a stem cell where one is missing, while nothing starts and at a bounded pace.

        Nothing is evicted for a cell: where no room is left for one, none is made.
        """
        runtime = self.pool.next_runtime() if self._room.is_calm() else None
        if runtime is None or not self._room.has_room_for(self.pool.size_mb(runtime)):
            self._deadlines.cancel(REFILL)
            return []
        if now < self.pool.resume_at:
            self._deadlines.set(REFILL, self.pool.resume_at)
            return []
        self._deadlines.cancel(REFILL)
        cell = self.pool.begin(runtime, now)
        self._count()
        return [MakeStemCell(cell, runtime)]

    def _count(self) -> None:
        self._room.keep_cells(self.pool.held_mb, self.pool.making_mb)
