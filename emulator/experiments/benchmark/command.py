"""Runs `testbed bench`: what the emulator itself costs, on every backend that works here.

Owns which backends are measured and what is printed of them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import TestbedError
from emulator.experiments.benchmark.figures import BenchResults, bench_table, floor_ratios
from emulator.experiments.benchmark.floors import measure_floors
from emulator.experiments.benchmark.measurement import BackendBench, BenchPlan
from emulator.experiments.benchmark.pages import bench_page, comparison_page
from emulator.experiments.benchmark.turns import (
    Comparison,
    Side,
    TurnPlan,
    compare,
    other_checkout,
)
from emulator.experiments.report.progress import StepProgress
from emulator.experiments.runner.emulator_process import stoppable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.experiments.benchmark.figures import Figures

_BUSY = 0.7
"""Load average above which the figures suffer."""


def run_bench(
    *,
    backends: Sequence[str] = ("docker", "process"),
    plan: BenchPlan | None = None,
    python: str = sys.executable,
    out: Path | None = None,
) -> int:
    """Measures each backend, prints a table or writes a page; 1 where none could be measured."""
    results = measure_bench(backends=backends, plan=plan, python=python)
    if not results.figures:
        return 1
    if out is None:
        print(f"\n{bench_table(results)}")
    else:
        out.write_text(bench_page(results), encoding="utf-8")
    return 0


def run_comparison(
    against: Path,
    *,
    backends: Sequence[str] = ("docker", "process"),
    turns: int = 7,
    out: Path | None = None,
) -> int:
    """Compares with another checkout, and prints a page; 1 where nothing could be measured.

    Raises:
        SettingsError: the folder is no checkout.
    """
    before = other_checkout(against)
    sides = before, Side("this one", sys.executable)
    plan = TurnPlan(turns=turns)
    found: dict[str, Comparison] = {}
    with (
        stoppable(),
        tempfile.TemporaryDirectory(prefix="testbed-bench-") as scratch,
        StepProgress(plan.expected * len(backends)) as progress,
    ):
        load = os.getloadavg()[0]
        for backend in backends:
            try:
                found[backend] = compare(backend, sides, Path(scratch) / backend, plan, progress)
            except TestbedError as error:
                progress.note(f"{backend} was not measured: {error}")
    if not found:
        return 1
    page = comparison_page(found, before.name, plan, load)
    if out is None:
        print(page)
    else:
        out.write_text(page, encoding="utf-8")
    return 0


def measure_bench(
    *,
    backends: Sequence[str] = ("docker", "process"),
    plan: BenchPlan | None = None,
    python: str = sys.executable,
) -> BenchResults:
    """Measures each backend that works here; those that do not are told on stderr.

    Args:
        backends: docker, process or both.
        plan: how many requests of each kind; None for the usual numbers.
        python: the interpreter that emulators and the client run in.
    """
    plan = plan or BenchPlan()
    figures: dict[str, Figures] = {}
    machine: Mapping[str, Any] = {}
    missing: list[str] = []
    left_out: list[str] = []
    with (
        stoppable(),
        tempfile.TemporaryDirectory(prefix="testbed-bench-") as scratch,
        StepProgress(plan.expected_s * len(backends)) as progress,
    ):
        if (load := os.getloadavg()[0]) > _BUSY:
            progress.note(
                f"The machine is busy (load {load:.1f}): figures will be worse than they need be."
            )
        for backend in backends:
            bench = BackendBench(backend, Path(scratch) / backend, plan, progress, python)
            try:
                found, runs = bench.measure()
            except TestbedError as error:
                progress.note(f"{backend} was not measured: {error}")
            else:
                figures[backend] = found
                machine = runs[-1].info.machine
                missing += [f"{backend}: {told}" for run in runs for told in run.missing]
                left_out += [f"{backend}: {told}" for told in bench.left_out]
        if figures:
            progress.begin("floors")
            floors = measure_floors(plan.warm_requests)
            figures = {
                name: found | floors | floor_ratios(found, floors)
                for name, found in figures.items()
            }
    return BenchResults(figures, machine, tuple(missing), tuple(left_out))
