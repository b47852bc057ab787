"""Shows how the deployment of functions goes on: bars on a terminal, lines elsewhere.

Deployments tell of themselves in lines (pip's, the Docker engine's, the emulator's own). On a
terminal each function has one bar, whose text is the newest line; figures of a download or of a
build's steps move the bar and give the time left.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from typing import TYPE_CHECKING

from emulator.up.display import LineDisplay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress, TaskID

    from emulator.up.display import Display

_DOWNLOADED = re.compile(r"Progress (\d+) of (\d+)$")
"""Matches the lines of `pip --progress-bar raw`: bytes that came, of all bytes of a download."""
_STEP = re.compile(r"Step (\d+)/(\d+) : ")
"""Matches the line with which the Docker engine begins a step of a build."""
_PHASES = ("Downloading ", "Installing ", "Successfully ", "installing ", "compiling ")
"""Beginnings of the lines after which the figures of the bar no longer hold."""
_DEVIATION = "names "
"""Beginning of the line about a Python that differs from the function's own, which must stay."""
_LONGEST = 60


def deployment_display() -> Display:
    """Returns the display that fits standard output."""
    return TerminalDisplay() if sys.stdout.isatty() else LineDisplay()


class TerminalDisplay:
    """Draws a bar while a function is deployed, and leaves a line when the function is ready."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is for tests; None: standard output."""
        from rich.console import Console as RichConsole  # noqa: PLC0415  # slow to import

        self._console = console or RichConsole(highlight=False, markup=False)

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)

    @contextlib.contextmanager
    def deploying(self, name: str, memory_mb: int) -> Iterator[Callable[[str], None]]:
        """Draws the bar of a function, and yields a callback for the lines of its deployment."""
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[news]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        begun = time.monotonic()
        with progress:
            task = progress.add_task(f"Deploying {name}", total=None, news="")
            yield lambda line: self._show(progress, task, name, line)
        self.say(f"Deployed {name} ({memory_mb} MB) in {time.monotonic() - begun:.1f} s")

    def _show(self, progress: Progress, task: TaskID, name: str, line: str) -> None:
        """Moves the bar by the figures of a line; a line without figures begins a new phase."""
        text = line.removeprefix(f"{name}: ")
        if found := _DOWNLOADED.match(text):
            progress.update(task, completed=int(found[1]), total=int(found[2]))
        elif found := _STEP.match(text):
            news = text[found.end() :][:_LONGEST]
            progress.update(task, completed=int(found[1]) - 1, total=int(found[2]), news=news)
        elif text.startswith(_DEVIATION):
            self.say(line)
        elif progress.tasks[0].total and not text.startswith(_PHASES):
            progress.update(task, news=text[:_LONGEST])  # within a step of a build
        else:
            progress.tasks[0].total = None  # `reset` takes None for "as it was"
            progress.reset(task, news=text[:_LONGEST])
