"""Writes and reads clients.csv: a row for each request of a run as its client saw it.

The locustfiles write the same columns, and know them by heart: they import nothing from here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CLIENTS = "clients.csv"
ACCEPTED = 202
"""Status of the answer to an asynchronous event."""


@dataclass(frozen=True, slots=True)
class ClientRow:
    """Holds one request as its client saw it."""

    request_id: str
    """Empty where no answer came."""
    start: float
    """Seconds since the epoch."""
    latency_ms: float
    status: int
    start_kind: StartKind | None
    sandbox: str
    users: int
    """Number of users that ran when the request was sent."""
    path: str
    error: str
    """Empty where the answer was right."""


CLIENT_COLUMNS = tuple(field.name for field in fields(ClientRow))
CLIENT_HEADER = ",".join(CLIENT_COLUMNS)


def append_client_rows(path: Path, rows: Iterable[ClientRow]) -> None:
    """Adds rows to a CSV file, and the header where the file is new.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if file.tell() == 0:
                writer.writerow(CLIENT_COLUMNS)
            writer.writerows(_texts(row) for row in rows)
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be written: {error.strerror}.") from error


def _texts(row: ClientRow) -> list[Any]:
    values = {name: getattr(row, name) for name in CLIENT_COLUMNS}
    values |= {"start": f"{row.start:.6f}", "latency_ms": f"{row.latency_ms:.3f}"}
    return ["" if value is None else value for value in values.values()]


def parse_client_rows(text: str, path: Path, missing: list[str]) -> tuple[ClientRow, ...]:
    """Parses the file that a run's clients wrote; tells in `missing` of a last line cut short.

    Raises:
        RunDirectoryError: the text is damaged; the sentence names the path and the line.
    """
    *lines, rest = text.split("\n")
    if lines and lines[0] != CLIENT_HEADER:
        raise RunDirectoryError(
            f"{path} begins with {lines[0][:80]!r}, not with {CLIENT_HEADER!r}."
        )
    rows: list[ClientRow] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            rows.append(parse_client_row(line))
        except (ValueError, csv.Error) as error:
            raise RunDirectoryError(f"{path}, line {number}: {error}") from error
    if rest:
        missing.append(f"The last line of {path.name} was cut short and is left out.")
    return tuple(rows)


def parse_client_row(line: str) -> ClientRow:
    """Parses a line of clients.csv, without its end.

    Raises:
        ValueError: the line is no row.
        csv.Error: the line is not even CSV.
    """
    values = next(csv.reader([line], strict=True), [])
    row = dict(zip(CLIENT_COLUMNS, values, strict=True))
    return ClientRow(
        request_id=row["request_id"],
        start=float(row["start"]),
        latency_ms=float(row["latency_ms"]),
        status=int(row["status"]),
        start_kind=StartKind(row["start_kind"]) if row["start_kind"] else None,
        sandbox=row["sandbox"],
        users=int(row["users"]),
        path=row["path"],
        error=row["error"],
    )
