"""Tells how far predicted cells are off the measured ones: a table as Markdown and as CSV.

Owns the figures that are compared and what is wanted of each, which was set before any prediction
was made: hits and mean within 10 %, p95 within 15 %, cold starts within one, in cells under a ramp.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from emulator.errors import RunDirectoryError
from emulator.experiments.analysis import formatting
from emulator.experiments.analysis.cell_stats import cell_stats
from emulator.experiments.analysis.requests import latencies, user_requests
from emulator.experiments.plan.scenarios import label_of
from emulator.experiments.records.price_tables import table_of
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.document import Document, Notice, Paragraph, Table
from emulator.experiments.report.labels import marked
from emulator.experiments.report.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import MeasuredCell, StudyRun

ACCURACY = "accuracy"
"""Name of both files, without their endings."""
_RAMP = "ramp"
_COLUMNS = (
    *("cell", "figure", "simulated", "measured", "error", "as_wanted", "host_bound", "requests"),
    "repeats_differ_by",
)

_HEAD = ("cell", "figure", "n", "simulated", "measured", "error", "as wanted", "repeats differ by")


class Figure(StrEnum):
    """Names the figures that are compared."""

    COLD_STARTS = "cold starts"
    HITS = "hits/s"
    MEAN = "mean"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    COST = "dollars a million"


_WANTED = {Figure.COLD_STARTS: 1.0, Figure.HITS: 0.10, Figure.MEAN: 0.10, Figure.P95: 0.15}
"""Greatest error that is wanted: a share of the measured figure, of cold starts a number."""

_REQUESTS = {Figure.P95: 20, Figure.P99: 100}
"""Fewest requests of which at least one is beyond the percentile."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Holds one figure of one cell, predicted and measured; latencies in ms."""

    cell: str
    scenario: str
    figure: Figure
    predicted: float
    measured: float
    host_bound: bool = False
    """Whether the measured cell tells of its machine, which is not simulated."""
    requests: int = 0
    """Number of answered requests that the measured figure is from."""
    spread: float | None = None
    """By how much measured repetitions of the cell differ, as an error; None where it has none."""

    @property
    def error(self) -> float:
        """Share of the measured figure by which the predicted one is higher; a number of starts."""
        difference = self.predicted - self.measured
        if self.figure is Figure.COLD_STARTS:
            return difference
        return difference / self.measured if self.measured else 0.0

    @property
    def fine(self) -> bool | None:
        """Whether the error is as small as wanted; None where nothing is wanted."""
        wanted = _WANTED.get(self.figure)
        if wanted is None or self.scenario != _RAMP:
            return None
        return abs(self.error) <= wanted


_Measured = tuple["MeasuredCell", "Sequence[RequestRow]"]


def compare_cells(predicted: StudyRun, measured: StudyRun) -> list[Compared]:
    """Returns every figure of every cell that both runs have, by the cells' names."""
    there = {cell.id: (cell, rows) for cell, rows in measured.measured()}
    spreads = _spreads(there.values())
    return [
        Compared(
            *(cell.id, _load(cell), figure, ours, theirs),
            host_bound=bool(there[cell.id][0].host_bound),
            requests=len(latencies(user_requests(there[cell.id][1]))),
            spread=spreads.get((_unrepeated(cell.id, cell.repetition), figure)),
        )
        for cell, rows in predicted.measured()
        if cell.id in there
        for figure, ours, theirs in _pairs((cell, rows), there[cell.id])
    ]


def _load(cell: MeasuredCell) -> str:
    """Returns the name of a cell's load, of which nothing is wanted where it is of events."""
    return label_of(cell.condition.scenario, asynchronous=cell.asynchronous)


def _unrepeated(cell: str, repetition: int) -> str:
    return cell.removesuffix(f"-r{repetition}")


def _spreads(cells: Iterable[_Measured]) -> dict[tuple[str, Figure], float]:
    """Returns the greatest difference between repetitions of a cell, as `Compared` has errors."""
    found: dict[tuple[str, Figure], list[float]] = {}
    for cell, rows in cells:
        for figure, value in _figures(cell, rows).items():
            if value is not None:
                name = _unrepeated(cell.id, cell.repetition)
                found.setdefault((name, figure), []).append(value)
    return {
        (name, figure): Compared(name, "", figure, max(values), min(values)).error
        for (name, figure), values in found.items()
        if len(values) > 1
    }


def _enough(figure: Figure, requests: int) -> bool:
    """Returns whether some request is beyond the percentile: 20 have a p95, 100 a p99."""
    return requests >= _REQUESTS.get(figure, 1)


def _pairs(predicted: _Measured, measured: _Measured) -> Iterator[tuple[Figure, float, float]]:
    ours, theirs = _figures(*predicted), _figures(*measured)
    for figure in Figure:
        here, there = ours[figure], theirs[figure]
        if here is not None and there is not None:
            yield figure, here, there


