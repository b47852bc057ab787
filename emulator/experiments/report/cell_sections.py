"""Lays out the sections that show a run's cells one by one: figures, memory, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.report.charts.cell import draw_cell
from emulator.experiments.report.charts.lanes import MOST, draw_lanes
from emulator.experiments.report.charts.style import png
from emulator.experiments.report.context import price_note
from emulator.experiments.report.document import SMALL, Block, Heading, Paragraph, Picture
from emulator.experiments.report.memory_tables import collections_table, pages_table
from emulator.experiments.report.study_tables import cost_table, latency_table, load_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.records.study import MeasuredCell, StudyRun

_MOST_PICTURES = 60
"""Number of cells that have pictures; those of more cells would make the page too heavy."""


def cells_section(stats: Sequence[CellStats], names: Mapping[str, str]) -> list[Block]:
    """Returns the figures of each cell: load, latency, cost and resources."""
    if not stats:
        return [Heading("Cells"), Paragraph("No request was made, so there is nothing to show.")]
    return [
        Heading("Cells"),
        load_table(stats, names),
        Heading("Latency, cold and warm apart", 3),
        latency_table(stats, names),
        Heading("Cost and resources", 3),
        cost_table(stats, names),
        price_note(),
    ]


def pages_section(study: StudyRun, names: Mapping[str, str]) -> list[Block]:
    """Returns what the kernel counted of memory, and JVMs of theirs, where they did."""
    table = pages_table(study, names)
    if table is None:
        return []
    return [
        Heading("Memory as it was", 3),
        Paragraph(
            "What the kernel counted of the sandboxes. A major fault waits for the disk; a refault "
            "reads a page of a file again that was evicted a short while before. Warm requests "
            "that refault do not fit into their memory. Cold requests have their init's faults; a "
            "file that another sandbox has read costs none, as the sandboxes of a machine share a "
            "page cache unless that is private.",
            SMALL,
        ),
        table,
        *_collections(study, names),
    ]


def _collections(study: StudyRun, names: Mapping[str, str]) -> list[Block]:
    table = collections_table(study, names)
    if table is None:
        return []
    return [
        Heading("What the JVMs told", 3),
        Paragraph(
            "Heap and class metadata as a garbage collection left them; a shared archive's classes "
            "do not count. A JVM whose class metadata fill what they may take collects garbage at "
            "each turn, and its handlers wait for that.",
            SMALL,
        ),
        table,
    ]


def time_section(
    study: StudyRun, names: Mapping[str, str], drawing: Callable[[str, float], None]
) -> list[Block]:
    """Returns a picture of each cell, and of its sandboxes, over the time of its load.

    Args:
        study: the run.
        names: the cells' names, by their ids.
        drawing: is told each cell's name, and the share of the cells that are drawn.
    """
    measured = list(study.measured())
    if not measured:
        return []
    blocks: list[Block] = [Heading("Each cell over time")]
    for place, (cell, rows) in enumerate(measured[:_MOST_PICTURES]):
        name = names[cell.id]
        drawing(name, place / min(len(measured), _MOST_PICTURES))
        blocks += [
            Heading(name, 3),
            Picture(f"cell-{place:02}", png(draw_cell(cell, rows)), f"{name} over time"),
            *_sandbox_lanes(study, cell, place, name),
        ]
    if len(measured) > _MOST_PICTURES:
        left = len(measured) - _MOST_PICTURES
        blocks.append(Paragraph(f"{left} more cells are in the tables and have no picture here."))
    return blocks


def _sandbox_lanes(study: StudyRun, cell: MeasuredCell, place: int, name: str) -> list[Block]:
    run = study.runs.get(cell.folder)
    drawn = draw_lanes(run, cell.condition.function) if run else None
    if drawn is None:
        return []
    figure, sandboxes = drawn
    caption = f"The first {MOST} of {sandboxes} sandboxes." if sandboxes > MOST else ""
    return [Picture(f"lanes-{place:02}", png(figure), f"Sandboxes of {name} over time", caption)]
