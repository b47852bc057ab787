"""Writes a study's requests as one flat table, a row for each request of finished cells.

Owns the names and the order of the columns, which are `RequestRow`'s fields, and both files that
hold them. A row joins what the client saw with what the emulator journalled, on the request id.
All times are those of the emulated Lambda: where a cell ran dilated, the client's times were
divided before (request_rows.py), and the journal's are so already.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import MISSING, dataclass, fields
from itertools import islice, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, get_type_hints

from emulator.core.profiles import PRICE_TABLES
from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pyarrow import Table

REQUESTS_CSV = "requests.csv"
REQUESTS_PARQUET = "requests.parquet"
DOLLARS = "dollars_"
"""Begins the name of a column of dollars; the name of its price table follows."""
_AT_ONCE = 5000
"""Number of lines whose texts are held beside the rows."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """Holds one request; None (an empty field of the CSV) is what does not apply or is unknown."""

    cell: str
    function: str
    memory_mb: int
    loading: str
    profile: str
    backend: str
    """The backend that served the request: `auto` is no value here."""
    keep_alive: str
    """Seconds, a name of known lifetimes, or `profile`: the profile's survival curve."""
    pick_order: str
    scenario: str
    repetition: int
    """Counted from 1."""
    user_count: int
    """Users that ran when the request was sent; 0 marks a keep-warm ping, -1 an unknown number."""
    sent_at_s: float
    """Seconds since the cell's first request."""
    latency_ms: float
    """Latency as the client saw it; the emulator's own where no client told."""
    http_status: int
    """Status of the answer; 0 where no answer came."""
    ok: bool
    """Whether the answer was right."""
    error: str
    """What was wrong with the answer, in the client's words."""
    request_id: str
    start: str
    """cold, warm, provisioned or suppressed-init; empty where no sandbox took the request."""
    sandbox: str
    queued_ms: float | None
    """Time from the request to the start of its sandbox. This and the next five columns are the
    parts of the cold start that the request waited for; they add up to the wait."""
    create_ms: float | None
    start_ms: float | None
    connect_ms: float | None
    init_ms: float | None
    leftover_ms: float | None
    """The rest of the wait, which none of the other parts accounts for."""
    duration_ms: float | None
    """Duration of the handler, as REPORT counts it."""
    init_duration_ms: float | None
    billed_ms: int | None
    """Billed Duration by the rules of the cell's own profile."""
    dollars: Mapping[str, float]
    """Price under the rules of each price table, by its name; without the tables in which there is
    none, and empty where no sandbox took the request. A column for each table: `dollars_2018`."""
    max_memory_mb: int | None
    throttled_ms: float | None
    """How long the CPU quota held the sandbox back."""
    emulator_status: str
    """Empty where the request never became an invocation."""
    error_type: str
    host_bound: bool
    """Whether the bottleneck of the cell was the host, not the function."""
    network_ms: float | None = None
    """Time between the client and the provider's edge, there and back."""
    gateway_ms: float | None = None
    """Time in API Gateway and in Lambda's front end, there and back."""
    waited_ms: float | None = None
    """Time from the request's arrival at the scheduler to its dispatch, cold or warm."""
    download_ms: float | None = None
    """Time for placement and for the code's download; a part of the wait of a cold start."""
    anonymous_mb: int | None = None
    """Heaps and stacks of the sandbox at the end. This and the next three columns are empty where
    nobody looked, as at most requests of under 10 ms, and in tables of earlier versions."""
    cache_mb: int | None = None
    """Pages of files that the sandbox was the first to touch."""
    major_faults: int | None = None
    """Accesses to memory that waited for the disk, since the sandbox was last looked at."""
    refaults: int | None = None
    """Pages of files that were read again, since the sandbox was last looked at."""
    heap_mb: int | None = None
    """Objects in a JVM's heap as its last garbage collection left them. This and the next three
    columns are empty where no JVM told them."""
    metaspace_mb: int | None = None
    """Class metadata of a JVM at its last collection."""
    gc_count: int | None = None
    """Garbage collections since the sandbox was last looked at."""
    gc_ms: float | None = None
    """Time of those collections."""
    event_end: str | None = None
    """How an asynchronous event ended, in the words of a destination's record: empty while it had
    not. This and the next six columns are empty for requests that waited for their answer; the
    columns on a sandbox are those of the event's last attempt that ran the function."""
    attempts: int | None = None
    """Attempts of the event that ran the function; `dollars` are those of all."""
    refusals: int | None = None
    """Attempts that were throttled, or for which no sandbox could be started."""
    cold_attempts: int | None = None
    """Attempts that waited for a new sandbox."""
    event_waited_ms: float | None = None
    """Time from the event's acceptance until its function first ran, as on Lambda's clock."""
    executed_at_s: float | None = None
    """When the function had run for the last time, in seconds since the cell's first request."""
    event_age_ms: float | None = None
    """Time from the event's acceptance to its end, as on Lambda's clock."""


_NAMES = tuple(field.name for field in fields(RequestRow))
_PLACE = _NAMES.index("dollars")
_BEFORE, _AFTER = _NAMES[:_PLACE], _NAMES[_PLACE + 1 :]
_LATER = {field.name for field in fields(RequestRow) if field.default is not MISSING}
"""Columns that tables of earlier versions do not have."""


def columns(tables: Iterable[str] = tuple(PRICE_TABLES)) -> tuple[str, ...]:
    """Returns the names of all columns in their order, among them one for each price table."""
    return (*_BEFORE, *(DOLLARS + table for table in tables), *_AFTER)


