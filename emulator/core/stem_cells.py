"""Keeps account of stem cells: sandboxes of no function yet, made ahead of need and frozen.

Lambda has none; an emulator has them where its user asks. A stem cell is a sandbox whose runtime is
started and waits for its function. A start that a request waits for takes one of its runtime, if
one is ready, and so pays neither for making the sandbox nor for starting the runtime. A cell
serves one sandbox for its life.

Cells are made one at a time, at a bounded pace, and only while no sandbox is in creation or init,
so that refilling never slows the starts that requests wait for. Their memory stands beside that of
sandboxes, as a template's does: it is not counted until a sandbox comes of the cell.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    """Time without a new cell after one that could not be made."""

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

    def became_ready(self, cell: int) -> None:
        """Takes that a cell is made; one that was ended meanwhile is none."""
        if cell == self._making:
            self._making = None
            self._ready.setdefault(self._runtimes[cell], deque()).append(cell)

    def ended(self, cell: int, now: Seconds) -> None:
        """Takes that a cell could not be made, or has ended unasked."""
        if cell not in self._runtimes:
            return
        if cell == self._making:
            self.resume_at = now + self._settings.pause
        self._forget(cell)
        self.may_be_short = True

    def _forget(self, cell: int) -> None:
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

    def begin(self, runtime: str, now: Seconds) -> int:
        """Counts a cell that is begun now; returns its id."""
        self._last_id += 1
        self._making = self._last_id
        self._runtimes[self._last_id] = runtime
        self.resume_at = now + self._settings.pace
        return self._last_id

    def check(self) -> None:
        """Raises AssertionError where the account does not agree with itself."""
        ready = {cell for cells in self._ready.values() for cell in cells}
        assert ready | ({self._making} - {None}) == self._runtimes.keys(), "a cell is in no account"
        for runtime, cells in self._ready.items():
            most = self._wanted.get(runtime, 0)
            assert len(cells) <= most, f"{len(cells)} stem cells of {runtime}, not {most}"
