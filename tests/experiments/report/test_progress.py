from __future__ import annotations

import io
from typing import TYPE_CHECKING

from emulator.experiments.report.progress import StepProgress

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pipe_gets_a_plain_line_once_in_a_while_with_the_time_left() -> None:
    out, clock = io.StringIO(), Clock()
    with StepProgress(20, out=out, clock=clock) as progress:
        for number in range(1, 21):
            progress.begin(f"round {number}")
            clock.now += 2
            progress.advance()
    assert out.getvalue().splitlines() == [
        "round 1 (0%)",
        "round 6 (25%, about 30 s left)",
        "round 11 (50%, about 20 s left)",
        "round 16 (75%, about 10 s left)",
    ]


def test_what_is_over_soon_prints_no_line() -> None:
    out, clock = io.StringIO(), Clock()
    with StepProgress(1.0, out=out, clock=clock, silent_s=3) as progress:
        progress.reach("reading", 0.0)
        clock.now += 2
        progress.reach("drawing", 0.5)
        assert not out.getvalue()
        clock.now += 2
        progress.reach("writing", 0.8)
    assert out.getvalue() == "writing (80%, about 1 s left)\n"


def test_notes_stay_in_a_pipe_as_they_are() -> None:
    out = io.StringIO()
    with StepProgress(1, out=out, clock=Clock()) as progress:
        progress.note("docker is not measured: [red]no engine[/red]")
    assert out.getvalue() == "docker is not measured: [red]no engine[/red]\n"


def test_a_terminal_gets_a_bar_and_notes_above_it() -> None:
    out, clock = Terminal(), Clock()
    with StepProgress(4, out=out, clock=clock) as progress:
        progress.begin("round [1]")
        clock.now += 5
        progress.advance(1)
        progress.note("[red]a note[/red]")
    shown = out.getvalue()
    assert "round [1]" in shown
    assert "25%" in shown
    assert "[red]a note[/red]\n" in shown
    assert shown.endswith("\x1b[2K")  # the bar is gone


def test_what_an_emulator_tells_passes_in_the_bar_and_stays_in_a_pipe() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for out in (terminal, pipe):
        with StepProgress(4, out=out, clock=Clock()) as progress:
            progress.detail("  | Deploying echo")
            if progress._bar is not None:
                progress._bar.refresh()
            progress.begin("a step")
    assert "| Deploying echo" in terminal.getvalue()
    assert "| Deploying echo\n" not in terminal.getvalue()
    assert pipe.getvalue() == "  | Deploying echo\na step (0%)\n"


def test_progress_leaves_stdout_to_results(capsys: pytest.CaptureFixture[str]) -> None:
    with StepProgress(1) as progress:
        progress.note("deploying")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "deploying\n")
