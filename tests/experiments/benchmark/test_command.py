from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.experiments.benchmark import model_functions
from emulator.experiments.benchmark.command import measure_bench, run_bench
from emulator.experiments.benchmark.echo_emulator import write_function
from emulator.experiments.benchmark.figures import WANTED
from emulator.experiments.benchmark.measurement import NO_RUNTIME, BackendBench, BenchPlan
from emulator.experiments.benchmark.model_functions import MODEL_FUNCTIONS
from emulator.experiments.report.progress import StepProgress
from emulator.live.backends.docker.oci_runtime import checked_runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    elsewhere = {function.figure for function in MODEL_FUNCTIONS}
    elsewhere |= {name for name in WANTED if " by crun" in name}
    wanted = set(WANTED) - elsewhere
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


def test_crun_is_left_out_with_a_reason_where_the_engine_lacks_it(
    interpreter: Callable[[str], str], tmp_path: Path
) -> None:
    told = "--oci-runtime crun: the Docker engine has no runtime of this name; it has runc."
    python = interpreter(f"raise SystemExit('testbed: {told}')")
    with StepProgress(1.0) as progress:
        bench = BackendBench("docker", tmp_path, SHORT, progress, python)
        assert bench._measure_crun() == {}
    assert bench.left_out == ["cold starts by crun, as the engine has no such runtime"]


def test_crun_is_measured_where_the_engine_has_it(stand_in: str, tmp_path: Path) -> None:
    write_function(tmp_path)
    with StepProgress(1.0) as progress:
        figures = BackendBench("docker", tmp_path, SHORT, progress, stand_in)._measure_crun()
        assert BackendBench("process", tmp_path, SHORT, progress, stand_in)._measure_crun() == {}
    assert set(figures) == {
        "cold by crun p50, ms",
        "cold by crun p95, ms",
        "30 cold at once by crun: all ready, ms",
        "30 cold at once by crun: all answered, ms",
    }
    assert min(figures.values()) > 0


def test_emulator_says_of_a_missing_runtime_what_the_benchmark_looks_for() -> None:
    with pytest.raises(SettingsError, match=NO_RUNTIME):
        checked_runtime("crun", {"Runtimes": {"runc": {}}})
