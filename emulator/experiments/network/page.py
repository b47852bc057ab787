"""Writes the page that holds the network path against AWS: a figure, its CSV, and few words."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from emulator.core.network_paths.aws_2020_pacslab import AWS_2020_PACSLAB
from emulator.errors import RunDirectoryError
from emulator.experiments.network.constants import constants_table
from emulator.experiments.network.figure import draw
from emulator.experiments.network.overhead import COMPARED
from emulator.experiments.report.charts import style
from emulator.experiments.report.document import (
    LEAD,
    SMALL,
    Block,
    Document,
    Heading,
    Notice,
    Paragraph,
    Picture,
    Table,
)
from emulator.experiments.report.page_files import write_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from emulator.experiments.network.comparison import Comparison
    from emulator.experiments.network.overhead import MeasuredRun

FIGURE = "network-against-aws"
CSV = f"{FIGURE}.csv"


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Writes page, figure and CSV into a folder, and returns the page's path.

    Raises:
        RunDirectoryError: the folder cannot be written.
    """
    page = write_page(document(comparison), folder)
    try:
        _write_csv(comparison, folder / CSV)
    except OSError as error:
        raise RunDirectoryError(f"{folder / CSV} cannot be written: {error.strerror}.") from error
    return page


def _write_csv(comparison: Comparison, path: Path) -> None:
    """Writes a row for each quantile of each held-out run."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("run", "share", "predicted_s", "real_s", "error"))
        writer.writerows(
            (e.date, f"{e.share:g}", f"{e.predicted:.4f}", f"{e.real:.4f}", f"{e.error:.4f}")
            for e in comparison.errors
        )


def document(comparison: Comparison) -> Document:
    """Lays out the page."""
    return Document(
        "The network part against AWS",
        (
            _result(comparison),
            *_outdated(comparison),
            _picture(comparison),
            *_quantiles(comparison),
            *_method(comparison),
            *_constants(),
            Paragraph("Made by `testbed network DATA`, DATA being a folder of those runs.", SMALL),
        ),
    )


def _result(comparison: Comparison) -> Paragraph:
    worst = max(comparison.errors, key=lambda error: abs(error.error))
    medians = [error for error in comparison.errors if error.share == 0.5]  # noqa: PLR2004
    return Paragraph(
        "What a client waits beside its function, as the emulator predicts and as clients "
        f"of AWS measured in runs that the fit never saw: medians differ by "
        f"{_listed([f'{error.error:+.1%}' for error in medians])}, and no quantile from "
        f"{COMPARED[0]:.0%} to {COMPARED[-1]:.0%} by more than {abs(worst.error):.1%} "
        f"(at {worst.share:.0%}, {worst.date}).",
        LEAD,
    )


def _outdated(comparison: Comparison) -> tuple[Notice, ...]:
    if comparison.is_current:
        return ()
    points = ", ".join(f"({share:g}, {seconds:g})" for share, seconds in comparison.fitted)
    return (Notice("The emulator's table is not what these runs give", (points,)),)


def _picture(comparison: Comparison) -> Picture:
    return Picture(
        FIGURE,
        style.png(draw(comparison)),
        "Shares of requests by the time lost between client and function, predicted and real",
        "Left: the share of requests that lose at most so much. Right: the share that lose "
        "more, on a logarithmic scale.",
    )


def _quantiles(comparison: Comparison) -> tuple[Block, ...]:
    return (
        Heading("Quantile by quantile"),
        _table(comparison),
        Paragraph(
            "Each row: the predicted time, the time measured in a held-out run, and the "
            "prediction's error as a share of what is real.",
            SMALL,
        ),
    )


def _method(comparison: Comparison) -> tuple[Block, ...]:
    seen, held_out = comparison.seen, comparison.held_out
    return (
        Heading("What was measured, and how the path was fitted"),
        Paragraph(
            "pacslab's runs of 2020 (serverless-performance-modeling, MIT): one function of "
            "128 MB, Poisson arrivals, the client's time less Lambda's own "
            f"Duration, warm requests alone. Fitted: {_listed(_named(seen))}. "
            f"Held out: {_listed(_named(held_out))}. The rule went by date alone and was "
            "committed before the fit; percentiles of all runs had been seen by then. Each "
            "fitted run counts the same; the longest thousandth is cut."
        ),
        Paragraph(
            "What the figure cannot tell: where that client stood, whether its connections "
            "were kept, and how the time splits into network and gateway. "
            f"`{AWS_2020_PACSLAB.name}` therefore has all of it as the gateway's. Runs differ "
            "from each other by more than chance (medians from "
            f"{_median_ms(min, comparison)} to {_median_ms(max, comparison)} ms), and no "
            "single path can meet them all."
        ),
    )


def _constants() -> tuple[Block, ...]:
    return (
        Heading("The paths and their constants"),
        Paragraph(
            '`testbed up --network PATH`, or `network = "PATH"` in a plan. A request of an '
            "HTTP route passes network, API Gateway and front end, Invoke and function URLs "
            "pass network and front end; what a sandbox asks for comes from within the region. "
            "Half of a round trip and of the services' time is lost before the scheduler hears "
            "of the request, half in the answer's way; none of it is billed. H: a vendor's or "
            "standard's text, or measured; M: secondary, or one source; L: inferred, a setting "
            "and no fact."
        ),
        constants_table(),
    )


def _median_ms(of: Callable[[Iterable[float]], float], comparison: Comparison) -> str:
    return f"{of(run.at(0.5) for run in comparison.runs) * 1000:.0f}"


def _named(runs: tuple[MeasuredRun, ...]) -> list[str]:
    return [f"{run.date} ({len(run.overhead):,} requests)" for run in runs]


def _listed(texts: list[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def _table(comparison: Comparison) -> Table:
    head = ("quantile", "predicted", *(word for run in comparison.held_out for word in _head(run)))
    rows = []
    for share in COMPARED:
        errors = [error for error in comparison.errors if error.share == share]
        real = [text for e in errors for text in (f"{e.real * 1000:.1f} ms", f"{e.error:+.1%}")]
        rows.append((f"{share:.0%}", f"{errors[0].predicted * 1000:.1f} ms", *real))
    return Table(head, tuple(rows))


def _head(run: MeasuredRun) -> tuple[str, str]:
    return f"real, {run.date}", "error"
