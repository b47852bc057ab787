"""Writes the journals of simulations into one Parquet file, and reads them again.

A row an entry: the simulation's name, the time, and the words that one filters by (event, function,
invocation, sandbox) beside the entry itself as a line of the journal's own form, from which it is
read. Rows are written in groups, so that a journal of any length takes the memory of one group.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
from pyarrow import parquet

from emulator.core.journal import JournalError, decode, encode
from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from emulator.core.journal import Entry

GROUP = 50_000
"""Rows of one group."""
_WORDS = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    [
        ("simulation", _WORDS),
        ("at", pa.float64()),
        ("event", _WORDS),
        ("key", _WORDS),
        ("invocation", pa.string()),
        ("sandbox", pa.int64()),
        ("entry", pa.string()),
    ]
)


class ParquetJournal:
    """Writes entries of several simulations, one after the other or in turns.

    The file has its name once all is written: a run that breaks off leaves `FILE.partial`.
    """

    def __init__(self, path: Path) -> None:
        """Begins a file.

        Raises:
            RunDirectoryError: the file cannot be written.
        """
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._rows: list[tuple[object, ...]] = []
        try:
            self._writer = parquet.ParquetWriter(
                os.fspath(self._partial), _SCHEMA, compression="zstd"
            )
        except OSError as error:
            raise _cannot(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()
        self._writer.close()
        if kind is None:
            self._partial.replace(self._path)

    def add(self, simulation: str, entry: Entry) -> None:
        """Writes an entry.

        Raises:
            RunDirectoryError: the file cannot be written.
        """
        event: Any = entry.event
        self._rows.append(
            (
                simulation,
                entry.at,
                type(event).__name__,
                getattr(event, "key", None),
                getattr(event, "invocation", None),
                getattr(event, "sandbox", None),
                encode(entry),
            )
        )
        if len(self._rows) >= GROUP:
            self._flush()

    def join(self, files: Iterable[Path]) -> None:
        """Copies all rows of other journals, and removes each file after its copy.

        Raises:
            RunDirectoryError: a file cannot be read, or this one not be written.
        """
        for file in files:
            try:
                with parquet.ParquetFile(os.fspath(file)) as opened:
                    for group in range(opened.num_row_groups):
                        self._writer.write_table(opened.read_row_group(group))
                file.unlink()
            except OSError as error:
                raise _cannot(self._path, error) from error

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [
            pa.array(column, type=field.type)
            for column, field in zip(columns, _SCHEMA, strict=True)
        ]
        self._rows = []
        try:
            self._writer.write_table(pa.table(arrays, schema=_SCHEMA))
        except OSError as error:
            raise _cannot(self._path, error) from error


def read_journal(path: Path, simulation: str | None = None) -> Iterator[tuple[str, Entry]]:
    """Yields entries with the names of their simulations; of one simulation alone, by its name.

    Raises:
        RunDirectoryError: the file cannot be read, or a row holds no entry.
    """
    try:
        with parquet.ParquetFile(os.fspath(path)) as opened:
            for batch in opened.iter_batches(GROUP, columns=["simulation", "entry"]):
                for name, line in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                    if simulation in (None, name):
                        yield name, decode(line)
    except (OSError, pa.ArrowInvalid, JournalError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from error


def _cannot(path: Path, error: OSError) -> RunDirectoryError:
    return RunDirectoryError(f"{path} cannot be written: {error.strerror or error}.")
