"""`testbed report RUN`: a run as a page for people, from its directory alone.

The same directory gives the same bytes again: nothing here reads the clock, and all chance is
seeded. What is missing of a run is told first, and the rest is shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.cell_stats import all_stats
from emulator.experiments.analysis.claims import all_findings
from emulator.experiments.analysis.keep_warm import keep_warm
from emulator.experiments.analysis.memory_curve import memory_curves
from emulator.experiments.records.study import NO_STUDY
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.charts.cell import draw_cell
from emulator.experiments.report.charts.lanes import MOST, draw_lanes
from emulator.experiments.report.charts.overview import (
    draw_anatomy,
    draw_distributions,
    draw_memory,
)
from emulator.experiments.report.charts.style import png
from emulator.experiments.report.document import (
    SMALL,
    Block,
    Code,
    Document,
    Heading,
    Notice,
    Paragraph,
    Picture,
)
from emulator.experiments.report.html import html
from emulator.experiments.report.labels import cell_names, condition_names
from emulator.experiments.report.markdown import PICTURES, markdown
from emulator.experiments.report.study_tables import (
    claims_table,
    cost_table,
    idle_table,
    keep_warm_table,
    latency_table,
    load_table,
    memory_table,
)
from emulator.experiments.report.text import machine_facts

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.analysis.memory_curve import MemoryCurve
    from emulator.experiments.records.study import MeasuredCell, StudyRun

HTML = "report.html"
MARKDOWN = "report.md"
_FEW_CELLS = 60
"""Of more cells each one's pictures would make the page too heavy."""


def report_run(run: Path, out: Path | None = None) -> Path:
    """Writes the page, the Markdown and its pictures; the page's path.

    Raises:
        RunDirectoryError: the folder holds no run.
    """
    return write(study_document(read_study(run)), out or run / "report")


def write(document: Document, folder: Path) -> Path:
    """Writes a document as HTML and Markdown into the folder; the page's path."""
    pictures = folder / PICTURES
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()  # of a report with other cells
    for block in document.blocks:
        if isinstance(block, Picture):
            (pictures / f"{block.name}.png").write_bytes(block.png)
    (folder / MARKDOWN).write_text(markdown(document), encoding="utf-8")
    (folder / HTML).write_text(html(document), encoding="utf-8")
    return folder / HTML


def study_document(study: StudyRun) -> Document:
    stats = all_stats(study)
    names = cell_names(study.cells)
    curves = memory_curves(study)
    return Document(
        f"Serverless testbed: {study.name}",
        (
            *_answer(curves),
            *_missing(study),
            *_ran(study),
            *_claims(study),
            *_cells(stats, names),
            *_memory(curves),
            *_starts(study, stats, names),
            *_idle(study, names),
            *_pictures(study, names),
            *_how(study),
        ),
    )


def _answer(curves: list[MemoryCurve]) -> list[Block]:
    """The one picture for those who only want to know what to buy."""
    if not curves:
        return []
    names = condition_names([curve.condition for curve in curves])
    titles = [names[curve.condition] for curve in curves]
    sentences = advice(curves)
    bound = [size for curve in curves for size in curve.sizes if size.host_bound]
    caption = (
        "More memory also buys more CPU, so that answers come faster until the function has all "
        "that it can use; after that only the price rises. Best value: the least sum of average "
        "latency and cost, each as a share of its greatest."
    )
    if bound:
        caption += f" {formatting.HOST_BOUND} and hatched: slowed by this machine, not by the size."
    return [
        *(Paragraph(sentence, "lead") for sentence in sentences),
        Picture(
            "memory",
            png(draw_memory(curves, titles)),
            "Latency and cost of each memory size, the best value marked. " + " ".join(sentences),
            caption,
        ),
    ]


def advice(curves: list[MemoryCurve]) -> list[str]:
    """A sentence or two on each function whose sizes can be compared: which one to buy."""
    names = condition_names([curve.condition for curve in curves])
    return [_advice(curve, names[curve.condition]) for curve in curves if curve.best is not None]


