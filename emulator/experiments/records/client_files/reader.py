"""Finds which load tool wrote a file, reads the file's requests, and puts them into a run.

Owns how a format is told by the file's beginning, and what is said of how rows and journal go
together.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.errors import RunDirectoryError
from emulator.experiments.records.client_files import jtl, k6
from emulator.experiments.records.client_rows import (
    CLIENT_HEADER,
    CLIENTS,
    append_client_rows,
    parse_client_row,
)
from emulator.experiments.records.run_directory import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.experiments.records.client_rows import ClientRow

_BEGINNING = 4096
"""Bytes by which a format is told."""
_LOCUST_SUMS = ("Type,Name,", "Timestamp,User Count,", "Method,Name,", "Count,Message,")
"""How the files of Locust's --csv begin, which have no single request."""


class Format(StrEnum):
    """Names the formats of requests that can be read."""

    JTL_CSV = "JTL (CSV) of JMeter or Taurus"
    JTL_XML = "JTL (XML) of JMeter or Taurus"
    K6_JSON = "JSON lines of k6"
    K6_CSV = "CSV of k6"
    OWN = "client rows of the locustfiles"


@dataclass(frozen=True, slots=True)
class Imported:
    """Holds what came of a file."""

    format: Format
    rows: int
    with_id: int
    """Rows that have the request's id."""
    joined: int
    """Rows whose request is in the run's journal."""

    def sentences(self) -> list[str]:
        """Returns what a user must know of the rows."""
        said = [f"{self.rows} requests, {self.format}."]
        if not self.with_id:
            said.append(
                "None has a request id, so that their cold starts, sandboxes and costs are not "
                "known: have the tool keep the answer's header x-testbed-request-id as request_id."
            )
        elif self.joined < self.rows:
            said.append(f"{self.joined} of them are in the run's journal.")
        else:
            said.append("Each is in the run's journal.")
        return said


def format_of(path: Path) -> Format:
    """Returns the format of a file.

    Raises:
        RunDirectoryError: the file cannot be read, or is in none of the formats.
    """
    beginning = _beginning(path)
    first = beginning.lstrip("\ufeff").partition("\n")[0].rstrip("\r")
    if first == CLIENT_HEADER:
        return Format.OWN
    if first.startswith("<") and f"<{jtl.XML_ROOT}" in beginning:
        return Format.JTL_XML
    if first.startswith("{") and _is_metric(first):
        return Format.K6_JSON
    columns = set(_columns(first))
    if columns >= k6.CSV_COLUMNS:
        return Format.K6_CSV
    if columns >= jtl.CSV_COLUMNS:
        return Format.JTL_CSV
    raise RunDirectoryError(f"{path}, line 1: {_refusal(first)}")


def _beginning(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_BEGINNING).decode("utf-8", errors="replace")
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}.") from error


def _is_metric(line: str) -> bool:
    try:
        return "metric" in json.loads(line)
    except ValueError:
        return False


def _columns(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def _refusal(first: str) -> str:
    if first.startswith(_LOCUST_SUMS):
        return (
            "these are Locust's sums, not its requests; the locustfiles write a row for each "
            f"request to {CLIENTS} (TESTBED_CLIENT_ROWS), which can be read."
        )
    return (
        f"{first[:60]!r} begins none of the known formats: {', '.join(Format)}. A JTL in CSV needs "
        "its header (jmeter.save.saveservice.print_field_names=true)."
    )


def read_rows(path: Path, form: Format) -> Iterator[ClientRow]:
    """Yields the requests of a file.

    Raises:
        RunDirectoryError: a line is wrong; the message names the line.
    """
    match form:
        case Format.JTL_CSV:
            yield from jtl.read_csv(path)
        case Format.JTL_XML:
            yield from jtl.read_xml(path)
        case Format.K6_JSON:
            yield from k6.read_json(path)
        case Format.K6_CSV:
            yield from k6.read_csv(path)
        case Format.OWN:
            yield from _own(path)


def _own(path: Path) -> Iterator[ClientRow]:
    with path.open(encoding="utf-8", newline="") as file:
        next(file)
        for number, line in enumerate(file, 2):
            try:
                yield parse_client_row(line.rstrip("\r\n"))
            except (ValueError, csv.Error) as error:
                raise RunDirectoryError(f"{path}, line {number}: {error}.") from error


def import_clients(file: Path, run: Path) -> Imported:
    """Writes the requests of a load tool's file into a run as its client rows.

    Nothing is written where any of the file's lines is wrong.

    Raises:
        RunDirectoryError: the file or the run cannot be read, or the run has client rows already.
    """
    form = format_of(file)
    found = read_run(run)
    if (run / CLIENTS).exists():
        raise RunDirectoryError(f"{run / CLIENTS} is there already: a run's clients write it once.")
    try:
        rows = list(read_rows(file, form))
    except UnicodeDecodeError as error:
        raise RunDirectoryError(f"{file} is no UTF-8: {error.reason}.") from error
    if not rows:
        raise RunDirectoryError(f"{file} has no request in it.")
    append_client_rows(run / CLIENTS, rows)
    known = {record.invocation for record in found.invocations}
    return Imported(
        form,
        len(rows),
        sum(bool(row.request_id) for row in rows),
        sum(row.request_id in known for row in rows),
    )
