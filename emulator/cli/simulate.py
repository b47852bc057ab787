"""Predicts on virtual time: `testbed simulate`, of a study's plan or of a trace.

Needs the extra `experiments`, and therefore imports every room when the command runs.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.options import Profile
from emulator.errors import SettingsError

_ABOUT_A_PLAN = (
    *("behaviours", "calibrate", "leave_one_out", "page", "start_width", "stem_cells"),
)
_ABOUT_A_TRACE = (
    *("format", "policy", "profile", "memory", "cold_start", "host_memory", "concurrency"),
    *("asynchronous", "failing", "sample", "window", "scale"),
)


def simulate(
    context: typer.Context,
    plan: Annotated[
        Path | None, typer.Argument(metavar="PLAN", help="TOML file, such as studies/small.toml.")
    ] = None,
    *,
    behaviours: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw times from this TOML file. (default: the plan's behaviours)"
        ),
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Draw times as this run measured them.")
    ] = None,
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out",
            help="Predict each cell from the run's other cells, and tell the errors.",
        ),
    ] = False,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the errors of --leave-one-out here as well."),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Simulate the calls of this trace instead of a plan."),
    ] = None,
    format: Annotated[  # noqa: A002  # the option's name
        str,
        typer.Option(
            metavar="NAME",
            help="Read the trace as csv, azure2019, azure2021, huawei, access-log, cloudwatch, "
            "cloudwatch-metrics or api-gateway.",
        ),
    ] = "csv",
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE.py:CLASS",
            help="Let this policy decide about the trace's idle sandboxes; may be repeated. "
            "(default: lifetime)",
        ),
    ] = None,
    profile: Profile = "aws-2026",
    memory: Annotated[
        int,
        typer.Option(
            metavar="MB", min=128, help="Memory of functions of which the trace tells none."
        ),
    ] = 256,
    cold_start: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Let every start of a trace take this.")
    ] = 1.0,
    host_memory: Annotated[
        int | None,
        typer.Option(
            metavar="MB",
            min=128,
            help="Limit the memory of a trace's sandboxes. (default: no limit)",
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Limit the calls of a trace that run at once. (default: no limit)",
        ),
    ] = None,
    asynchronous: Annotated[
        bool,
        typer.Option(
            "--asynchronous",
            help="Take each call of a trace as an event: queued, and tried again where it fails.",
        ),
    ] = False,
    failing: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0, max=1, help="Let this share of a trace's calls fail."),
    ] = 0.0,
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Take N functions of the trace.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="FIRST:LAST", help="Take the trace's calls between two seconds."),
    ] = None,
    scale: Annotated[
        float, typer.Option(metavar="FACTOR", min=0, help="Take each call of a trace so often.")
    ] = 1.0,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every event and decision to this Parquet file."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Seed all chance. (default: the plan's, or 0)"),
    ] = None,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Use N processes; 0 is one for each CPU.")
    ] = 0,
    start_width: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Let N sandboxes of a plan's cell start at once."),
    ] = 4,
    stem_cells: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Keep N stem cells of a plan's function started and frozen."
        ),
    ] = 0,
    run_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write here. (default: runs/<plan>-simulated-<time>)"),
    ] = None,
) -> int:
    """Predict a plan, or what calls come to, on virtual time."""
    if (plan is None) is (trace is None):
        raise SettingsError("simulate takes a PLAN, or calls from --trace FILE: one of the two.")
    if trace is not None:
        _refuse(context, _ABOUT_A_PLAN, "a PLAN")
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
            profile=profile,
            memory_mb=memory,
            cold_start=cold_start,
            host_memory_mb=host_memory or ENDLESS_MEMORY_MB,
            seed=seed or 0,
        )
        study = TraceStudy(
            trace,
            format,
            tuple(dict.fromkeys(policy or ["lifetime"])),
            assumed,
            sample=sample,
            window=_window(window),
            scale=scale,
            concurrency=concurrency,
            asynchronous=asynchronous,
            failing=failing,
        )
        folder = run_dir or new_folder(trace)
        return simulate_trace(study, folder, print, jobs=jobs, journal=journal)
    assert plan is not None, "one of the two is there"
    _refuse(context, _ABOUT_A_TRACE, "a trace (--trace FILE)")
    if page is not None and not leave_one_out:
        raise SettingsError("--page is for the errors that --leave-one-out tells.")
    from emulator.experiments.simulation.command import run_simulation  # noqa: PLC0415
    from emulator.experiments.simulation.study import SimulationOptions  # noqa: PLC0415

    options = SimulationOptions(
        behaviours=behaviours,
        calibrate=calibrate,
        leave_one_out=leave_one_out,
        seed=seed,
        jobs=jobs,
        start_width=start_width,
        stem_cells=stem_cells,
        journal=journal,
    )
    return run_simulation(plan, options, run_dir, page)


def _refuse(context: typer.Context, options: Iterable[str], what: str) -> None:
    """Raises SettingsError where an option was given that would be passed over."""
    given = [
        "--" + name.replace("_", "-")
        for name in options
        if (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    ]
    if given:
        raise SettingsError(f"{', '.join(given)} would be passed over: for {what} alone.")


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
