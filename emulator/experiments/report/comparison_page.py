"""Lays out the page of two runs side by side: `testbed report A B`.

Owns the page's sections; what differs, and how surely, is the analysis's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.comparison import Figure, compare
from emulator.experiments.plan.cells import Origin
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.charts.differences import draw_differences
from emulator.experiments.report.charts.style import png
from emulator.experiments.report.document import (
    SMALL,
    Block,
    Document,
    Heading,
    Notice,
    Paragraph,
    Picture,
    Table,
)
from emulator.experiments.report.labels import marked
from emulator.experiments.report.page_files import write_page
from emulator.experiments.report.progress import Reach, silently
from emulator.experiments.report.simulated import as_simulated

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.analysis.comparison import Comparison, Difference
    from emulator.experiments.records.study import StudyRun

_ONE_READ = 0.3
"""Share of a comparison's time that the reading of a run takes; for the progress alone."""


def report_comparison(
    first: Path, second: Path, out: Path | None = None, reach: Reach = silently
) -> Path:
    """Writes the page, its Markdown and its picture, and returns the page's path.

    Args:
        first: a run directory, called A in the report.
        second: a run directory, called B.
        out: the folder to write to; None for a folder in the second run's.
        reach: is told how far the report is.

    Raises:
        RunDirectoryError: one of the folders holds no run, or the report cannot be written.
    """
    reach(f"reading {first}", 0.0)
    before = read_study(first)
    reach(f"reading {second}", _ONE_READ)
    after = read_study(second)
    reach("comparing the cells", 2 * _ONE_READ)
    document = comparison_document(before, after)
    return write_page(document, out or second / f"against-{first.resolve().name}")


def comparison_document(first: StudyRun, second: StudyRun) -> Document:
    """Lays out the report of two runs."""
    comparison = compare(first, second)
    names = _names(first, second)
    columns = _columns(first, second)
    blocks: list[Block] = [
        Paragraph(f"A is {names[0]}, B is {names[1]}. {_what_differs(comparison)}"),
        *_notices(first, second, comparison),
    ]
    if comparison.pairs:
        blocks += [
            Picture(
                "differences",
                png(draw_differences(comparison)),
                "How B's median latencies differ from A's, with intervals",
                "Left of the line B is faster. A bar is the interval of the difference at 95 %; "
                "one that touches the line shows no difference.",
            ),
            *(block for figure in Figure for block in _table(comparison, figure, columns)),
            Paragraph(
                "Differences are B less A, with bootstrap intervals at 95 % (4,000 resamples, a "
                "fixed seed); the intervals of medians are exact, from order statistics. Requests "
                "are taken as independent, so that two runs of the same plan differ more often "
                "than in 1 of 20: compare repetitions before you believe a small difference.",
                SMALL,
            ),
        ]
    else:
        blocks.append(Paragraph("The two runs have no cell in common that both measured."))
    document = Document(f"Two runs side by side: {names[0]} and {names[1]}", tuple(blocks))
    both = first.origin is second.origin is Origin.SIMULATED
    return as_simulated(document) if both else document


def _names(first: StudyRun, second: StudyRun) -> tuple[str, str]:
    """Returns the runs' names, or their folders' where both have the same name."""
    if first.name != second.name:
        return first.name, second.name
    return first.path.resolve().name, second.path.resolve().name


def _columns(first: StudyRun, second: StudyRun) -> tuple[str, str]:
    """Names the columns of both runs, with their origins where only one is simulated."""
    if first.origin is second.origin:
        return "A", "B"
    return f"A, {first.origin}", f"B, {second.origin}"


def _what_differs(comparison: Comparison) -> str:
    parts = [
        f"{axis.replace('_', ' ')} {a} in A, {b} in B"
        for axis, (a, b) in comparison.differing.items()
    ]
    return f"They differ in {'; '.join(parts)}." if parts else "Both had the same conditions."


def _notices(first: StudyRun, second: StudyRun, comparison: Comparison) -> list[Block]:
    """Returns what cannot be compared, and which pairs carry a mark, and why."""
    lines = [f"A: {problem}" for problem in first.problems]
    lines += [f"B: {problem}" for problem in second.problems]
    lines += [f"Only A measured {name}." for name in comparison.only_first]
    lines += [f"Only B measured {name}." for name in comparison.only_second]
    blocks: list[Block] = []
    if lines:
        blocks.append(Notice("Not all can be compared", tuple(lines)))
    bound = tuple(pair.name for pair in comparison.pairs if pair.host_bound)
    if bound:
        title = f"{formatting.HOST_BOUND} Here a machine was the bottleneck, in A or in B"
        blocks.append(Notice(title, bound))
    incomplete = tuple(pair.name for pair in comparison.pairs if pair.incomplete)
    if incomplete:
        title = f"{formatting.INCOMPLETE} Here records miss something, in A or in B"
        blocks.append(Notice(title, incomplete))
    return blocks


def _table(comparison: Comparison, figure: Figure, columns: tuple[str, str]) -> list[Block]:
    write = formatting.money if figure is Figure.COST else formatting.time
    rows = []
    for pair in comparison.pairs:
        compared = next(d for d in pair.differences if d.figure is figure)
        if compared.first.value is None and compared.second.value is None:
            continue
        rows.append(
            (
                marked(pair.name, host_bound=pair.host_bound, incomplete=pair.incomplete),
                formatting.estimate(compared.first, write),
                formatting.estimate(compared.second, write),
                formatting.signed(compared.difference, write),
                _share(compared),
                compared.change.value,
            )
        )
    if not rows:
        return []
    head = ("cell", *columns, "difference", "of A", "B is")
    return [Heading(figure.value.capitalize()), Table(head, tuple(rows))]


def _share(difference: Difference) -> str:
    return formatting.ABSENT if difference.share is None else f"{difference.share:+.1%}"
