"""What `testbed fidelity` writes down and reads back: AWS's curve, and one row an invocation.

    fidelity.json     when, how often, on which backends, what the kernel says of its bandwidth
    rows.csv          one row an invocation, as the handler and the client measured it
    <backend>/        the run directory of the emulator that served them, with its journal

Times are in ms. A row and the journal's record of the invocation join on the request id.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from emulator.errors import RunDirectoryError
from emulator.experiments.records.run_directory import read_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emulator.experiments.records.run_directory import RunInfo

DESCRIPTION = "fidelity.json"
ROWS = "rows.csv"


@dataclass(frozen=True, slots=True)
class MeasuredCurve:
    """How long one task took on AWS Lambda, by memory size."""

    task_ms: float
    """Of CPU, at one vCPU or more."""
    repetitions: int
    """For each size."""
    mean_ms: Mapping[int, float]
    source: str
    date: str


AWS = MeasuredCurve(
    task_ms=17.56,
    repetitions=2500,
    mean_ms={
        128: 224.7,
        160: 179.7,
        257: 100.7,
        381: 61.3,
        514: 41.3,
        637: 40.9,
        770: 22.2,
        1027: 21.3,
        1283: 21.0,
        1540: 17.7,
        1770: 17.6,
    },
    source="artifact of the EuroSys'26 paper, arXiv 2506.01283",
    date="2025",
)


@dataclass(frozen=True, slots=True)
class SpinRow:
    """One warm invocation, from the handler's and the client's side."""

    backend: str
    round: int
    memory_mb: int
    request_id: str
    sent_at: float
    """Seconds since the epoch."""
    iterations: int
    wall_ms: float
    """By the handler's own clock."""
    cpu_ms: float
    """The sandbox's CPU time meanwhile."""
    throttles: int | None
    """Periods in which its quota ran out; None where its cgroup is out of reach."""
    throttled_ms: float | None
    """Summed over CPUs by the kernel, so at times more than passed."""
    steal_ms: float
    """Taken by the hypervisor on all CPUs, to its clock's 10 ms."""
    client_ms: float
    load: float


COLUMNS = tuple(field.name for field in fields(SpinRow))


@dataclass(frozen=True, slots=True)
class Served:
    """A row with the Duration that the emulator's journal has of the same invocation."""

    row: SpinRow
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A run read back."""

    description: Mapping[str, Any]
    served: Mapping[str, tuple[Served, ...]]
    """By backend."""
    infos: Mapping[str, RunInfo]
    notes: tuple[str, ...]


def write_row(file: Any, row: SpinRow) -> None:
    """Adds a row, and the header where the file is empty, and leaves nothing in a buffer."""
    writer = csv.writer(file, lineterminator="\n")
    if file.tell() == 0:
        writer.writerow(COLUMNS)
    values = (getattr(row, name) for name in COLUMNS)
    writer.writerow([round(v, 4) if isinstance(v, float) else v for v in values])
    file.flush()


def read_fidelity(path: Path) -> Fidelity:
    """Reads what a run left.

    Raises:
        RunDirectoryError: a file is missing or damaged; the message names it.
    """
    notes: list[str] = []
    try:
        description = json.loads(_text(path / DESCRIPTION))
    except ValueError as error:
        raise RunDirectoryError(f"{path / DESCRIPTION} is damaged: {error}.") from error
    if not isinstance(description, dict):
        raise RunDirectoryError(f"{path / DESCRIPTION} is damaged: it is no object.")
    by_backend: dict[str, list[SpinRow]] = {}
    for row in _rows(path / ROWS, notes):
        by_backend.setdefault(row.backend, []).append(row)
    served, infos = {}, {}
    for backend, rows in sorted(by_backend.items()):
        run = read_run(path / backend)
        infos[backend] = run.info
        durations = {record.invocation: record.duration * 1000 for record in run.invocations}
        served[backend] = tuple(
            Served(row, durations[row.request_id]) for row in rows if row.request_id in durations
        )
        if missing := len(rows) - len(served[backend]):
            notes.append(f"{backend}: {missing} rows have no end in the journal and do not count.")
    return Fidelity(description, served, infos, tuple(notes))


def _rows(path: Path, notes: list[str]) -> list[SpinRow]:
    header, *lines = _text(path).split("\n")
    if header != ",".join(COLUMNS):
        raise RunDirectoryError(f"{path} begins with {header[:80]!r}, not with its columns.")
    if lines and lines.pop():
        notes.append(f"The last line of {path.name} was cut short and is left out.")
    rows = []
    for number, line in enumerate(lines, 2):
        try:
            rows.append(_row(line))
        except (ValueError, csv.Error) as error:
            raise RunDirectoryError(f"{path}, line {number}: {error}") from error
    return rows


def _row(line: str) -> SpinRow:
    """Raises ValueError or csv.Error where the line is no row."""
    values = dict(zip(COLUMNS, next(csv.reader([line], strict=True)), strict=True))
    return SpinRow(
        backend=values["backend"],
        round=int(values["round"]),
        memory_mb=int(values["memory_mb"]),
        request_id=values["request_id"],
        sent_at=float(values["sent_at"]),
        iterations=int(values["iterations"]),
        wall_ms=float(values["wall_ms"]),
        cpu_ms=float(values["cpu_ms"]),
        throttles=int(values["throttles"]) if values["throttles"] else None,
        throttled_ms=float(values["throttled_ms"]) if values["throttled_ms"] else None,
        steal_ms=float(values["steal_ms"]),
        client_ms=float(values["client_ms"]),
        load=float(values["load"]),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunDirectoryError(
            f"{path.parent} is no run of `testbed fidelity`: {path.name} is missing."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from error
