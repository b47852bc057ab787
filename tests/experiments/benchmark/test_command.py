from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.benchmark import model_functions
from emulator.experiments.benchmark.command import measure_bench, run_bench
from emulator.experiments.benchmark.figures import WANTED
from emulator.experiments.benchmark.measurement import BenchPlan
from emulator.experiments.benchmark.model_functions import MODEL_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

SHORT = BenchPlan(
    cold_starts=3,
    not_counted=1,
    warm_requests=20,
    rate_requests={1: 20, 10: 40, 30: 60},
    warm_up=5,
    settled_after=0.0,
    cells_filled_after=0.0,
    cells_refilled_after=0.0,
    more_bursts=(100,),
)


def test_every_figure_is_measured(stand_in: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_functions, "frameworks", lambda _: None)
    results = measure_bench(backends=["process"], plan=SHORT, python=stand_in)
    figures = results.figures["process"]
    wanted = set(WANTED) - {function.figure for function in MODEL_FUNCTIONS}
    assert wanted < set(figures)
    assert all(figures[name] > 0 for name in wanted)
    assert len(results.left_out) == len(MODEL_FUNCTIONS)
    assert results.machine == {"cpus": 1}


def test_the_table_is_all_that_stands_on_stdout(
    stand_in: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_functions, "frameworks", lambda _: None)
    assert run_bench(backends=["process"], plan=SHORT, python=stand_in) == 0
    out, err = capsys.readouterr()
    head = out[: out.index("figure")].splitlines()
    assert head[:2] == ["", "1 CPUs"]
    assert all(line.startswith("Left out: process: kdd99-") for line in head[2:-1])
    assert head[-1] == ""
    assert "process: starting the emulator (0%)" in err


def test_a_backend_that_does_not_work_here_is_left_out(
    interpreter: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    python = interpreter("raise SystemExit('testbed: No Docker engine answers.')")
    assert run_bench(backends=["docker"], python=python) == 1
    said = capsys.readouterr().err
    assert "docker was not measured: The emulator ended before it served" in said
    assert "No Docker engine answers." in said
