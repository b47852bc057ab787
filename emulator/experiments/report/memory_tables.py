"""Lays out what sandboxes held in memory: as the kernel counted, and as JVMs told."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.garbage import collections
from emulator.experiments.analysis.pages import pages
from emulator.experiments.report.document import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import StudyRun

_Found = TypeVar("_Found")


def pages_table(study: StudyRun, names: Mapping[str, str]) -> Table | None:
    """Lays out what sandboxes held and what came from disk; None where nobody looked."""
    return _table(
        study,
        names,
        pages,
        {
            "anonymous, most": lambda found: formatting.memory(found.anonymous_mb),
            "page cache, most": lambda found: formatting.memory(found.cache_mb),
            "major faults, cold": lambda found: formatting.number(found.cold_faults),
            "major faults, warm": lambda found: formatting.number(found.warm_faults),
            "refaults, warm": lambda found: formatting.number(found.warm_refaults),
            "major faults, most": lambda found: formatting.count(found.most_faults),
        },
    )


def collections_table(study: StudyRun, names: Mapping[str, str]) -> Table | None:
    """Lays out what JVMs told of their memory; None where none did."""
    return _table(
        study,
        names,
        collections,
        {
            "heap, most": lambda found: formatting.memory(found.heap_mb),
            "class metadata, most": lambda found: formatting.memory(found.metaspace_mb),
            "collections a request": lambda found: formatting.number(found.a_request),
            "collecting a request": lambda found: formatting.time(found.ms_a_request),
            "share of handlers' time": lambda found: formatting.share(found.share),
        },
    )


def _table(
    study: StudyRun,
    names: Mapping[str, str],
    find: Callable[[Sequence[RequestRow]], _Found | None],
    columns: Mapping[str, Callable[[_Found], str]],
) -> Table | None:
    """Lays out a row for each cell in whose requests something is found."""
    rows = [
        (names[cell.id], *(write(found) for write in columns.values()))
        for cell, requests in study.measured()
        if (found := find(requests)) is not None
    ]
    return Table(("cell", *columns), tuple(rows)) if rows else None
