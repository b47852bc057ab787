from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.benchmark import command
from emulator.experiments.benchmark.command import run_bench, table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def test_table_marks_what_is_short_of_the_wanted() -> None:
    lines = table(
        {
            "docker": {"cold p50, ms": 150.0, "invokes/s, 10 clients": 2999.0},
            "process": {"cold p50, ms": 61.0, "warm p50, 1 client, ms": 0.6},
        }
    )
    assert lines == [
        "figure                   docker   process                         wanted",
        "------------------------------------------------------------------------",
        "cold p50, ms                150    61.0 *   <= 200 docker, <= 60 process",
        "invokes/s, 10 clients    2999 *         -                        >= 3000",
        "warm p50, 1 client, ms        -      0.60                          <= .6",
        "",
        "* short of what is wanted",
    ]


def test_every_figure_is_measured(
    stand_in: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (
        ("COLD_STARTS", 3),
        ("NOT_COUNTED", 1),
        ("WARM_REQUESTS", 20),
        ("RATE_REQUESTS", {1: 20, 10: 40}),
        ("_WARM_UP", 5),
        ("_SETTLED_AFTER", 0.0),
    ):
        monkeypatch.setattr(command, name, value)
    taken: dict[str, command.Figures] = {}
    assert run_bench(backends=["process"], python=stand_in, take=taken.update) == 0
    assert set(command.WANTED) < set(taken["process"])
    lines = capsys.readouterr().out.splitlines()
    figures = {line.split("  ")[0]: line for line in lines}
    assert set(command.WANTED) < set(figures)
    assert "1 CPUs" in lines
    assert not any(" -  " in figures[name] for name in command.WANTED)


def test_a_backend_that_does_not_work_here_is_left_out(
    interpreter: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    python = interpreter("raise SystemExit('testbed: No Docker engine answers.')")
    assert run_bench(backends=["docker"], python=python) == 1
    said = capsys.readouterr().out
    assert "docker was not measured: The emulator ended before it served" in said
    assert "No Docker engine answers." in said
