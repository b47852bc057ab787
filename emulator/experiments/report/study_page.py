"""Lays out a run as a page for people, from its directory alone: `testbed report RUN`.

The same directory gives the same bytes again: nothing here reads the clock, and all chance is
seeded. What is missing of a run is told first, and the rest is shown. Owns which sections a page
has, and their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.cell_stats import all_stats
from emulator.experiments.analysis.claims.ablation import has_ablation, has_both_sides, joined
from emulator.experiments.analysis.latency_parts import all_parts, has_way
from emulator.experiments.analysis.memory_curve import memory_curves
from emulator.experiments.plan.cells import Origin
from emulator.experiments.records.price_tables import table_of
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.advice import advice
from emulator.experiments.report.cell_sections import cells_section, pages_section, time_section
from emulator.experiments.report.charts.latency_parts import draw_latency_parts
from emulator.experiments.report.charts.overview import (
    draw_anatomy,
    draw_distributions,
    draw_memory,
)
from emulator.experiments.report.charts.style import png
from emulator.experiments.report.claims_section import claims_section
from emulator.experiments.report.context import methods, notices, what_ran
from emulator.experiments.report.document import (
    LEAD,
    SMALL,
    Block,
    Document,
    Heading,
    Paragraph,
    Picture,
)
from emulator.experiments.report.events_section import events_section
from emulator.experiments.report.labels import cell_names, condition_names
from emulator.experiments.report.page_files import write_page
from emulator.experiments.report.progress import Reach, silently
from emulator.experiments.report.simulated import as_simulated, fit_section, simulated_notice
from emulator.experiments.report.study_tables import (
    idle_table,
    latency_parts_table,
    memory_table,
    tenants_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emulator.experiments.analysis.cell_stats import CellStats
    from emulator.experiments.analysis.memory_curve import MemoryCurve
    from emulator.experiments.records.study import StudyRun

_READ, _RECKONED, _DRAWN = 0.15, 0.4, 0.8
"""Shares of a report's time until the run is read, the figures are known, the cells are drawn.

