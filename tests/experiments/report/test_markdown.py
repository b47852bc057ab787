from __future__ import annotations

from emulator.experiments.report.document import Document, Table
from emulator.experiments.report.markdown import markdown


def test_what_a_run_says_is_never_taken_for_markup() -> None:
    table = Table(("a|b",), (("<b>\nx",),))
    assert markdown(Document("t", (table,))).endswith("| a\\|b |\n| --- |\n| &lt;b> x |\n")
