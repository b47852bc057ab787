"""Marks a report of a simulated run: each table and picture says so, wherever it is copied to.

Also the section on how well the drawn times fit. Owns the marks alone; a figure's meaning is that
of a measured run's report.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from emulator.experiments.analysis import formatting
from emulator.experiments.plan.cells import Origin
from emulator.experiments.records.fit_file import PERCENTILES
from emulator.experiments.report.charts.style import small_png
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.experiments.records.study import StudyRun

_STRIP = 34
"""Height in pixels of the strip that a picture gets, at the charts' 150 dpi."""
_LETTERS = 22


def as_simulated(document: Document) -> Document:
    """Returns the document with a mark in its title, in each table's head and on each picture."""
    return Document(
        f"{document.title}, {Origin.SIMULATED}", tuple(_marked(block) for block in document.blocks)
    )


def _marked(block: Block) -> Block:
    match block:
        case Table(head=(first, *others)):
            return replace(block, head=(f"{first} ({Origin.SIMULATED})", *others))
        case Picture():
            caption = f"Simulated. {block.caption}".strip()
            return replace(block, png=_stamped(block.png), caption=caption)
        case _:
            return block


def _stamped(png: bytes) -> bytes:
    """Puts a strip with the word above a picture."""
    drawn = Image.open(io.BytesIO(png))
    stamped = Image.new("RGB", (drawn.width, drawn.height + _STRIP), "white")
    stamped.paste(drawn.convert("RGB"), (0, _STRIP))
    font = ImageFont.load_default(_LETTERS)
    place = (drawn.width - 12, _STRIP // 2)
    ImageDraw.Draw(stamped).text(place, Origin.SIMULATED, fill="#c1121f", font=font, anchor="rm")
    return small_png(stamped)


def simulated_notice() -> Notice:
    """Returns what a reader must know of every figure of a simulated run."""
    return Notice(
        "Simulated: no function ran",
        (
            "The emulator's scheduler ran on virtual time; how long functions take was drawn.",
            "The CPUs of a machine are not: a function takes as long beside many others as alone.",
        ),
    )


def fit_section(study: StudyRun, names: Mapping[str, str]) -> list[Block]:
    """Returns how each phase was drawn and how well it fits; nothing without a calibration."""
    if not study.fits:
        return []
    head = (
        *("cell", "phase", "drawn from", "samples", "held out"),
        *(f"error at p{percent}" for percent in PERCENTILES),
    )
    rows = tuple(
        (
            names.get(fit.cell, fit.cell),
            fit.phase,
            fit.source,
            formatting.count(fit.samples),
            formatting.count(fit.held_out) if fit.held_out else formatting.ABSENT,
            *(f"{error:+.1%}" for error in fit.errors or ()),
            *([formatting.ABSENT] * (0 if fit.errors else len(PERCENTILES))),
        )
        for fit in study.fits
    )
    return [
        Heading("How well the drawn times fit"),
        Paragraph(
            "Each phase was fitted again without every fifth sample; the errors are those of its "
            "quantiles against the samples that were held out, of the same size and kind of load. "
            "A dash: fewer than ten were held out, or the cell itself was.",
            SMALL,
        ),
        Table(head, rows, left=3),
    ]