Measured at a report of 18 cells and 60,000 requests; they decide what the progress shows alone.
"""


def report_run(run: Path, out: Path | None = None, reach: Reach = silently) -> Path:
    """Writes the page of a run, its Markdown and its pictures, and returns the page's path.

    Args:
        run: a run directory of a study or of an emulator.
        out: the folder to write to; None for `report` in the run directory.
        reach: is told how far the report is.

    Raises:
        RunDirectoryError: the folder holds no run, or the report cannot be written.
    """
    reach("reading the run", 0.0)
    return write_page(study_document(read_study(run), reach=reach), out or run / "report")


def report_ablations(
    run: Path, ablations: Sequence[Path], out: Path | None = None, reach: Reach = silently
) -> Path | None:
    """Writes the page of a study beside runs of cells that lack one of their parts.

    Returns None where one of these runs has no such cell; nothing is written then.

    Raises:
        RunDirectoryError: a folder holds no run, or the report cannot be written.
    """
    reach("reading the runs", 0.0)
    others = [read_study(ablation) for ablation in ablations]
    if not all(has_ablation(other) for other in others):
        return None
    study = read_study(run)
    for other in others:
        study = study if has_both_sides(other) else joined(study, other)
    pairs = [other for other in others if has_both_sides(other)]
    return write_page(study_document(study, pairs, reach), out or run / "report")


def study_document(
    study: StudyRun, ablations: Sequence[StudyRun] = (), reach: Reach = silently
) -> Document:
    """Lays out a study's report.

    Args:
        study: the run.
        ablations: further runs of whole cells and the same ones without a part.
        reach: is told how far the document is.
    """
    reach("reckoning the figures", _READ)
    stats = all_stats(study)
    names = cell_names(study)
    curves = [curve for curve in memory_curves(study) if not curve.condition.without]
    simulated = study.origin is Origin.SIMULATED

    def drawing(cell: str, share: float) -> None:
        reach(f"drawing {cell}", _RECKONED + (_DRAWN - _RECKONED) * share)

    document = Document(
        f"Serverless testbed: {study.name}",
        (
            *_advice(curves),
            *([simulated_notice()] if simulated else []),
            *notices(study),
            what_ran(study),
            *claims_section(study, ablations),
            *cells_section(stats, names),
            *events_section(study, names),
            *pages_section(study, names),
            *_memory_sizes(curves),
            *_users_time(study, names),
            *_starts(study, stats, names),
            *_tenants(study),
            *_idle_requests(study, names),
            *time_section(study, names, drawing),
            *fit_section(study, names),
            *methods(study),
        ),
    )
    reach("writing the page", _DRAWN)
    return as_simulated(document) if simulated else document


def _advice(curves: Sequence[MemoryCurve]) -> list[Block]:
    """Returns the one picture for those who only want to know what to buy."""
    if not curves:
        return []
    names = condition_names([curve.condition for curve in curves])
    titles = [names[curve.condition] for curve in curves]
    sentences = advice(curves)
    caption = (
        "More memory also buys more CPU, so that answers come faster until the function has all "
        "that it can use; after that only the price rises. Best value: the least sum of average "
        "latency and cost, each as a share of its greatest. The slowest answers are mostly cold "
        "starts: requests that find no free sandbox (what a function runs in, one request at a "
        "time) and wait until one has started."
    )
    if any(size.host_bound for curve in curves for size in curve.sizes):
        caption += f" {formatting.HOST_BOUND} and hatched: slowed by this machine, not by the size."
    return [
        *(Paragraph(sentence, LEAD) for sentence in sentences),
        Picture(
            "memory",
            png(draw_memory(curves, titles)),
            "Latency and cost of each memory size, the best value marked. " + " ".join(sentences),
            caption,
        ),
    ]


def _memory_sizes(curves: Sequence[MemoryCurve]) -> list[Block]:
    if not curves:
        return []
    names = condition_names([curve.condition for curve in curves])
    blocks: list[Block] = [Heading("Memory against cost and latency")]
    for curve in curves:
        blocks += [Heading(names[curve.condition], 3), memory_table(curve)]
        if curve.best is not None:
            surely = (
                f"{curve.best_mb} MB wins in {formatting.share(curve.confidence)} of resamples; "
                "its score, half latency and half cost, each as a share of its greatest, leads the "
                f"next one's by {formatting.estimate(curve.lead, formatting.number)}."
            )
            table = table_of(curve.condition.profile)
            blocks.append(Paragraph(f"{surely} Costs by the prices of {table}.", SMALL))
    return blocks


def _users_time(study: StudyRun, names: Mapping[str, str]) -> list[Block]:
    parts = all_parts(study)
    if not parts:
        return []
    ordered = [names[each.cell.id] for each in parts]
    way = (
        "Network and gateway are a model's draws, from constants whose trust the path states; all "
        "else was measured."
        if has_way(parts)
        else "Nothing lay between clients and functions (--network adds what does on AWS)."
    )
    return [
        Heading("Where a user's time goes"),
        Picture(
            "latency-parts",
            png(draw_latency_parts(parts, ordered)),
            "Stacked bars: the mean parts of each cell's latency",
            f"The whole bar is the mean latency, cold starts among it. {way}",
        ),
        latency_parts_table(parts, names),
    ]


def _starts(study: StudyRun, stats: Sequence[CellStats], names: Mapping[str, str]) -> list[Block]:
    if not stats:
        return []
    ordered = [names[figures.cell.id] for figures in stats]
    return [
        Heading("Where cold starts spend their time"),
        _anatomy(stats, ordered),
        *_distributions(study, [one for one in stats if not one.cell.asynchronous], names),
    ]


def _distributions(
    study: StudyRun, stats: Sequence[CellStats], names: Mapping[str, str]
) -> list[Block]:
    """Returns the latencies of clients who waited for a function; nothing where none did."""
    if not stats:
        return []
    ordered = [names[figures.cell.id] for figures in stats]
    return [
        Heading("Latencies of cold and of warm requests"),
        Picture(
            "distributions",
            png(draw_distributions(stats, ordered, study.rows)),
            "Distributions of latency, cold and warm, a lane a cell",
            "Thin line: 5th to 95th percentile; thick: 25th to 75th; white: the median; ticks: "
            "the requests.",
        ),
    ]


def _anatomy(stats: Sequence[CellStats], names: Sequence[str]) -> Block:
    figure = draw_anatomy(stats, names)
    if figure is None:
        return Paragraph("No cell had a cold start whose parts are known.")
    return Picture(
        "anatomy",
        png(figure),
        "Stacked bars: the mean parts of each cell's cold starts",
        "Until the handler is called; its first call, often slow too, comes on top.",
    )


def _tenants(study: StudyRun) -> list[Block]:
    table = tenants_table(study)
    if table is None:
        return []
    sentence = (
        "A sandbox of these functions serves one tenant alone. A cold start beside an idle sandbox "
        "of another tenant is what isolation cost: without it that sandbox would have served."
    )
    return [Heading("Isolation by tenant"), Paragraph(sentence, SMALL), table]


def _idle_requests(study: StudyRun, names: Mapping[str, str]) -> list[Block]:
    table = idle_table(study, names)
    if table is None:
        return []
    return [
        Heading("Single requests after idle times (scenario 1)"),
        Paragraph("C: a new sandbox had to start. W: one was still warm. -: neither.", SMALL),
        table,
    ]
