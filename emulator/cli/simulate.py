"""Predicts on virtual time: `testbed simulate`, of a study's plan or of a trace.

Needs the extra `experiments`, and therefore imports every room when the command runs.
"""

from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.option_groups import given, with_groups
from emulator.cli.simulate_options import CellOptions, PlanOptions, RunOptions, TraceOptions
from emulator.errors import SettingsError


@with_groups
def simulate(
    plan: Annotated[
        Path | None, typer.Argument(metavar="PLAN", help="TOML file, such as studies/small.toml.")
    ] = None,
    *,
    drawn: PlanOptions,
    calls: TraceOptions,
    run: RunOptions,
    cells: CellOptions,
    run_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write here. (default: runs/<plan>-simulated-<time>)"),
    ] = None,
) -> int:
    """Predict a plan, or what calls come to, on virtual time."""
    if plan is not None and calls.trace is None:
        _refuse(given(calls), "for a trace (--trace FILE), and a plan is simulated")
        if drawn.page is not None and not drawn.leave_one_out:
            raise SettingsError("--page is for the errors that --leave-one-out tells.")
        return _simulate_plan(plan, drawn, run, cells, run_dir)
    if plan is None and calls.trace is not None:
        _refuse(given(drawn, cells), "for a PLAN, and a trace is simulated")
        return _simulate_trace(calls.trace, calls, run, run_dir)
    raise SettingsError("simulate takes a PLAN, or calls from --trace FILE: one of the two.")


def _refuse(options: list[str], reason: str) -> None:
    """Refuses options that would be passed over."""
    if options:
        raise SettingsError(f"Options {reason}: {', '.join(options)}.")


def _simulate_plan(
    plan: Path, drawn: PlanOptions, run: RunOptions, cells: CellOptions, run_dir: Path | None
) -> int:
    from emulator.experiments.simulation.command import run_simulation  # noqa: PLC0415
    from emulator.experiments.simulation.study import SimulationOptions  # noqa: PLC0415

    options = SimulationOptions(
        behaviours=drawn.behaviours,
        calibrate=drawn.calibrate,
        leave_one_out=drawn.leave_one_out,
        seed=run.seed,
        jobs=run.jobs,
        start_width=cells.start_width,
        stem_cells=cells.stem_cells,
        journal=run.journal,
    )
    return run_simulation(plan, options, run_dir, drawn.page)


def _simulate_trace(trace: Path, calls: TraceOptions, run: RunOptions, run_dir: Path | None) -> int:
    from emulator.experiments.policies.trace_command import (  # noqa: PLC0415
        new_folder,
        simulate_trace,
    )
    from emulator.experiments.policies.trace_run import (  # noqa: PLC0415
        ENDLESS_MEMORY_MB,
        Assumptions,
    )
    from emulator.experiments.policies.trace_study import TraceStudy  # noqa: PLC0415

    assumed = Assumptions(
        profile=calls.profile,
        memory_mb=calls.memory,
        cold_start=calls.cold_start,
        host_memory_mb=calls.host_memory or ENDLESS_MEMORY_MB,
        seed=run.seed or 0,
    )
    study = TraceStudy(
        trace,
        calls.format,
        tuple(dict.fromkeys(calls.policy or ["lifetime"])),
        assumed,
        sample=calls.sample,
        window=_window(calls.window),
        scale=calls.scale,
        concurrency=calls.concurrency,
        asynchronous=calls.asynchronous,
        failing=calls.failing,
    )
    folder = run_dir or new_folder(trace)
    return simulate_trace(study, folder, print, jobs=run.jobs, journal=run.journal)


def _window(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    first, colon, last = text.partition(":")
    try:
        found = float(first or 0), float(last) if last else float("inf")
    except ValueError:
        found = 1.0, 0.0
    if not colon or not 0 <= found[0] < found[1]:
        raise SettingsError(f"--window must be two seconds, such as 3600:7200, not {text!r}.")
    return found