def _advice(curve: MemoryCurve, title: str) -> str:
    assert curve.best is not None
    size = curve.sizes[curve.best]
    rest = [other for other in curve.sizes if other is not size and other.million is not None]
    compared = "; ".join(
        f"{other.memory_mb} MB {formatting.time(other.mean_ms.value)} and "
        f"{formatting.money(other.million)}"
        for other in rest
    )
    doubt = " Some of these sizes were slowed by this machine, so take it as provisional."
    mean = formatting.time(size.mean_ms.value)
    return (
        f"{title}: buy {size.memory_mb} MB. An answer takes {mean} on "
        f"average and a million requests cost {formatting.money(size.million)}; with {compared}."
        + (doubt if any(other.host_bound for other in curve.sizes) else "")
    )


def _missing(study: StudyRun) -> list[Block]:
    blocks: list[Block] = []
    if study.problems:
        blocks.append(Notice("Not all of this run is here", study.problems))
    bound = [cell for cell in study.cells if cell.host_bound]
    if bound:
        names = cell_names(study.cells)
        lines = tuple(f"{names[cell.id]}: {cell.host_bound}." for cell in bound)
        title = (
            f"{formatting.HOST_BOUND} In these cells this machine was the bottleneck, not Lambda"
        )
        blocks.append(Notice(title, lines))
    hurried = [cell for cell in study.cells if cell.host_remark]
    if hurried:
        names = cell_names(study.cells)
        lines = tuple(f"{names[cell.id]}: {cell.host_remark}." for cell in hurried)
        title = "In these cells this machine slowed some answers: the slowest, not the typical ones"
        blocks.append(Notice(title, lines))
    if study.unenforced:
        blocks.append(Notice("Not as on Lambda", study.unenforced))
    return blocks


def _ran(study: StudyRun) -> list[Block]:
    started = datetime.fromtimestamp(study.started_at, UTC)
    conditions = [cell.condition for cell in study.cells]
    profiles = ", ".join(dict.fromkeys(c.profile for c in conditions))
    backends = ", ".join(dict.fromkeys(c.backend for c in conditions))
    done = sum(cell.id in study.rows for cell in study.cells)
    requests = sum(len(rows) for rows in study.rows.values())
    versions = ", ".join(f"{name} {version}" for name, version in study.versions.items())
    facts = [
        f"{done} of {len(study.cells)} cells, {requests:,} requests",
        f"profile {profiles}, backend {backends}",
        f"started {started:%Y-%m-%d %H:%M} UTC",
        machine_facts(study.machine),
        f"seed {study.seed}" if study.seed is not None else "",
        versions,
    ]
    return [Paragraph(". ".join(fact for fact in facts if fact) + ".", SMALL)]


def _claims(study: StudyRun) -> list[Block]:
    if all(cell.condition.scenario in NO_STUDY for cell in study.cells):
        return []
    blocks: list[Block] = [
        Heading("What the study found, what we found"),
        Paragraph(
            "The study of 2018 ran on AWS. A vCPU here is a share of this machine's core, so that "
            "the rules compare sizes and shapes rather than milliseconds; the figures decide, and "
            "claims that do not hold stay in the table.",
            SMALL,
        ),
    ]
    for findings in all_findings(study):
        blocks += [Heading(f"Backend {findings.backend}", 3), claims_table(findings)]
    pinged = keep_warm(study)
    if pinged:
        blocks += [
            Heading("The study's remedy: a ping that keeps sandboxes warm", 3),
            Paragraph(
                "What it buys: requests that would have been cold (C) are warm (W). What it costs: "
                "the pings of 30 days, by the prices of 2018 and of 2025.",
                SMALL,
            ),
            keep_warm_table(pinged),
        ]
    return blocks


def _cells(stats: list[CellStats], names: dict[str, str]) -> list[Block]:
    if not stats:
        return [Heading("Cells"), Paragraph("No request was made, so there is nothing to show.")]
    return [
        Heading("Cells"),
        load_table(stats, names),
        Heading("Latency, cold and warm apart", 3),
        latency_table(stats, names),
        Heading("Cost and resources", 3),
        cost_table(stats, names),
        Paragraph(
            "Prices: AWS Lambda, x86, us-east-1, without the free tier and without API Gateway. "
            "2018: rounded up to 100 ms, init free; 2025: rounded up to 1 ms, init billed.",
            SMALL,
        ),
    ]


