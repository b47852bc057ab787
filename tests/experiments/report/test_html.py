from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from emulator.experiments.report.document import Document, Notice, Paragraph
from emulator.experiments.report.html import html


class Page(HTMLParser):
    """What a browser would fetch, and whether all that is opened is closed."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_asks_no_other_host_for_anything(document: Document) -> None:
    text = html(document)
    addresses = Page(text).addresses
    assert len(addresses) > 13
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert "url(" not in text
    assert len(text) < 1_000_000


def test_what_a_run_says_is_never_taken_for_markup() -> None:
    sentence = "<script>alert('&')</script>"
    page = html(Document(sentence, (Paragraph(sentence), Notice(sentence, (sentence,)))))
    assert "<script" not in page
    Page(page)
