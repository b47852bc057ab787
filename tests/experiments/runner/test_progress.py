from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.runner.progress import StudyProgress, span
from tests.experiments.plans import cells_of

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        """What was written, without the codes that move the cursor and colour."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def cells(tmp_path: Path) -> list[PlannedCell]:
    return cells_of(tmp_path)  # two of 10.3 s each


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_on_a_terminal_a_bar_tells_the_cell_its_news_and_the_time_left(
    cells: list[PlannedCell], clock: Clock, terminal: Terminal
) -> None:
    progress = StudyProgress(cells, already=2, out=terminal, clock=clock)
    with progress:
        progress.begin(cells[0])
        clock.now += 6
        progress.note("3 users")
        progress.end("done")
        clock.now += 1
        progress.begin(cells[1])
    text = terminal.text()
    assert "2/4 kdd99-numpy-256mb-ramp-r1  starting" in text
    assert "about 21 s left" in text
    assert "3/4  kdd99-numpy-256mb-ramp-r1  done, 6 s\n" in text
    assert "3/4 kdd99-numpy-512mb-ramp-r1  starting" in text
    assert "about 6 s left" in text  # the first took 6 s of the 10.3 that were planned


def test_a_bar_never_wraps(
    cells: list[PlannedCell], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with StudyProgress(cells, already=0, out=terminal) as progress:
        progress.begin(cells[0])
    drawn = [line for line in re.split(r"[\r\n]", terminal.text()) if line.strip()]
    assert drawn
    assert all(len(line) <= 60 for line in drawn)
    assert all("left" in line for line in drawn)


def test_words_with_brackets_are_no_markup(cells: list[PlannedCell], terminal: Terminal) -> None:
    with StudyProgress(cells, already=0, out=terminal) as progress:
        progress.begin(cells[0])
        progress.note("[red]users[/]")
        progress.end("failed: [Errno 28] no space")
    assert "failed: [Errno 28] no space" in terminal.text()


def test_elsewhere_a_plain_line_comes_once_in_a_while(
    cells: list[PlannedCell], clock: Clock
) -> None:
    out = io.StringIO()
    with StudyProgress(cells, already=2, out=out, clock=clock) as progress:
        progress.begin(cells[0])
        for _ in range(12):
            clock.now += 1
            progress.note("news")
        progress.end("done")
        progress.begin(cells[1])
    assert out.getvalue().splitlines() == [
        "2/4  kdd99-numpy-256mb-ramp-r1  starting  (about 21 s left)",
        "2/4  kdd99-numpy-256mb-ramp-r1  news  (about 11 s left)",
        "3/4  kdd99-numpy-256mb-ramp-r1  done, 12 s",
        "3/4  kdd99-numpy-512mb-ramp-r1  starting  (about 12 s left)",
    ]


def test_without_a_place_to_write_progress_goes_to_stderr(
    cells: list[PlannedCell], capsys: pytest.CaptureFixture[str]
) -> None:
    with StudyProgress(cells, already=0) as progress:
        progress.begin(cells[0])
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("0/2  kdd99-numpy-256mb-ramp-r1  starting")
    assert "\x1b" not in told.err


def test_time_left_learns_from_the_cells_that_are_over(
    cells: list[PlannedCell], clock: Clock
) -> None:
    progress = StudyProgress(cells, already=0, out=io.StringIO(), clock=clock)
    assert (progress.left(), progress.share) == ("about 21 s", 0)
    progress.begin(cells[0])
    clock.now += 30.9  # three times what was planned
    progress.end("done")
    assert (progress.left(), progress.share) == ("about 31 s", 0.5)


def test_news_without_a_running_cell_are_not_told(cells: list[PlannedCell]) -> None:
    out = io.StringIO()
    progress = StudyProgress(cells, already=0, out=out)
    progress.note("too late")
    progress.end("too late")
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "about 0 s"), (119, "about 119 s"), (180, "about 3 min"), (12_000, "about 3 h 20 min")],
)
def test_spans_are_told_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words
