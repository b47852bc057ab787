"""Reads the rows of a CSV file, packed or not, and names the line where one is wrong."""

from __future__ import annotations

import csv
import gzip
import zlib
from typing import TYPE_CHECKING, TextIO, TypeVar

from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Parsed = TypeVar("Parsed")
_DAMAGES = (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError)
"""What reading a file raises that is cut short, not packed at all, or no text."""


def opened(path: Path) -> TextIO:
    """Opens a text file, which may be packed by gzip.

    Raises:
        TraceError: the file cannot be read.
    """
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from None


def whole(path: Path) -> str:
    """Returns a file's text.

    Raises:
        TraceError: the file cannot be read.
    """
    try:
        with opened(path) as file:
            return file.read()
    except _DAMAGES as error:
        raise _damaged(path, error) from None


def head(path: Path) -> list[str]:
    """Returns the cells of a file's first line; none where the file is empty.

    Raises:
        TraceError: the file cannot be read.
    """
    try:
        with opened(path) as lines:
            return next(csv.reader(lines), [])
    except _DAMAGES as error:
        raise _damaged(path, error) from None
    except csv.Error as error:
        raise TraceError(f"{path.name}, line 1: {error}") from None


def parsed(
    path: Path, columns: Iterable[str], parse: Callable[[Mapping[str, str]], Parsed]
) -> Iterator[Parsed]:
    """Yields what `parse` makes of each row.

    Raises:
        TraceError: a column is missing, or a row is wrong; the message has the file and the line.
    """
    with opened(path) as lines:
        rows = csv.DictReader(lines)
        try:
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                raise TraceError(f"{path.name}, line 1: there is no column {', '.join(missing)}")
            for row in rows:
                if None in row:  # what DictReader calls the cells behind the last column
                    raise ValueError(f"more than {len(rows.fieldnames or ())} cells")  # noqa: TRY301
                yield parse(row)
        except _DAMAGES as error:
            raise _damaged(path, error) from None
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise TraceError(f"{path.name}, line {rows.line_num}: {error}") from None


def cells(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yields each row's number and its cells of some columns; five times as fast as `parsed`.

    Raises:
        TraceError: a column is missing, or a row is too short.
    """
    with opened(path) as lines:
        rows = csv.reader(lines)
        try:
            head = next(rows, [])
            missing = [name for name in columns if name not in head]
            if missing:
                raise TraceError(f"{path.name}, line 1: there is no column {', '.join(missing)}")
            places = [head.index(name) for name in columns]
            for row in rows:
                if row:
                    yield rows.line_num, [row[place] for place in places]
        except _DAMAGES as error:
            raise _damaged(path, error) from None
        except IndexError:
            raise TraceError(f"{path.name}, line {rows.line_num}: too few cells") from None
        except csv.Error as error:
            raise TraceError(f"{path.name}, line {rows.line_num}: {error}") from None


def numbered(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the lines that are not empty, each with its number.

    Raises:
        TraceError: the file cannot be read.
    """
    try:
        with opened(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line
    except _DAMAGES as error:
        raise _damaged(path, error) from None


def amount(text: str | None) -> float:
    """Reads a number that is not negative.

    Raises:
        ValueError: the text is no such number.
    """
    if text is None:  # DictReader's for a row that ends before this column
        raise ValueError("too few cells")
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError(f"{text!r} is no number from 0 on")
    return number


def _damaged(path: Path, error: Exception) -> TraceError:
    # a file is decoded by kilobytes: which line it was is not known
    wrong = "is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else "is damaged"
    return TraceError(f"{path.name} {wrong}: {error}")
