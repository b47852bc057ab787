"""Writes and reads the run directory of `testbed fidelity`.

    fidelity.json     when, how often, on which backends, what the kernel says of its bandwidth
    rows.csv          a row for each invocation, as the handler and the client measured it
    <backend>/        the run directory of the backend's emulator, with its journal

Times are in ms. A row and the journal's record of the invocation join on the request id. The
module does not know what is made of the rows.
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
class SpinRow:
    """Holds one warm invocation, from the handler's and the client's side."""

    backend: str
    round: int
    memory_mb: int
    request_id: str
    sent_at: float
    """Seconds since the epoch."""
    iterations: int
    wall_ms: float
    """Time of the task by the handler's own clock."""
    cpu_ms: float
    """CPU time of the handler's process meanwhile."""
    throttles: int | None
    """Number of periods in which the quota ran out; None where the cgroup is out of reach."""
    throttled_ms: float | None
    """Time held back, summed over CPUs by the kernel: at times more than passed."""
    steal_ms: float
    """Time that the hypervisor took on all CPUs, to its clock's 10 ms."""
    client_ms: float
    load: float


COLUMNS = tuple(field.name for field in fields(SpinRow))


@dataclass(frozen=True, slots=True)
class ServedRow:
    """Holds a row with the Duration that the journal has of the same invocation."""

    row: SpinRow
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Holds a run of `testbed fidelity` that was read back."""

    description: Mapping[str, Any]
    """Content of fidelity.json."""
    served: Mapping[str, tuple[ServedRow, ...]]
    """Rows by backend."""
    infos: Mapping[str, RunInfo]
    """Description of each backend's emulator."""
    notes: tuple[str, ...]
    """A sentence for each thing that is missing of the run."""


def write_row(file: Any, row: SpinRow) -> None:
    """Appends a row, after the header where the file is empty, and flushes it."""
    writer = csv.writer(file, lineterminator="\n")
    if file.tell() == 0:
        writer.writerow(COLUMNS)
    values = (getattr(row, name) for name in COLUMNS)
    writer.writerow([round(v, 4) if isinstance(v, float) else v for v in values])
    file.flush()


def read_fidelity(path: Path) -> Fidelity:
    """Reads a run directory.

    Raises:
        RunDirectoryError: a file is missing or damaged; the message names the file.
    """
    notes: list[str] = []
    description = _description(path / DESCRIPTION)
    by_backend: dict[str, list[SpinRow]] = {}
    for row in _rows(path / ROWS, notes):
        by_backend.setdefault(row.backend, []).append(row)
    served, infos = {}, {}
    for backend, rows in sorted(by_backend.items()):
        run = read_run(path / backend)
        infos[backend] = run.info
        durations = {record.invocation: record.duration * 1000 for record in run.invocations}
        served[backend] = tuple(
            ServedRow(row, durations[row.request_id]) for row in rows if row.request_id in durations
        )
        if missing := len(rows) - len(served[backend]):
            notes.append(f"{backend}: {missing} rows have no end in the journal and do not count.")
        notes += [f"{backend}: {sentence}" for sentence in run.missing]
    return Fidelity(description, served, infos, tuple(notes))


def _description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(_text(path))
    except ValueError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from error
    if not isinstance(description, dict):
        raise RunDirectoryError(f"{path} is damaged: it is no object.")
    return description


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
    """Parses a line; raises ValueError or csv.Error where the line is no row."""
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
