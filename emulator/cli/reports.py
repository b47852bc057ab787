"""Reads finished runs: `testbed report` and `bill`. No emulator is asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from emulator.cli.choices import checker, completer, price_tables
from emulator.cli.options import PRICES, Json, RunFolder
from emulator.cli.output import print_json
from emulator.core.prices import Api
from emulator.errors import SettingsError

_SILENT_S = 3.0
"""Seconds in which a report that is not shown on a terminal prints no progress."""


def report(
    run: RunFolder,
    others: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="OTHER",
            help="Second run, to compare with the first; or runs of cells without their parts.",
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the page here. (default: a folder in the run's)"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a page of a run, or of two runs side by side.

    Runs of cells without one of their parts are joined to the first, claim by claim.
    """
    from emulator.experiments.report.progress import StepProgress  # noqa: PLC0415

    with StepProgress(1.0, silent_s=_SILENT_S) as progress:
        if others:
            page = _of_several(run, others, out, progress.reach)
        else:
            from emulator.experiments.report.study_page import report_run  # noqa: PLC0415

            page = report_run(run, out, progress.reach)
    if as_json:
        figures = [_figures(one) for one in (run, *(others or ()))]
        print_json({"page": page, "markdown": page.with_suffix(".md"), "runs": figures})
    else:
        print(f"{page}\n{page.with_suffix('.md')}")


def _of_several(
    run: Path, others: list[Path], out: Path | None, reach: Callable[[str, float], None]
) -> Path:
    from emulator.experiments.report.comparison_page import report_comparison  # noqa: PLC0415
    from emulator.experiments.report.study_page import report_ablations  # noqa: PLC0415

    page = report_ablations(run, others, out, reach)
    if page is None and len(others) > 1:
        raise SettingsError(
            "More than one other run can be joined to the first only where each has cells without "
            "one of their parts ([[without]] in a plan); two runs are compared."
        )
    return page or report_comparison(run, others[0], out, reach)


def _figures(run: Path) -> dict[str, Any]:
    from emulator.experiments.analysis.cell_stats import all_stats  # noqa: PLC0415
    from emulator.experiments.records.study_reader import read_study  # noqa: PLC0415

    study = read_study(run)
    return {"run": run, "incomplete": study.missing, "cells": all_stats(study)}


def import_clients(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What a load tool wrote of its requests.")
    ],
    run: RunFolder,
    *,
    as_json: Json = False,
) -> None:
    """Add what JMeter, Taurus or k6 saw to a run.

    Reads JTL (CSV or XML), k6's JSON lines or CSV, and the rows of the locustfiles.
    """
    from emulator.experiments.records.client_files.reader import import_clients  # noqa: PLC0415

    imported = import_clients(file, run)
    if as_json:
        print_json(imported)
    else:
        print("\n".join(imported.sentences()))


def bill(
    run: RunFolder,
    *,
    prices: Annotated[
        str | None,
        typer.Option(
            metavar=PRICES,
            help="Use the prices of this year. (default: those of the run's profile)",
            parser=checker(price_tables),
            autocompletion=completer(price_tables),
        ),
    ] = None,
    free_tier: Annotated[
        bool,
        typer.Option("--free-tier", help="Take off a month's free tier, as if nothing else ran."),
    ] = False,
    api: Annotated[
        Api | None,
        typer.Option(
            case_sensitive=False,
            help="Say what API Gateway asks besides, had all requests come through such an API.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add up what AWS would ask for a run."""
    from emulator.experiments.bill import bill_figures, bill_run  # noqa: PLC0415

    if as_json:
        print_json(bill_figures(run, prices=prices or "", free_tier=free_tier, api=api))
    else:
        print(bill_run(run, prices=prices or "", free_tier=free_tier, api=api))


def validate(
    data: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Measurements of AWS (docs/validation).")
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write the page here.")] = Path(
        "runs/validation"
    ),
    seeds: Annotated[int, typer.Option(metavar="N", min=2, help="Simulate each run N times.")] = 20,
) -> None:
    """Hold predictions against measurements of AWS Lambda."""
    from emulator.experiments.validation.command import run_validate  # noqa: PLC0415

    page = run_validate(data, seeds=seeds, out=out)
    print(f"{page}\n{page.with_suffix('.md')}")


def network(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder with pacslab-DATE.csv.gz files.")
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write the page here.")] = Path(
        "docs/network"
    ),
    as_json: Json = False,
) -> None:
    """Hold the network path against measurements of AWS."""
    from emulator.experiments.network.comparison import compare  # noqa: PLC0415
    from emulator.experiments.network.page import write_comparison  # noqa: PLC0415

    comparison = compare(data)
    page = write_comparison(comparison, out)
    if as_json:
        print_json({"page": page, "fitted": comparison.fitted, "errors": comparison.errors})
    else:
        print(f"{page}\n{page.with_suffix('.md')}")
