"""How far a study is: one line that is rewritten on a terminal, else a line once in a while."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from emulator.experiments.plan.cells import PlannedCell

_WIDTH = 20
_LINE_EVERY = 10.0
"""Seconds, where lines stay."""
_LONGEST = 150
_MINUTE = 60.0


class StudyProgress:
    """Told of cells that begin and end; time left is what was planned, as far as it proved true."""

    def __init__(self, cells: list[PlannedCell], already: int, out: TextIO | None = None) -> None:
        """`cells` are still to run, `already` are done."""
        self._left = {cell.id: cell.expected_s for cell in cells}
        self._total = len(cells) + already
        self._done = already
        self._expected = self._took = 0.0
        self._out = out or sys.stdout
        self._terminal = self._out.isatty()
        self._cell: PlannedCell | None = None
        self._begun = self._shown = 0.0
        self._lock = threading.Lock()

    def begin(self, cell: PlannedCell) -> None:
        self._cell, self._begun, self._shown = cell, time.monotonic(), 0.0
        self.note("starting")

    def note(self, news: str) -> None:
        """What the running cell does now; from any thread."""
        with self._lock:
            now = time.monotonic()
            if self._cell is None or (not self._terminal and now - self._shown < _LINE_EVERY):
                return
            self._shown = now
            line = f"{self._bar()}  {self._cell.id}  {news}  ({self.left()} left)"
            self._write(line[: self._width()])

    def end(self, words: str) -> None:
        """The running cell is over."""
        cell, self._cell = self._cell, None
        if cell is None:
            return
        took = time.monotonic() - self._begun
        self._expected += self._left.pop(cell.id)
        self._took += took
        self._done += 1
        with self._lock:
            self._write(f"{self._bar()}  {cell.id}  {words}, {took:.0f} s", stays=True)

    def left(self) -> str:
        """Of all cells that are not over, in words."""
        factor = self._took / self._expected if self._expected else 1.0
        passed = time.monotonic() - self._begun if self._cell else 0.0
        return span(max(0.0, sum(self._left.values()) * factor - passed))

    def _bar(self) -> str:
        full = _WIDTH * self._done // max(1, self._total)
        return f"[{'#' * full}{'-' * (_WIDTH - full)}] {self._done}/{self._total}"

    def _width(self) -> int:
        """Of a line that is rewritten: one that wraps would leave its beginning behind."""
        return shutil.get_terminal_size().columns - 1 if self._terminal else _LONGEST

    def _write(self, line: str, *, stays: bool = False) -> None:
        if self._terminal:
            print(f"\r\x1b[2K{line}", end="\n" if stays else "", file=self._out, flush=True)
        else:
            print(line, file=self._out, flush=True)


def span(seconds: float) -> str:
    """`about 40 s`, `about 12 min`, `about 3 h 20 min`."""
    if seconds < 2 * _MINUTE:
        return f"about {seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return f"about {hours} h {minutes} min" if hours else f"about {minutes} min"