def _figures(cell: MeasuredCell, rows: Sequence[RequestRow]) -> dict[Figure, float | None]:
    stats = cell_stats(cell, rows)
    answered = latencies(user_requests(rows))
    return {
        Figure.COLD_STARTS: float(stats.cold_starts),
        Figure.HITS: stats.hits_mean,
        Figure.MEAN: stats.mean_ms.value,
        Figure.P50: float(np.percentile(answered, 50)) if answered else None,
        Figure.P95: stats.p95_ms.value,
        Figure.P99: stats.p99_ms.value,
        Figure.COST: stats.costs[table_of(cell.condition.profile)].per_million,
    }


def write_accuracy(simulated: Path, measured: Path, page: Path | None = None) -> list[Compared]:
    """Compares two runs and writes both tables into the simulated run's folder.

    Args:
        simulated: the run whose cells were predicted.
        measured: the run that they are held against.
        page: file that the table as Markdown is written to as well.

    Raises:
        RunDirectoryError: a run cannot be read, or a table cannot be written.
    """
    found = compare_cells(read_study(simulated), read_study(measured))
    try:
        with (simulated / f"{ACCURACY}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(
                (c.cell, c.figure, *_told(c), c.fine, c.host_bound, c.requests, c.spread)
                for c in found
            )
        text = markdown(_document(found, measured.resolve().name))
        for path in (simulated / f"{ACCURACY}.md", page):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunDirectoryError(f"{error.filename} cannot be written: {error.strerror}.") from error
    return found


def _told(compared: Compared) -> tuple[float | str, float | str, float | str]:
    """Returns both figures and the error; empty where too few requests make the percentile."""
    if not _enough(compared.figure, compared.requests):
        return "", "", ""
    return compared.predicted, compared.measured, compared.error


def verdicts(found: Sequence[Compared]) -> tuple[str, ...]:
    """Returns a sentence for each figure of which something is wanted."""
    told = []
    for figure in Figure:
        judged = [c for c in found if c.figure is figure and c.fine is not None]
        if judged:
            fine = sum(bool(c.fine) for c in judged)
            worst = max(judged, key=lambda c: abs(c.error))
            told.append(
                f"{figure}: {fine} of {len(judged)} ramp cells as wanted "
                f"({_wanted(figure)}); worst {_error(worst)} at {worst.cell}"
            )
    return tuple(told)


def _document(found: Sequence[Compared], measured: str) -> Document:
    rows = tuple(
        (
            marked(compared.cell, host_bound=compared.host_bound, incomplete=False),
            compared.figure,
            f"{compared.requests:,}",
            *_written(compared),
            {True: "yes", False: "no", None: formatting.ABSENT}[compared.fine],
            formatting.ABSENT
            if compared.spread is None
            else _difference(compared, compared.spread),
        )
        for compared in found
    )
    return Document(
        f"Simulated against measured: {measured}",
        (
            Paragraph(
                "Each cell of a run that functions made on this machine, live, is predicted by the "
                "simulator, which was calibrated with the run's other cells and has never seen "
                "this one: `testbed simulate PLAN --calibrate RUN --leave-one-out`. Latencies are "
                "the clients' own. What is wanted holds for cells under a ramp, and was set before "
                "any prediction was made. n is the number of requests measured: fewer than 20 have "
                "no p95, and fewer than 100 no p99. A plan with repetitions tells how far two "
                "measured cells differ that are the same: no prediction can be nearer."
            ),
            Notice("As wanted", verdicts(found)),
            *_host_bound(found),
            Table(_HEAD, rows, left=2),
        ),
    )


def _written(compared: Compared) -> tuple[str, str, str]:
    if not _enough(compared.figure, compared.requests):
        return (formatting.ABSENT,) * 3
    write = _writer(compared.figure)
    return write(compared.predicted), write(compared.measured), _error(compared)


def _host_bound(found: Sequence[Compared]) -> list[Notice]:
    cells = tuple(dict.fromkeys(compared.cell for compared in found if compared.host_bound))
    title = f"{formatting.HOST_BOUND} Here the machine was the bottleneck, which no figure predicts"
    return [Notice(title, cells)] if cells else []


def _writer(figure: Figure) -> Callable[[float | None], str]:
    match figure:
        case Figure.COLD_STARTS:
            return formatting.count
        case Figure.HITS:
            return formatting.number
        case Figure.COST:
            return formatting.money
        case _:
            return formatting.time


def _error(compared: Compared) -> str:
    return _difference(compared, compared.error)


def _difference(compared: Compared, difference: float) -> str:
    form = "+.0f" if compared.figure is Figure.COLD_STARTS else "+.1%"
    return format(difference, form)


def _wanted(figure: Figure) -> str:
    return "±1" if figure is Figure.COLD_STARTS else f"±{_WANTED[figure]:.0%}"
