"""Lays out what became of asynchronous events: which figure stands in which column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.asynchronous.attempts import Condition
from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.events import all_events
from emulator.experiments.report.document import SMALL, Block, Heading, Paragraph, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.core.asynchronous.ended_event import Receiver
    from emulator.experiments.analysis.events import EventFigures
    from emulator.experiments.records.study import StudyRun

    _Column = Callable[[EventFigures], str]

_NOTE = (
    "Their clients were answered (202) when the queue had accepted them, and the latencies above "
    "are of these answers. Waits and ages are as on Lambda's clock: the queue's time counts idle "
    "speed-up times, an attempt's as it was. A retry follows an error of the function, after 1 and "
    "after 2 minutes; a throttled attempt is made again after 1, 2, 4 … 300 s, and costs nothing. "
    "Dropped is whatever did not end with Success. A million events cost what all of their "
    "attempts did."
)


def events_section(study: StudyRun, names: Mapping[str, str]) -> list[Block]:
    """Returns the section of asynchronous events; nothing where a run has none."""
    found = all_events(study)
    if not found:
        return []
    return [
        Heading("Asynchronous events"),
        Paragraph(_NOTE, SMALL),
        events_table(found, names),
    ]


def events_table(found: Sequence[EventFigures], names: Mapping[str, str]) -> Table:
    """Lays out each cell's events: their ends, retries, waits and cost."""
    columns: dict[str, _Column] = {
        "events": lambda f: formatting.count(f.accepted),
        "dropped": lambda f: formatting.count(f.dropped),
        **{word: _ended(word) for word in _failures(found)},
        **({"not ended": _left} if any(f.left for f in found) else {}),
        "retries": lambda f: formatting.count(f.retries),
        "throttled attempts": lambda f: formatting.count(f.refusals),
        "waited to run, average": lambda f: formatting.estimate(f.waited_ms),
        "p95": lambda f: formatting.estimate(f.waited_p95_ms),
        "longest": lambda f: formatting.time(f.waited_most_ms),
        "oldest at its end": lambda f: formatting.time(f.oldest_ms),
        "a million events": lambda f: formatting.money(f.million),
        **{str(one): _told(one) for one in sorted({r for f in found for r in f.told})},
        **({"records lost": _lost} if any(f.lost for f in found) else {}),
    }
    rows = [
        (names[figures.cell.id], *(write(figures) for write in columns.values()))
        for figures in found
    ]
    return Table(("cell", *columns), tuple(rows))


def _left(figures: EventFigures) -> str:
    return formatting.count(figures.left)


def _lost(figures: EventFigures) -> str:
    return formatting.count(figures.lost)


def _failures(found: Sequence[EventFigures]) -> list[str]:
    """Returns the words of all ends but successes, in the order in which they are defined."""
    words = {word for figures in found for word in figures.ends}
    return [each.value for each in Condition if each.value in words - {Condition.SUCCESS.value}]


def _ended(word: str) -> _Column:
    return lambda figures: formatting.count(figures.ends.get(word, 0))


def _told(receiver: Receiver) -> _Column:
    return lambda figures: formatting.count(figures.told.get(receiver, 0))
