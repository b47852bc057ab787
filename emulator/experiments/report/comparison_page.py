"""`testbed report A B`: the page of two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.comparison import Figure, compare
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.charts import style
from emulator.experiments.report.charts.style import COLD, GREY, WARM
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
from emulator.experiments.report.study_page import write

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure as Drawing

    from emulator.experiments.analysis.comparison import Comparison, Difference, Pair
    from emulator.experiments.records.study import StudyRun

_COLOURS = {Figure.COLD: COLD, Figure.WARM: WARM}


def report_comparison(first: Path, second: Path, out: Path | None = None) -> Path:
    """Writes the page, the Markdown and its picture; the page's path.

    Raises:
        RunDirectoryError: one of the folders holds no run.
    """
    document = comparison_document(read_study(first), read_study(second))
    return write(document, out or second / f"against-{first.resolve().name}")


def comparison_document(first: StudyRun, second: StudyRun) -> Document:
    comparison = compare(first, second)
    names = _names(first, second)
    blocks: list[Block] = [
        Paragraph(f"A is {names[0]}, B is {names[1]}. {_differing(comparison)}"),
        *_missing(first, second, comparison),
    ]
    if comparison.pairs:
        blocks += [
            Picture(
                "differences",
                style.png(_draw(comparison)),
                "How B's median latencies differ from A's, with intervals",
                "Left of the line B is faster. A bar is the interval of the difference at 95 %; "
                "one that touches the line shows no difference.",
            ),
            *(block for figure in Figure for block in _table(comparison, figure)),
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
    return Document(f"Two runs side by side: {names[0]} and {names[1]}", tuple(blocks))


def _names(first: StudyRun, second: StudyRun) -> tuple[str, str]:
    """Their own, or their folders' where both are called the same."""
    if first.name != second.name:
        return first.name, second.name
    return first.path.resolve().name, second.path.resolve().name


def _differing(comparison: Comparison) -> str:
    parts = [
        f"{axis.replace('_', ' ')} {a} in A, {b} in B"
        for axis, (a, b) in comparison.differing.items()
    ]
    return f"They differ in {'; '.join(parts)}." if parts else "Both had the same conditions."


def _missing(first: StudyRun, second: StudyRun, comparison: Comparison) -> list[Block]:
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
    return blocks


def _title(pair: Pair) -> str:
    return pair.name + (f" {formatting.HOST_BOUND}" if pair.host_bound else "")


def _table(comparison: Comparison, figure: Figure) -> list[Block]:
    words = formatting.money if figure is Figure.COST else formatting.time
    rows = []
    for pair in comparison.pairs:
        of_figure = next(d for d in pair.differences if d.figure is figure)
        if of_figure.first.value is None and of_figure.second.value is None:
            continue
        rows.append(
            (
                _title(pair),
                formatting.estimate(of_figure.first, words),
                formatting.estimate(of_figure.second, words),
                formatting.signed(of_figure.difference, words),
                _share(of_figure),
                of_figure.change.value,
            )
        )
    if not rows:
        return []
    head = ("cell", "A", "B", "difference", "of A", "B is")
    return [Heading(figure.value.capitalize()), Table(head, tuple(rows))]


def _share(difference: Difference) -> str:
    return formatting.ABSENT if difference.share is None else f"{difference.share:+.1%}"


def _draw(comparison: Comparison) -> Drawing:
    """A lane a pair: the differences of its medians in per cent of A's, with intervals."""
    figure = style.new_figure(8.6, 1.2 + 0.42 * len(comparison.pairs))
    panel = figure.subplots()
    panel.axvline(0, color=GREY, linewidth=1)
    for place, pair in enumerate(comparison.pairs):
        for difference in pair.differences:
            colour, value = _COLOURS.get(difference.figure), difference.first.value
            if colour is None or difference.share is None or not value:
                continue
            lane = place + (-0.15 if difference.figure is Figure.COLD else 0.15)
            panel.plot([difference.share], [lane], "o", color=colour, ms=6)
            interval = difference.difference.interval
            if interval is not None:
                ends = [interval.low / value, interval.high / value]
                panel.plot(ends, [lane, lane], color=colour, linewidth=2)
    panel.set_yticks(
        range(len(comparison.pairs)), [_title(pair) for pair in comparison.pairs], fontsize=8
    )
    panel.set_ylim(len(comparison.pairs) - 0.4, -0.6)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="x", color="#eeeeee")
    panel.set_axisbelow(True)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.0%}"))
    panel.set_xlabel("difference of the median latency, B less A, of A's")
    handles = [
        Line2D([], [], color=colour, marker="o", label=figure_name.value)
        for figure_name, colour in _COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    return figure
