"""Holds a report as a list of blocks; knows neither HTML nor Markdown, which render it."""

from __future__ import annotations

from dataclasses import dataclass

SMALL = "small"
"""Style of a paragraph that explains."""
LEAD = "lead"
"""Style of the sentence that matters most."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Holds a heading; level 1 is the title's."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Holds a paragraph of plain words."""

    text: str
    style: str = ""
    """SMALL, LEAD or empty."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Tells the reader what to know before the figures."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Holds a table of finished texts."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    """Number of first columns that are words; the others are figures and stand to the right."""
    best: frozenset[int] = frozenset()
    """Indices of the rows that are marked as the best."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Holds a picture, with the words for those who cannot see it."""

    name: str
    """Name of the picture's file, without its ending."""
    png: bytes
    alt: str
    """Description for readers who cannot see the picture."""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Holds a link to another page."""

    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Code:
    """Holds lines to be shown as they are."""

    text: str


Block = Heading | Paragraph | Notice | Table | Picture | Link | Code


@dataclass(frozen=True, slots=True)
class Document:
    """Holds a whole page, which HTML and Markdown are made of."""

    title: str
    blocks: tuple[Block, ...]
