"""Renders a document as one HTML page that asks no other host: its pictures are in it."""

from __future__ import annotations

import base64
import struct
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, assert_never

from emulator.experiments.report.document import (
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

_STYLE = "report.css"
_SHARPNESS = 1.3
"""Pixels of a picture for a pixel of the page, so that print and fine screens stay sharp."""
_VERDICTS = {
    "reproduced": "good",
    "not reproduced": "bad",
    "not testable here": "open",
    "faster": "good",
    "cheaper": "good",
    "slower": "bad",
    "dearer": "bad",
    "no difference shown": "open",
}
"""Class of a table's field that holds nothing but these words: the words say what colours do."""


def html(document: Document) -> str:
    """Renders a whole page, with its style, its contents and its pictures."""
    style = resources.files(__package__).joinpath(_STYLE).read_text(encoding="utf-8")
    title = escape(document.title)
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n{_contents(document)}{body}\n</main>\n</body>\n</html>\n"
    )


def _contents(document: Document) -> str:
    headings = [b for b in document.blocks if isinstance(b, Heading) and b.level == 2]  # noqa: PLR2004
    links = [f'<a href="#{_anchor(b.text)}">{escape(b.text)}</a>' for b in headings]
    return f"<nav>{' '.join(links)}</nav>\n" if len(links) > 1 else ""


def _block(block: Block) -> str:  # noqa: PLR0911  # a case a kind of block
    match block:
        case Heading(text, level):
            return f'<h{level} id="{_anchor(text)}">{escape(text)}</h{level}>'
        case Paragraph(text, style):
            kind = f' class="{style}"' if style else ""
            return f"<p{kind}>{escape(text)}</p>"
        case Notice(title, lines):
            items = "".join(f"<li>{escape(line)}</li>" for line in lines)
            return f'<aside><p class="title">{escape(title)}</p><ul>{items}</ul></aside>'
        case Table():
            return _table(block)
        case Picture():
            return _picture(block)
        case Link(text, address):
            return f'<p><a href="{escape(address)}">{escape(text)}</a></p>'
        case Code(text):
            return f"<pre>{escape(text.rstrip())}</pre>"
        case _:
            assert_never(block)


def _picture(picture: Picture) -> str:
    width, height = (round(size / _SHARPNESS) for size in struct.unpack(">II", picture.png[16:24]))
    source = f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
    image = f'<img src="{source}" alt="{escape(picture.alt)}" width="{width}" height="{height}">'
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return f"<figure>{image}{caption}</figure>"


def _table(table: Table) -> str:
    head = _row(table.head, table.left, "th")
    rows = "\n".join(
        _row(row, table.left, "td", best=number in table.best)
        for number, row in enumerate(table.rows)
    )
    kind = ' class="prose"' if table.left > 1 else ""
    body = f"<thead>{head}</thead>\n<tbody>\n{rows}\n</tbody>"
    return f'<div class="wide"><table{kind}>\n{body}</table></div>'


def _row(cells: Sequence[str], left: int, tag: str, *, best: bool = False) -> str:
    fields = [
        f"<{tag}{_class(cell, place < left)}>{escape(cell)}</{tag}>"
        for place, cell in enumerate(cells)
    ]
    kind = ' class="best"' if best else ""
    return f"<tr{kind}>{''.join(fields)}</tr>"


def _class(cell: str, is_words: bool) -> str:
    classes = ["words"] if is_words else []
    if cell in _VERDICTS:
        classes.append(_VERDICTS[cell])
    return f' class="{" ".join(classes)}"' if classes else ""


def _anchor(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
