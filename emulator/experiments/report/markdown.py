"""Renders a document as Markdown; its pictures are files in a folder beside the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from emulator.experiments.report.document import (
    LEAD,
    Block,
    Code,
    Document,
    Heading,
    Link,
    Notice,
    Paragraph,
    Picture,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES = "charts"
"""Name of the pictures' folder, beside the text."""


def markdown(document: Document) -> str:
    """Renders a whole document, with a line end at its end."""
    parts = [f"# {_plain(document.title)}", *(_block(block) for block in document.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:  # noqa: PLR0911  # a case a kind of block
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_plain(text)}"
        case Paragraph(text, style):
            return f"**{_plain(text)}**" if style == LEAD else _plain(text)
        case Notice(title, lines):
            return "\n".join([f"> **{_plain(title)}**", ">", *(f"> - {_plain(x)}" for x in lines)])
        case Table():
            return _table(block)
        case Picture(name, _, alt, caption):
            picture = f"![{_plain(alt)}]({PICTURES}/{name}.png)"
            return f"{picture}\n\n{_plain(caption)}" if caption else picture
        case Link(text, address):
            return f"[{_plain(text)}]({address})"
        case Code(text):
            return f"```\n{text.rstrip()}\n```"
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    rule = [" --- " if place < table.left else " ---: " for place in range(len(table.head))]
    rows = [
        [f"**{cell}**" if number in table.best and cell else cell for cell in row]
        for number, row in enumerate(table.rows)
    ]
    return "\n".join([_row(table.head), f"|{'|'.join(rule)}|", *(_row(row) for row in rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_plain(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _plain(text: str) -> str:
    """Puts text on one line, and keeps renderers from taking a part of it for a tag."""
    return " ".join(text.split()).replace("<", "&lt;")
