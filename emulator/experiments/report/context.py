"""Tells what a reader must know beside a study's figures: what is missing, what ran, how it counts.

Owns the notices before the figures and the notes after them, not the figures themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulator.core.profiles import PRICE_TABLES
from emulator.experiments.analysis import formatting
from emulator.experiments.records.study import CellStatus
from emulator.experiments.report.document import (
    SMALL,
    Block,
    Code,
    Heading,
    Notice,
    Paragraph,
    Table,
)
from emulator.experiments.report.labels import cell_names
from emulator.experiments.report.text import machine_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.experiments.records.sitting import Sitting
    from emulator.experiments.records.study import StudyRun

SEVERAL = 2

_AUTOMATIC = (
    "How many times slower than life a cell ran was chosen before it ran: the least whole number "
    "at which this machine's cores do for what its users ask for at once (each at the vCPUs of the "
    "memory size, those whose sandbox starts with one whole vCPU, as Lambda gives) and for the "
    "emulator itself. Sizes of one series may so run at different speeds; their times are alike."
)
_INCOMPLETE = "The records of these cells miss something: their sums and counts are too small"


def notices(study: StudyRun) -> list[Block]:
    """Returns what is missing of a run, and where the machine and not Lambda was measured.

    Cells whose records miss something come first: their figures carry a mark in every table.
    """
    names = cell_names(study)
    host_bound = [
        f"{names[cell.id]}: {cell.host_bound}." for cell in study.cells if cell.host_bound
    ]
    slowed = [f"{names[cell.id]}: {cell.host_remark}." for cell in study.cells if cell.host_remark]
    others = [problem for problem in study.problems if problem not in study.missing]
    found = (
        (f"{formatting.INCOMPLETE} {_INCOMPLETE}", study.missing),
        ("Not all of this run is here", others),
        (
            f"{formatting.HOST_BOUND} In these cells this machine was the bottleneck, not Lambda",
            host_bound,
        ),
        (
            "In these cells this machine slowed some answers: the slowest, not the typical ones",
            slowed,
        ),
        ("Not as on Lambda", study.unenforced),
        ("Not all cells were measured by the same code, or on the same machine", _unlike(study)),
    )
    return [Notice(title, tuple(lines)) for title, lines in found if lines]


def _unlike(study: StudyRun) -> list[str]:
    """Returns a sentence for each sitting, where code, versions or machine are not the same."""
    used = _sittings(study)
    kinds = {
        (sitting.code.digest, str(sitting.versions), str(_without_load(sitting.machine)))
        for sitting, _ in used.values()
    }
    if len(kinds) < SEVERAL:
        return []
    return [
        f"{sitting_name(number, sitting)}: {', '.join(cells)}; {sitting.code}; "
        f"{machine_facts(sitting.machine)}; "
        + ", ".join(f"{name} {version}" for name, version in sitting.versions.items())
        + "."
        for number, (sitting, cells) in used.items()
    ]


def _without_load(machine: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in machine.items() if name != "load"}


def _sittings(study: StudyRun) -> dict[int, tuple[Sitting, list[str]]]:
    """Returns the sittings that measured something by their number, with the names of cells."""
    names = cell_names(study)
    found: dict[int, tuple[Sitting, list[str]]] = {}
    for number, sitting in enumerate(study.sittings, 1):
        cells = [
            names[cell.id]
            for cell in study.cells
            if cell.sitting == number and cell.status is CellStatus.DONE
        ]
        if cells:
            found[number] = sitting, cells
    return found


def sitting_name(number: int, sitting: Sitting) -> str:
    """Returns what a page calls a sitting: its number and its start in UTC."""
    return f"Sitting {number}, {datetime.fromtimestamp(sitting.started_at, UTC):%Y-%m-%d %H:%M} UTC"


def sittings_table(study: StudyRun) -> list[Block]:
    """Returns which cells came from which sitting; nothing where all came from one."""
    used = _sittings(study)
    if len(used) < SEVERAL:
        return []
    rows = tuple(
        (
            sitting_name(number, sitting),
            ", ".join(cells),
            machine_facts(sitting.machine),
            str(sitting.code),
        )
        for number, (sitting, cells) in used.items()
    )
    table = Table(("sitting", "cells", "machine", "code"), rows, left=4)
    return [Heading("The sittings that this study was measured in", 3), table]


def what_ran(study: StudyRun) -> Paragraph:
    """Returns a paragraph of what ran, where, when, and with which versions."""
    started = datetime.fromtimestamp(study.started_at, UTC)
    conditions = [cell.condition for cell in study.cells]
    profiles = ", ".join(dict.fromkeys(condition.profile for condition in conditions))
    backends = ", ".join(dict.fromkeys(condition.backend for condition in conditions))
    done = sum(cell.id in study.rows for cell in study.cells)
    requests = sum(len(rows) for rows in study.rows.values())
    versions = ", ".join(f"{name} {version}" for name, version in study.versions.items())
    facts = [
        f"{done} of {len(study.cells)} cells, {requests:,} requests",
        f"{len(study.left_out)} more were left out, as they would only have said the same"
        if study.left_out
        else "",
        f"profile {profiles}, backend {backends}",
        f"started {started:%Y-%m-%d %H:%M} UTC" if study.started_at else "",
        machine_facts(study.machine) if study.machine else "",
        f"seed {study.seed}" if study.seed is not None else "",
        versions,
    ]
    return Paragraph(". ".join(fact for fact in facts if fact) + ".", SMALL)


def price_note() -> Paragraph:
    """Returns how each price table counts time, and what all of them leave out."""
    rules = "; ".join(
        f"{name}: rounded up to {prices.billing_step_ms} ms, init "
        f"{'billed' if prices.init_billed else 'free'}"
        for name, prices in PRICE_TABLES.items()
    )
    return Paragraph(
        "Prices: AWS Lambda, x86, us-east-1, without the free tier and without API Gateway. "
        f"{rules}.",
        SMALL,
    )


def methods(study: StudyRun) -> list[Block]:
    """Returns how the figures are made, and the plan."""
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
            f"{formatting.INCOMPLETE}: incomplete, the cell's records miss something, so that sums "
            "and counts are too small."
        ),
        Paragraph(
            f"{formatting.HOST_BOUND}: host-bound, the machine and not the function was the "
            "bottleneck. Times of a dilated cell are divided by its dilation. Docker, processes "
            "and simulation never share a series."
        ),
    ]
    if any(cell.condition.dilation is None for cell in study.cells):
        blocks.append(Paragraph(_AUTOMATIC))
    blocks += sittings_table(study)
    if study.plan_text:
        blocks += [Heading("The plan", 3), Code(study.plan_text)]
    return blocks
