"""Tells on stderr how far a study is: a bar on a terminal, else a plain line once in a while.

Owns the estimate of the time left and how it is worded. Does not know what runs a cell, nor what
came of it, but for the words that it is given.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rich.progress import Task, TaskID
    from rich.progress_bar import ProgressBar

    from emulator.experiments.plan.cells import PlannedCell

_LINE_EVERY = 10.0
"""Seconds between two plain lines about the same cell."""
_LONGEST = 150
"""Characters of a plain line about a cell that runs."""
_MINUTE = 60.0


class StudyProgress:
    """Follows cells that begin and end, one at a time, while the context lasts.

    The time left is what was planned, scaled by what the cells so far took against their plan.
    """

    def __init__(
        self,
        cells: Iterable[PlannedCell],
        already: int,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes the cells that are still to run, and the number of those that are done."""
        self._left = {cell.id: cell.expected_s for cell in cells}
        self._total = len(self._left) + already
        self._done = already
        self._expected = self._took = 0.0
        self._clock = clock
        self._cell = ""
        self._begun = 0.0
        self._lock = threading.Lock()
        out = out or sys.stderr
        self._display: _Bar | _Lines = (_Bar if out.isatty() else _Lines)(self, out)

    def __enter__(self) -> Self:
        self._display.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._display.close()

    @property
    def count(self) -> str:
        """The number of cells that are over, of all."""
        return f"{self._done}/{self._total}"

    @property
    def share(self) -> float:
        """The share of the whole study's time that has passed, from 0 to 1."""
        left = self.seconds_left()
        passed = self._took + self._passed()
        return passed / (passed + left) if passed + left else 1.0

    def begin(self, cell: PlannedCell) -> None:
        """Notes that a cell starts."""
        with self._lock:
            self._cell, self._begun = cell.id, self._clock()
            self._display.show(cell.id, "starting", self._begun, at_once=True)

    def note(self, news: str) -> None:
        """Tells what the running cell does now; from any thread, and ignored without a cell."""
        with self._lock:
            if self._cell:
                self._display.show(self._cell, news, self._clock())

    def end(self, words: str) -> None:
        """Notes that the running cell is over, and what came of it."""
        with self._lock:
            cell, took = self._cell, self._passed()
            if not cell:
                return
            self._expected += self._left.pop(cell)
            self._took += took
            self._done += 1
            self._cell = ""
            self._display.keep(cell, f"{words}, {took:.0f} s")

    def leave_out(self, cell: str) -> None:
        """Notes that a cell will not be run."""
        with self._lock:
            if self._left.pop(cell, None) is not None:
                self._total -= 1

    def seconds_left(self) -> float:
        """Returns the seconds that all cells that are not over should still take."""
        factor = self._took / self._expected if self._expected else 1.0
        return max(0.0, sum(self._left.values()) * factor - self._passed())

    def left(self) -> str:
        """Returns the time left in words."""
        return span(self.seconds_left())

    def _passed(self) -> float:
        return self._clock() - self._begun if self._cell else 0.0


class _Bar:
    """Draws a bar on a terminal, and what came of each cell above it."""

    def __init__(self, study: StudyProgress, out: TextIO) -> None:
        self._study = study
        self._console = Console(file=out, force_terminal=True)
        self._progress = Progress(
            _Share(study),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            _Left(study),
            console=self._console,
            expand=True,
            transient=True,
            redirect_stdout=False,
        )
        self._task: TaskID | None = None

    def open(self) -> None:
        self._task = self._progress.add_task("", total=1.0, count=self._study.count)
        self._progress.start()

    def close(self) -> None:
        self._progress.stop()

    def show(self, cell: str, news: str, _: float, *, at_once: bool = False) -> None:
        if self._task is not None:
            self._progress.update(
                self._task,
                description=f"{cell}  {news}",
                count=self._study.count,
                refresh=at_once,
            )

    def keep(self, cell: str, words: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, description="", count=self._study.count)
        self._console.print(Text(f"{self._study.count}  {cell}  {words}"), soft_wrap=True)


class _Share(BarColumn):
    """Draws the study's share of time at every refresh, whether or not there was news."""

    def __init__(self, study: StudyProgress) -> None:
        super().__init__(bar_width=20)
        self._study = study

    def render(self, task: Task) -> ProgressBar:
        task.completed = self._study.share
        return super().render(task)


class _Left(ProgressColumn):
    """Tells the time left at every refresh."""

    def __init__(self, study: StudyProgress) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._study = study

    def render(self, _: Task) -> Text:
        return Text(f"{self._study.left()} left")


class _Lines:
    """Writes plain lines, which stay, to what is no terminal."""

    def __init__(self, study: StudyProgress, out: TextIO) -> None:
        self._study = study
        self._out = out
        self._shown = -_LINE_EVERY

    def open(self) -> None:
        """Needs no preparation."""

    def close(self) -> None:
        """Leaves nothing behind."""

    def show(self, cell: str, news: str, now: float, *, at_once: bool = False) -> None:
        if at_once or now - self._shown >= _LINE_EVERY:
            self._shown = now
            line = f"{self._study.count}  {cell}  {news}  ({self._study.left()} left)"
            print(line[:_LONGEST], file=self._out, flush=True)

    def keep(self, cell: str, words: str) -> None:
        print(f"{self._study.count}  {cell}  {words}", file=self._out, flush=True)


def span(seconds: float) -> str:
    """Returns `about 40 s`, `about 12 min` or `about 3 h 20 min`."""
    if seconds < 2 * _MINUTE:
        return f"about {seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE), 60)
    return f"about {hours} h {minutes} min" if hours else f"about {minutes} min"
