"""A study's requests as one flat table: a row a request over all of its finished cells.

The names and the order of the columns stand here and nowhere else: `RequestRow`'s fields. A row
joins what the client saw with what the emulator journalled, on the request id. All times are those
of the emulated Lambda: where a cell ran dilated, the client's are divided here, the journal's are
so already.
"""

from __future__ import annotations

import csv
import os
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

REQUESTS_CSV = "requests.csv"
REQUESTS_PARQUET = "requests.parquet"


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request. None (an empty field of the CSV) is what does not apply or is not known."""

    cell: str
    function: str
    memory_mb: int
    loading: str
    profile: str
    backend: str
    """That it ran on: `auto` is no value here."""
    keep_alive: str
    """Seconds, or `profile`: the profile's survival curve."""
    pick_order: str
    scenario: str
    repetition: int
    """Counted from 1."""
    user_count: int
    """How many users ran when it was sent; 0 marks a keep-warm ping."""
    sent_at_s: float
    """Since the cell's first request."""
    latency_ms: float
    """As the client saw it."""
    http_status: int
    """0 where no answer came."""
    ok: bool
    """The answer was right."""
    error: str
    request_id: str
    start: str
    """cold, warm, provisioned or suppressed; empty where no sandbox that was ready took it."""
    sandbox: str
    queued_ms: float | None
    """This and the next five: where the cold start's time went that it waited for."""
    create_ms: float | None
    start_ms: float | None
    connect_ms: float | None
    init_ms: float | None
    leftover_ms: float | None
    duration_ms: float | None
    """Of the handler, as REPORT counts it."""
    init_duration_ms: float | None
    billed_ms: int | None
    """By the rules of the cell's own profile."""
    dollars_2018: float | None
    """By rules and prices of 2018, whatever the cell's profile."""
    dollars_2025: float | None
    max_memory_mb: int | None
    throttled_ms: float | None
    """For how long its CPU quota held the sandbox back."""
    emulator_status: str
    """Empty where the request never became an invocation."""
    error_type: str
    host_bound: bool
    """Its cell's bottleneck was the host, not the function."""


COLUMNS = tuple(field.name for field in fields(RequestRow))


def write_csv(path: Path, rows: Iterable[RequestRow]) -> None:
    """Replaces the file at once, so that a reader never meets half of it."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_to_text(value) for value in astuple(row)] for row in rows)
    partial.replace(path)


def read_csv(path: Path) -> list[RequestRow]:
    """The rows that `write_csv` wrote.

    Raises:
        RunDirectoryError: the file is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = tuple(next(reader, ()))
            if head != COLUMNS:
                raise RunDirectoryError(f"{path} has other columns than this version writes.")
            return [_row(values) for values in reader]
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from error


def write_parquet(path: Path, rows: Sequence[RequestRow]) -> None:
    """The same table with types, for pandas, DuckDB and others."""
    import pyarrow as pa  # noqa: PLC0415  # large, and not needed to read the CSV
    from pyarrow import parquet  # noqa: PLC0415

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    arrays = [
        pa.array([getattr(row, name) for row in rows], type=types[kind])
        for name, (kind, _) in _KINDS.items()
    ]
    partial = path.with_name(path.name + ".partial")
    parquet.write_table(pa.table(arrays, names=list(COLUMNS)), os.fspath(partial))
    partial.replace(path)


def _kinds() -> dict[str, tuple[type, bool]]:
    """Each column's type, and whether it may be None."""
    hints = get_type_hints(RequestRow)
    found = {}
    for name in COLUMNS:
        parts = getattr(hints[name], "__args__", (hints[name],))
        kind = next(part for part in parts if part is not type(None))
        found[name] = kind, type(None) in parts
    return found


_KINDS = _kinds()
_BOOLEANS = {"true": True, "false": False}


def _to_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.12g}"  # a microsecond in a week; dollars of 1e-7
        case _:
            return str(value)


def _row(values: Sequence[str]) -> RequestRow:
    if len(values) != len(COLUMNS):
        raise ValueError(f"a row of {len(values)} fields")
    parsed = [_from_text(text, *_KINDS[name]) for text, name in zip(values, COLUMNS, strict=True)]
    return RequestRow(*parsed)


def _from_text(text: str, kind: type, optional: bool) -> Any:
    if optional and not text:
        return None
    if kind is bool and text not in _BOOLEANS:
        raise ValueError(f"{text!r} is neither true nor false")
    return _BOOLEANS[text] if kind is bool else kind(text)
