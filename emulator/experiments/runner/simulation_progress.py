"""Tells on stderr how far a simulation is, with the time left: a bar, or lines where nobody looks.

Owns the words alone.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

_LINE_EVERY = 2.0
"""Seconds between two lines."""


class SimulationProgress:
    """Follows cells that are done in whatever order, while the context lasts."""

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._done = self._requests = 0
        self._begun = self._told = time.monotonic()
        self._bar = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=cells)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def done(self, cell: str, requests: int) -> None:
        """Notes a cell that is done, and its number of requests."""
        self._done += 1
        self._requests += requests
        words = f"{cell}, {self._requests:,} requests"
        self._bar.update(self._task, completed=self._done, description=words)
        now = time.monotonic()
        if self._bar.disable and now - self._told >= _LINE_EVERY:
            self._told = now
            left = (now - self._begun) / self._done * (self._cells - self._done)
            print(
                f"{self._done}/{self._cells}  {words}  (about {left:.0f} s left)",
                file=sys.stderr,
                flush=True,
            )
