"""Lists the options of `testbed simulate` in groups: of a plan, of a trace, and of both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.options import Profile


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """Holds where the times of a plan's cells come from, and how far off they are."""

    behaviours: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw times from this TOML file. (default: the plan's behaviours)"
        ),
    ] = None
    calibrate: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Draw times as this run measured them.")
    ] = None
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out",
            help="Predict each cell from the run's other cells, and tell the errors.",
        ),
    ] = False
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the errors of --leave-one-out here as well."),
    ] = None


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Holds which calls of a trace are taken, and what is assumed where the trace is silent."""

    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Simulate the calls of this trace instead of a plan."),
    ] = None
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Read the trace as csv, azure2019, azure2021, huawei, access-log, cloudwatch, "
            "cloudwatch-metrics, api-gateway or run.",
        ),
    ] = "csv"
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE.py:CLASS",
            help="Let this policy decide about the trace's idle sandboxes; may be repeated. "
            "(default: lifetime)",
        ),
    ] = None
    profile: Profile = "aws-2026"
    memory: Annotated[
        int,
        typer.Option(
            metavar="MB", min=128, help="Memory of functions of which the trace tells none."
        ),
    ] = 256
    cold_start: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Let every start of a trace take this.")
    ] = 1.0
    host_memory: Annotated[
        int | None,
        typer.Option(
            metavar="MB",
            min=128,
            help="Limit the memory of a trace's sandboxes. (default: no limit)",
        ),
    ] = None
    concurrency: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Limit the calls of a trace that run at once. (default: no limit)",
        ),
    ] = None
    asynchronous: Annotated[
        bool,
        typer.Option(
            "--asynchronous",
            help="Take each call of a trace as an event: queued, and tried again where it fails.",
        ),
    ] = False
    failing: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0, max=1, help="Let this share of a trace's calls fail."),
    ] = 0.0
    sample: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Take N functions of the trace.")
    ] = None
    window: Annotated[
        str | None,
        typer.Option(metavar="FIRST:LAST", help="Take the trace's calls between two seconds."),
    ] = None
    scale: Annotated[
        float, typer.Option(metavar="FACTOR", min=0, help="Take each call of a trace so often.")
    ] = 1.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Holds what simulations of a plan and of a trace have in common."""

    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every event and decision to this Parquet file."),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Seed all chance. (default: the plan's, or 0)"),
    ] = None
    jobs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Use N processes; 0 is one for each CPU.")
    ] = 0


@dataclass(frozen=True, slots=True)
class CellOptions:
    """Holds how sandboxes of a plan's cell start."""

    start_width: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Let N sandboxes of a plan's cell start at once."),
    ] = 4
    stem_cells: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Keep N stem cells of a plan's function started and frozen."
        ),
    ] = 0
