"""Shows on stderr how far a long measurement is, so that stdout holds its results alone.

A terminal gets a bar with the time left; anything else gets a plain line once in a while, without
colours. Knows steps and their weights, not what is measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

from emulator.experiments.runner.progress import span

_BAR = 16
"""Number of characters of the bar."""
_LINE_EVERY = 10.0
"""Seconds between two lines where lines stay."""

Reach = Callable[[str, float], None]
"""Is told the step that begins, and the share of all work that is done, from 0 to 1."""


def silently(_step: str, _share: float) -> None:
    """Tells nobody."""


class StepProgress:
    """Shows the steps of a measurement inside its context; afterwards the bar is gone."""

    def __init__(
        self,
        total: float,
        *,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        silent_s: float = 0.0,
    ) -> None:
        """Prepares the bar.

        Args:
            total: the weights of all steps together; time left is told in proportion.
            out: where to show; None for stderr.
            clock: the seconds that lines and the time left are reckoned by.
            silent_s: seconds without a line, as what is over by then needs none.
        """
        self._out = out or sys.stderr
        self._clock = clock
        self._total = total
        self._done = 0.0
        self._begun = clock()
        self._shown_at = self._begun + silent_s - _LINE_EVERY
        self._bar = self._make_bar() if self._out.isatty() else None
        self._task = self._bar.add_task("", total=total, detail="") if self._bar else None

    def _make_bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn(
                "{task.fields[detail]}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=Console(file=self._out),
            transient=True,
            expand=True,
            get_time=self._clock,
        )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, step: str) -> None:
        """Names the step that is being done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=step, detail="")
            return
        now = self._clock()
        if now - self._shown_at >= _LINE_EVERY:
            self._shown_at = now
            self._print_line(step, now)

    def reach(self, step: str, share: float) -> None:
        """Names the step that begins when this share of the total, from 0 to 1, is done."""
        self.advance(share * self._total - self._done)
        self.begin(step)

    def advance(self, weight: float = 1.0) -> None:
        """Counts a step, or a part of a step, as done."""
        self._done += weight
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, weight)

    def detail(self, line: str) -> None:
        """Tells what passes during the step: in the bar on a terminal, else as a plain line."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, detail=" ".join(line.split()))
        else:
            self.note(line)

    def note(self, line: str) -> None:
        """Prints a line that stays, above the bar."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=self._out, flush=True)

    def _print_line(self, step: str, now: float) -> None:
        left = ""
        if self._done > 0:
            seconds = (now - self._begun) / self._done * max(0.0, self._total - self._done)
            left = f", {span(seconds)} left"
        print(f"{step} ({self._done / self._total:.0%}{left})", file=self._out, flush=True)
