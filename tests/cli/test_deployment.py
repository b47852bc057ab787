from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from emulator.cli.deployment import TerminalDisplay, deployment_display
from emulator.up.display import LineDisplay

if TYPE_CHECKING:
    import pytest

PIP = (
    "f: installing its requirements",
    "f: Downloading tensorflow-2.21.0-cp313.whl (620.8 MB)",
    "f: Progress 310400000 of 620800000",
)


def drawn(lines: tuple[str, ...]) -> tuple[str, str]:
    """Returns all that a terminal was sent while the lines came, and what was left afterwards."""
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=120, highlight=False, markup=False)
    display = TerminalDisplay(console)
    with display.deploying("f", 128) as told:
        for line in lines:
            told(line)
    return screen.getvalue(), screen.getvalue().splitlines()[-1]


def test_pipe_gets_a_line_each_but_none_for_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    display = deployment_display()
    assert isinstance(display, LineDisplay)
    with display.deploying("f", 128) as told:
        for line in PIP:
            told(line)
    assert capsys.readouterr().out.splitlines() == ["Deploying f (128 MB) …", *PIP[:2]]


def test_terminal_folds_lines_into_one_bar() -> None:
    screen, last = drawn(PIP)
    assert "Downloading tensorflow" in screen
    assert "━" in screen
    assert last.partition("Deployed")[2].startswith(" f (128 MB) in 0.")


def test_steps_of_a_build_move_the_bar() -> None:
    screen, _ = drawn(("Step 1/9 : FROM base", "Step 9/9 : CMD app.handler"))
    assert "CMD app.handler" in screen


def test_deviation_of_the_machine_stays_to_be_read() -> None:
    screen, _ = drawn(("f: names python3.13, runs on this host's python3.11",))
    assert "f: names python3.13, runs on this host's python3.11\n" in screen.replace("\r", "")


def test_lines_with_brackets_are_shown_as_they_are() -> None:
    screen, _ = drawn(("f: Downloading urllib3[socks] (1 MB)",))
    assert "urllib3[socks]" in screen


def test_figures_move_the_bar_until_the_next_phase() -> None:
    display, progress = TerminalDisplay(Console(file=StringIO())), Progress()
    task = progress.add_task("f", total=None, news="")
    shown = []
    for line in (*PIP, "f: compiling 54 MB of packages", "Step 3/4 : RUN x", "a line of x"):
        display._show(progress, task, "f", line)
        state = progress.tasks[0]
        shown.append((state.completed, state.total, state.fields["news"]))
    assert shown == [
        (0, None, "installing its requirements"),
        (0, None, "Downloading tensorflow-2.21.0-cp313.whl (620.8 MB)"),
        (310400000, 620800000, "Downloading tensorflow-2.21.0-cp313.whl (620.8 MB)"),
        (0, None, "compiling 54 MB of packages"),
        (2, 4, "RUN x"),
        (2, 4, "a line of x"),
    ]
