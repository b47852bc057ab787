"""Writes a benchmark as a page: figures beside what is wanted, or two checkouts side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.benchmark.figures import WANTED, Wanted, bench_rows, remarks
from emulator.experiments.report.document import Document, Paragraph, Table
from emulator.experiments.report.markdown import markdown
from emulator.experiments.report.text import machine_facts, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.experiments.benchmark.figures import BenchResults
    from emulator.experiments.benchmark.turns import Comparison, TurnPlan


def bench_page(results: BenchResults) -> str:
    """Returns the figures of every backend as Markdown; * marks what is short of the wanted."""
    head, *rows = bench_rows(results)
    facts = [machine_facts(results.machine), *remarks(results)]
    return markdown(
        Document(
            "What the emulator itself costs",
            (
                Paragraph("Written by `testbed bench --out`. * short of what is wanted."),
                *map(Paragraph, facts),
                Table(tuple(head), tuple(tuple(row) for row in rows)),
            ),
        )
    )


def comparison_page(
    found: Mapping[str, Comparison], before: str, plan: TurnPlan, load: float
) -> str:
    """Returns a row a figure and backend as Markdown.

    Args:
        found: the comparisons by backend.
        before: what the other checkout is called.
        plan: how much was measured.
        load: the machine's load average before.
    """
    told = (
        f"Written by `testbed bench --against`: {before} before, this checkout after, both "
        f"serving, measured in turns: {plan.turns} of warm requests, {plan.cold_turns} of cold "
        "ones. Medians; a ratio is the median of the turns' ratios, after to before. "
        f"The machine's load was {load:.1f} before."
    )
    head = ("figure", "backend", "before", "after", "ratio", "wanted")
    rows = tuple(row for backend, one in found.items() for row in _rows(backend, one))
    table = Table(head, rows, left=2)
    return markdown(Document("Two checkouts in turns", (Paragraph(told), table)))


def _rows(backend: str, comparison: Comparison) -> Iterator[tuple[str, ...]]:
    for name in comparison.before:
        before, after = comparison.medians(name)
        wanted = WANTED.get(name, Wanted("")).description
        ratio = f"{comparison.ratio(name):.2f}"
        yield name, backend, milliseconds(before), milliseconds(after), ratio, wanted
