"""Keeps account of stem cells: sandboxes of no function yet, made ahead of need and frozen.

Lambda has none; an emulator has them where its user asks. A stem cell is a sandbox whose runtime is
started and waits for its function. A start that a request waits for takes one of its runtime, if
one is ready, and so pays neither for making the sandbox nor for starting the runtime. A cell
serves one sandbox for its life.

Cells are made one at a time, at a bounded pace, and only while no sandbox is in creation or init,
so that refilling never slows the starts that requests wait for. A cell counts as much memory as its
backend has measured. It is made only where there is room beside all sandboxes, and given up for any
sandbox that finds none: before one that is idle is evicted, and before a request is refused.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.kept_memory import CELL_MB

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from emulator.core.model import Seconds


@dataclass(frozen=True, slots=True)
class StemCells:
    """Says how many stem cells are kept ready of each runtime that a deployed version has."""

    each: int = 0
    """Cells of a runtime that `named` does not name."""
    named: tuple[tuple[str, int], ...] = ()
    """Cells of a runtime, by its name."""
    pace: Seconds = 0.1
    """Least time between two cells that are begun."""
    pause: Seconds = 30.0
    """Time without a new cell after one that could not be made, or was given up for its memory."""
    memory_mb: int = CELL_MB
    """MB of a cell of a runtime of which none was measured yet."""

    def wanted(self, runtime: str) -> int:
        """Returns how many cells of a runtime are kept ready."""
        return dict(self.named).get(runtime, self.each)


def read_stem_cells(words: Iterable[str]) -> StemCells | None:
    """Returns what words such as `2` or `python3.13=4` ask for; None where all ask for none.

    Raises:
        ValueError: a word is neither, or says another number of cells for the same runtime.
    """
    found: dict[str, int] = {}
    for word in words:
        runtime, _, count = word.rpartition("=")
        if not count.isdecimal() or (not runtime and "=" in word):
            raise ValueError(f"{word!r} is neither a number nor RUNTIME=NUMBER (python3.13=4)")
        if found.setdefault(runtime, int(count)) != int(count):
            raise ValueError(f"{runtime or 'every runtime'} has two numbers of stem cells")
    each = found.pop("", 0)
    return StemCells(each, tuple(found.items())) if each or any(found.values()) else None


class StemPool:
    """Knows which cells are ready and which is being made; makes none itself."""

    def __init__(self, settings: StemCells | None) -> None:
        self._settings = settings or StemCells()
        self._wanted: dict[str, int] = {}
        """Cells to keep of each runtime that a deployed version has, where that is more than 0."""
        self._runtimes: dict[int, str] = {}
        """Runtime of each cell that is ready or being made, in the order of their making."""
        self._ready: dict[str, deque[int]] = {}
        self._making: int | None = None
        """The cell that is being made."""
        self._last_id = 0
        self._charges: dict[int, int] = {}
        """MB that each cell counts."""
        self._measured: dict[str, int] = {}
        """MB of the last cell of each runtime that was measured."""
        self.held_mb = 0
        """MB that all cells count."""
        self.resume_at: Seconds = float("-inf")
        """Time before which no other cell is begun."""
        self.may_be_short = False
        """Whether a cell may be missing; False is certain."""

    def want(self, runtimes: AbstractSet[str]) -> list[int]:
        """Keeps cells of these runtimes alone; returns the cells that are to end, oldest first."""
        wanted = {runtime: self._settings.wanted(runtime) for runtime in sorted(runtimes)}
        self._wanted = {runtime: count for runtime, count in wanted.items() if count > 0}
        ended = [cell for cell, of in self._runtimes.items() if of not in self._wanted]
        for cell in ended:
            self._forget(cell)
        self.may_be_short = True
        return ended

    def take(self, runtime: str) -> int:
        """Takes the cell of a runtime that has been ready for longest; 0 where none is."""
        ready = self._ready.get(runtime)
        if not ready:
            return 0
        cell = ready[0]
        self._forget(cell)
        self.may_be_short = True
        return cell

    def became_ready(self, cell: int, memory_mb: int) -> None:
        """Takes that a cell is made; one that was ended meanwhile is none.

        `memory_mb` is what it was seen to have; 0: nobody has looked.
        """
        if cell != self._making:
            return
        self._making = None
        runtime = self._runtimes[cell]
        self._ready.setdefault(runtime, deque()).append(cell)
        if memory_mb > 0:
            self._measured[runtime] = memory_mb
            self._charge(cell, memory_mb)

    def ended(self, cell: int, now: Seconds) -> None:
        """Takes that a cell could not be made, or has ended unasked."""
        if cell not in self._runtimes:
            return
        if cell == self._making:
            self.resume_at = now + self._settings.pause
        self._forget(cell)
        self.may_be_short = True

    def least_needed(self, runtime: str) -> list[int]:
        """Returns the cells in the order in which they are given up for a sandbox of a runtime.

        Those that cannot become the sandbox go first, the oldest of them first; then the others,
        the last of them first, as the oldest would be taken.
        """
        own = [cell for cell, of in self._runtimes.items() if of == runtime]
        return [cell for cell, of in self._runtimes.items() if of != runtime] + own[::-1]

    def charge_mb(self, cell: int) -> int:
        """Returns the MB that a cell counts."""
        return self._charges[cell]

    @property
    def making_mb(self) -> int:
        """Returns the MB of the cell that is being made."""
        return 0 if self._making is None else self._charges[self._making]

    def give_up(self, cell: int, now: Seconds) -> None:
        """Gives a cell up for its memory; no other is begun for a while."""
        self._forget(cell)
        self.resume_at = now + self._settings.pause
        self.may_be_short = True

    def _charge(self, cell: int, memory_mb: int) -> None:
        self.held_mb += memory_mb - self._charges.get(cell, 0)
        self._charges[cell] = memory_mb

    def _forget(self, cell: int) -> None:
        self.held_mb -= self._charges.pop(cell)
        runtime = self._runtimes.pop(cell)
        if cell == self._making:
            self._making = None
        else:
            self._ready[runtime].remove(cell)

    def next_runtime(self) -> str | None:
        """Returns of which runtime a cell is to be made next; None where none is, or one is under
        way.
        """
        if self._making is not None:
            return None
        for runtime, count in self._wanted.items():
            if len(self._ready.get(runtime, ())) < count:
                return runtime
        self.may_be_short = False
        return None

    def size_mb(self, runtime: str) -> int:
        """Returns the MB that a new cell of a runtime counts until somebody has looked."""
        return self._measured.get(runtime, self._settings.memory_mb)

    def begin(self, runtime: str, now: Seconds) -> int:
        """Counts a cell that is begun now; returns its id."""
        self._last_id += 1
        self._making = self._last_id
        self._runtimes[self._last_id] = runtime
        self._charge(self._last_id, self.size_mb(runtime))
        self.resume_at = now + self._settings.pace
        return self._last_id

    def check(self) -> None:
        """Raises AssertionError where the account does not agree with itself."""
        ready = {cell for cells in self._ready.values() for cell in cells}
        assert self.held_mb == sum(self._charges.values()), f"not {self.held_mb} MB of stem cells"
        assert self._charges.keys() == self._runtimes.keys(), "a cell counts no memory"
        assert ready | ({self._making} - {None}) == self._runtimes.keys(), "a cell is in no account"
        for runtime, cells in self._ready.items():
            most = self._wanted.get(runtime, 0)
            assert len(cells) <= most, f"{len(cells)} stem cells of {runtime}, not {most}"
