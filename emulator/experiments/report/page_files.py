"""Writes a document as a page, as Markdown, and its pictures beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.errors import RunDirectoryError
from emulator.experiments.report.document import Picture
from emulator.experiments.report.html import html
from emulator.experiments.report.markdown import PICTURES, markdown

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.report.document import Document

HTML = "report.html"
MARKDOWN = "report.md"


def write_page(document: Document, folder: Path) -> Path:
    """Writes a document into a folder, made where it is missing, and returns the page's path.

    Raises:
        RunDirectoryError: the folder cannot be made or written.
    """
    try:
        _write(document, folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunDirectoryError(
            f"The report cannot be written to {folder}: {reason}. Name a folder that can be "
            "written with --out."
        ) from error
    return folder / HTML


def _write(document: Document, folder: Path) -> None:
    pictures = folder / PICTURES
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.png"):
        old.unlink()  # of a report with other cells
    for block in document.blocks:
        if isinstance(block, Picture):
            (pictures / f"{block.name}.png").write_bytes(block.png)
    (folder / MARKDOWN).write_text(markdown(document), encoding="utf-8")
    (folder / HTML).write_text(html(document), encoding="utf-8")
