"""A report as a list of blocks, which HTML and Markdown render each in its way."""

from __future__ import annotations

from dataclasses import dataclass

SMALL = "small"


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    style: str = ""
    """`lead` for the sentence that matters most, `small` for what explains."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the reader must know before the figures."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    """So many first columns are words; the others are figures and stand to the right."""
    best: frozenset[int] = frozenset()
    """Rows that are marked as the best."""


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    """Of its file, without an ending."""
    png: bytes
    words: str
    """What it shows, for those who cannot see it."""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str


Block = Heading | Paragraph | Notice | Table | Picture | Link | Code


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    blocks: tuple[Block, ...]