def write_csv(path: Path, rows: Iterable[RequestRow]) -> None:
    """Replaces the file at once, so that a reader never meets half of it.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    join_csv(path, [csv_lines(list(rows))])


def csv_lines(rows: Sequence[RequestRow]) -> str:
    """Returns the lines of some rows, without the head; such pieces joined are a table."""
    text = io.StringIO()
    written = (_texts(name, values) for name, values in _by_column(rows))
    csv.writer(text, lineterminator="\n").writerows(zip(*written, strict=True))
    return text.getvalue()


def join_csv(path: Path, pieces: Iterable[str]) -> None:
    """Replaces the file at once by a head and the pieces that `csv_lines` returned.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(columns()) + "\n")
            file.writelines(pieces)
        partial.replace(path)
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be written: {error.strerror}.") from error


def read_csv(path: Path) -> list[RequestRow]:
    """Returns the rows that `write_csv` wrote, under whatever price tables there were then.

    Raises:
        RunDirectoryError: the file is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = tuple(next(reader, ()))
            tables = [name.removeprefix(DOLLARS) for name in head if name.startswith(DOLLARS)]
            if head != tuple(n for n in columns(tables) if n in head or n not in _LATER):
                raise RunDirectoryError(f"{path} has other columns than this version writes.")
            rows: list[RequestRow] = []
            while texts := list(islice(reader, _AT_ONCE)):
                rows += _rows(texts, head, tables)
            return rows
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from error


def write_parquet(path: Path, rows: Sequence[RequestRow]) -> None:
    """Writes the same table with types, for pandas, DuckDB and others.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    join_parquet(path, [arrow_table(rows)])


def arrow_table(rows: Sequence[RequestRow]) -> Table:
    """Returns some rows as typed columns; such pieces joined are a table."""
    import pyarrow as pa  # noqa: PLC0415  # large, and not needed to read the CSV

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    arrays = [pa.array(values, type=types[_kind_of(name)]) for name, values in _by_column(rows)]
    return pa.table(arrays, names=list(columns()))


def join_parquet(path: Path, pieces: Sequence[Table]) -> None:
    """Writes the pieces that `arrow_table` returned as one file.

    Raises:
        RunDirectoryError: the file cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415  # as above
    from pyarrow import parquet  # noqa: PLC0415

    partial = path.with_name(path.name + ".partial")
    try:
        parquet.write_table(pa.concat_tables(pieces), os.fspath(partial))
        partial.replace(path)
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be written: {error.strerror}.") from error


_plain = attrgetter(*_BEFORE, *_AFTER)


def _by_column(rows: Sequence[RequestRow]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yields each column of `columns()`, in their order, with its values."""
    plain = zip(*map(_plain, rows), strict=True) if rows else iter([()] * (len(_NAMES) - 1))
    for name in _BEFORE:
        yield name, next(plain)
    for table in PRICE_TABLES:
        yield DOLLARS + table, [row.dollars.get(table) for row in rows]
    for name in _AFTER:
        yield name, next(plain)


def _kinds() -> dict[str, tuple[type, bool]]:
    """Returns each plain column's type, and whether it may be None."""
    hints = get_type_hints(RequestRow, {**globals(), "Mapping": dict})
    found = {}
    for name in (*_BEFORE, *_AFTER):
        parts = getattr(hints[name], "__args__", (hints[name],))
        kind = next(part for part in parts if part is not type(None))
        found[name] = kind, type(None) in parts
    return found


_KINDS = _kinds()
_DOLLARS_KIND = float, True
_BOOLEANS = {"true": True, "false": False}


def _kind_of(column: str) -> type:
    return _KINDS.get(column, _DOLLARS_KIND)[0]


def _texts(column: str, values: Sequence[Any]) -> Sequence[Any]:
    """Returns what a CSV writer is to write, who writes None as nothing by itself."""
    kind = _kind_of(column)
    if kind is float:  # a microsecond in a week; dollars of 1e-7
        return [None if value is None else f"{value:.12g}" for value in values]
    if kind is bool:
        return ["true" if value else "false" for value in values]
    return values


def _rows(
    texts: Sequence[Sequence[str]], names: Sequence[str], tables: Sequence[str]
) -> Iterator[RequestRow]:
    """Yields the rows of a few lines, parsed by column: a table has fifty columns a request."""
    for line in texts:
        if len(line) != len(names):
            raise ValueError(f"a row of {len(line)} fields")
    columns = {
        name: _from_texts(values, *_KINDS.get(name, _DOLLARS_KIND))
        for name, values in zip(names, zip(*texts, strict=True), strict=True)
    }
    prices = [columns.pop(DOLLARS + table) for table in tables]
    columns["dollars"] = [
        {table: value for table, value in zip(tables, paid, strict=True) if value is not None}
        for paid in (zip(*prices, strict=True) if tables else [()] * len(texts))
    ]
    # only columns with None as their default may be missing
    return map(RequestRow, *(columns.get(name, repeat(None)) for name in _NAMES))


def _from_texts(texts: Sequence[str], kind: type, optional: bool) -> Sequence[Any]:
    if kind is str and not optional:
        return texts
    if kind is bool:
        return list(map(_boolean, texts))
    if optional:
        return [kind(text) if text else None for text in texts]
    return list(map(kind, texts))


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError(f"{text!r} is neither true nor false")
    return _BOOLEANS[text]
