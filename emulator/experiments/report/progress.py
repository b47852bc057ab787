"""Shows on stderr how far a long measurement is, so that stdout holds its results alone.

A terminal gets a bar with the time left; anything else gets a plain line once in a while, without
colours. Knows steps and their weights, not what is measured.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from emulator.experiments.runner.progress import span

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE_EVERY = 10.0
"""Seconds between two lines where lines stay."""


class StepProgress:
    """Shows the steps of a measurement inside its context; afterwards the bar is gone."""

    def __init__(
        self,
        total: float,
        *,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepares the bar.

        Args:
            total: the weights of all steps together; time left is told in proportion.
            out: where to show; None for stderr.
            clock: the seconds that lines and the time left are reckoned by.
        """
        self._out = out or sys.stderr
        self._clock = clock
        self._total = total
        self._done = 0.0
        self._begun = clock()
        self._shown_at = float("-inf")
        self._bar = self._make_bar() if self._out.isatty() else None
        self._task = self._bar.add_task("", total=total) if self._bar else None

    def _make_bar(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(file=self._out),
            transient=True,
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
            self._bar.update(self._task, description=step)
            return
        now = self._clock()
        if now - self._shown_at >= _LINE_EVERY:
            self._shown_at = now
            self._print_line(step, now)

    def advance(self, weight: float = 1.0) -> None:
        """Counts a step, or a part of a step, as done."""
        self._done += weight
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, weight)

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
