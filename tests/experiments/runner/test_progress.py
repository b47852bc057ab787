from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.runner import progress
from emulator.experiments.runner.progress import StudyProgress, span
from tests.experiments.plans import cells_of

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def cells(tmp_path: Path) -> list[PlannedCell]:
    return cells_of(tmp_path)  # two of 15.3 s each


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_on_a_terminal_one_line_is_rewritten(
    cells: list[PlannedCell], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    out = Terminal()
    progress = StudyProgress(cells, already=2, out=out)
    progress.begin(cells[0])
    clock[0] += 6
    progress.note("3 users")
    progress.end("done")
    assert out.getvalue().split("\r\x1b[2K")[1:] == [
        "[##########----------] 2/4  kdd99-numpy-256mb-ramp-r1  starting  (about 31 s left)",
        "[##########----------] 2/4  kdd99-numpy-256mb-ramp-r1  3 users  (about 25 s left)",
        "[###############-----] 3/4  kdd99-numpy-256mb-ramp-r1  done, 6 s\n",
    ]


def test_a_line_that_is_rewritten_fits_the_terminal(
    cells: list[PlannedCell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    StudyProgress(cells, already=0, out=out).begin(cells[0])
    assert out.getvalue() == "\r\x1b[2K[--------------------] 0/2  kdd99-numpy"


def test_elsewhere_a_line_comes_once_in_a_while(
    cells: list[PlannedCell], clock: list[float]
) -> None:
    out = io.StringIO()
    progress = StudyProgress(cells, already=0, out=out)
    progress.begin(cells[0])
    for _ in range(12):
        clock[0] += 1
        progress.note("news")
    progress.end("done")
    assert [line.split("  ")[2] for line in out.getvalue().splitlines()] == [
        "starting",
        "news",
        "done, 12 s",
    ]


def test_time_left_learns_from_the_cells_that_are_over(
    cells: list[PlannedCell], clock: list[float]
) -> None:
    progress = StudyProgress(cells, already=0, out=io.StringIO())
    assert progress.left() == "about 31 s"
    progress.begin(cells[0])
    clock[0] += 45.9  # three times what was planned
    progress.end("done")
    assert progress.left() == "about 46 s"


def test_news_without_a_running_cell_are_not_told(cells: list[PlannedCell]) -> None:
    out = io.StringIO()
    StudyProgress(cells, already=0, out=out).note("too late")
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "about 0 s"), (119, "about 119 s"), (180, "about 3 min"), (12_000, "about 3 h 20 min")],
)
def test_spans_are_told_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words
