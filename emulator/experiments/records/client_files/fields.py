"""Turns the texts of a load tool's file into the values of a client row.

Owns what is said of a text that is none, with its line, and the names of the emulator's headers.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

REQUEST_ID, START, SANDBOX = "x-testbed-request-id", "x-testbed-start", "x-testbed-sandbox"
"""Headers of the emulator's answers."""
OWN_NAMES = {REQUEST_ID: "request_id", START: "start_kind", SANDBOX: "sandbox"}
"""Names by which a load tool's variables or tags hold the headers, as in this project's plans."""
NO_ANSWER = 0
"""Status where no answer came."""


@dataclass(frozen=True, slots=True)
class Place:
    """Holds a line of a file, to say where something is wrong."""

    path: Path
    line: int

    def fault(self, what: str) -> RunDirectoryError:
        """Returns the error that names the file, the line and what is wrong."""
        return RunDirectoryError(f"{self.path}, line {self.line}: {what}.")

    def text(self, values: Mapping[str, str], name: str) -> str:
        """Returns a value. Raises RunDirectoryError where the line has none of that name."""
        value = values.get(name)
        if value is None:
            raise self.fault(f"{name} is missing")
        return value

    def number(self, values: Mapping[str, str], name: str) -> float:
        """Returns a finite number. Raises RunDirectoryError where the text is none."""
        text = self.text(values, name)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.fault(f"{name} must be a number, not {text!r}")
        return value

    def start_kind(self, text: str) -> StartKind | None:
        """Returns the emulator's word for a start; None for no word."""
        try:
            return StartKind(text) if text else None
        except ValueError as error:
            raise self.fault(f"{text!r} is no kind of start") from error


def csv_lines(path: Path) -> Iterator[tuple[Place, dict[str, str]]]:
    """Yields the place and the values, by column, of each line below the header.

    Raises:
        RunDirectoryError: a line has too many or too few values, or is no CSV.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for values in reader:
                place = Place(path, reader.line_num)
                if None in values or None in values.values():
                    raise place.fault("it has not as many values as the header")
                yield place, values
        except csv.Error as error:
            raise Place(path, reader.line_num).fault(str(error)) from error


def status(text: str) -> int:
    """Returns an HTTP status; NO_ANSWER where a tool tells in words what went wrong."""
    return int(text) if text.isdecimal() else NO_ANSWER


def path_of(url: str, label: str) -> str:
    """Returns the path of a URL; where the file has none, the request's label."""
    return urlsplit(url).path or label
