"""Reads finished runs: `testbed report` and `bill`."""

from pathlib import Path
from typing import Annotated

import typer

from emulator.cli.choices import checker, completer, price_tables
from emulator.cli.options import PRICES, RunFolder


def report(
    run: RunFolder,
    other: Annotated[
        Path | None,
        typer.Argument(metavar="[OTHER]", help="Second run, to compare with the first."),
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the page here. (default: a folder in the run's)"),
    ] = None,
) -> None:
    """Make a page of a run, or of two runs side by side."""
    if other is not None:
        from emulator.experiments.report.comparison_page import report_comparison  # noqa: PLC0415

        page = report_comparison(run, other, out)
    else:
        from emulator.experiments.report.study_page import report_run  # noqa: PLC0415

        page = report_run(run, out)
    print(f"{page}\n{page.with_suffix('.md')}")


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
) -> None:
    """Add up what AWS would ask for a run."""
    from emulator.experiments.bill import bill_run  # noqa: PLC0415

    print(bill_run(run, prices=prices or "", free_tier=free_tier))