def _memory(curves: list[MemoryCurve]) -> list[Block]:
    if not curves:
        return []
    names = condition_names([curve.condition for curve in curves])
    blocks: list[Block] = [Heading("Memory against cost and latency")]
    for curve in curves:
        blocks += [Heading(names[curve.condition], 3), memory_table(curve)]
        if curve.best is not None:
            surely = (
                f"{curve.best_mb} MB wins in {formatting.share(curve.confidence)} of resamples."
            )
            prices = "2018" if curve.condition.profile == "aws-2018" else "2025"
            blocks.append(Paragraph(f"{surely} Costs by the prices of {prices}.", SMALL))
    return blocks


def _starts(study: StudyRun, stats: list[CellStats], names: dict[str, str]) -> list[Block]:
    if not stats:
        return []
    ordered = [names[figures.cell.id] for figures in stats]
    blocks: list[Block] = [
        Heading("Where cold starts spend their time"),
        Paragraph("No cell had a cold start whose parts are known."),
    ]
    anatomy = draw_anatomy(stats, ordered)
    if anatomy is not None:
        blocks[-1] = Picture(
            "anatomy",
            png(anatomy),
            "Stacked bars: the mean parts of each cell's cold starts",
            "Until the handler is called; its first call, often slow too, comes on top.",
        )
    return [
        *blocks,
        Heading("Latencies of cold and of warm requests"),
        Picture(
            "distributions",
            png(draw_distributions(stats, ordered, study.rows)),
            "Distributions of latency, cold and warm, a lane a cell",
            "Thin line: 5th to 95th percentile; thick: 25th to 75th; white: the median; ticks: "
            "the requests.",
        ),
    ]


def _idle(study: StudyRun, names: dict[str, str]) -> list[Block]:
    table = idle_table(study, names)
    if table is None:
        return []
    return [
        Heading("Single requests after idle times (scenario 1)"),
        Paragraph("C: a new sandbox had to start. W: one was still warm. -: neither.", SMALL),
        table,
    ]


def _pictures(study: StudyRun, names: dict[str, str]) -> list[Block]:
    measured = list(study.measured())
    if not measured:
        return []
    blocks: list[Block] = [Heading("Each cell over time")]
    for place, (cell, rows) in enumerate(measured[:_FEW_CELLS]):
        name = names[cell.id]
        blocks += [
            Heading(name, 3),
            Picture(f"cell-{place:02}", png(draw_cell(cell, rows)), f"{name} over time"),
            *_lanes(study, cell, place, name),
        ]
    if len(measured) > _FEW_CELLS:
        left = len(measured) - _FEW_CELLS
        blocks.append(Paragraph(f"{left} more cells are in the tables and have no picture here."))
    return blocks


def _lanes(study: StudyRun, cell: MeasuredCell, place: int, name: str) -> list[Block]:
    run = study.runs.get(cell.folder)
    drawn = draw_lanes(run, cell.condition.function) if run else None
    if drawn is None:
        return []
    figure, sandboxes = drawn
    caption = f"The first {MOST} of {sandboxes} sandboxes." if sandboxes > MOST else ""
    return [Picture(f"lanes-{place:02}", png(figure), f"Sandboxes of {name} over time", caption)]


def _how(study: StudyRun) -> list[Block]:
    blocks: list[Block] = [
        Heading("How the figures are made"),
        Paragraph(
            "Latencies are those of users' requests that were answered right, from raw values; "
            "keep-warm pings enter costs alone. [a, b] is an interval at 95 %: for medians and "
            "percentiles exact, from order statistics, whatever the distribution; for means and "
            "differences from 4,000 bootstrap resamples with a fixed seed. n stands beside figures "
            "of less than 20 values, and where n is too small there is no interval. Intervals take "
            "requests as independent of each other, which those of one second are not."
        ),
        Paragraph(
            f"{formatting.HOST_BOUND}: host-bound, the machine and not the function was the "
            "bottleneck. Times of a dilated cell are divided by its dilation. Docker, processes "
            "and simulation never share a series."
        ),
    ]
    if study.plan_text:
        blocks += [Heading("The plan", 3), Code(study.plan_text)]
    return blocks
