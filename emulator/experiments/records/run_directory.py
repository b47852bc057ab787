"""A run on disk, read back: what ran where, the journal, and the clients' rows.

    run.json        name, when it started, profile, backend, settings, seed, versions, machine …
    journal.jsonl   one entry a line; the truth of the run
    clients.csv     one row a request as its client saw it; absent where no client wrote any

A process that is killed may leave its last line half written: that line is left out and told in
`Run.notes`. Damage anywhere else is an error that names the file and the line.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.core import journal, records
from emulator.core.messages import InvokeRequested, ProvisionedSet, VersionDeployed
from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from emulator.core.journal import Entry
    from emulator.core.model import FunctionVersion
    from emulator.core.records import InvocationRecord, SandboxRecord

T = TypeVar("T")

RUN = "run.json"
JOURNAL = "journal.jsonl"
CLIENTS = "clients.csv"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What ran, where and how; read from run.json."""

    name: str
    started_at: float
    """Seconds since the epoch at the journal's time 0."""
    profile: str
    backend: str
    unenforced: tuple[str, ...]
    """A sentence for each limit that this machine could not enforce."""
    settings: Mapping[str, Any]
    seed: int | None
    versions: Mapping[str, Any]
    machine: Mapping[str, Any]
    functions: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One request as its client saw it."""

    request_id: str
    """Empty where no answer came."""
    start: float
    """Seconds since the epoch."""
    latency_ms: float
    status: int
    start_kind: StartKind | None
    sandbox: str
    users: int
    """How many ran when the request was sent."""
    path: str
    error: str
    """Empty where the answer was right."""


CLIENT_COLUMNS = tuple(field.name for field in fields(ClientRow))
CLIENT_HEADER = ",".join(CLIENT_COLUMNS)


@dataclass(frozen=True, slots=True)
class ProvisionedTime:
    """Provisioned concurrency of one version, from its setting to its next one or the run's end."""

    function: str
    memory_mb: int
    sandboxes: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Run:
    path: Path
    info: RunInfo
    invocations: tuple[InvocationRecord, ...]
    """Those that ended, in the order of their ends."""
    sandboxes: tuple[SandboxRecord, ...]
    clients: tuple[ClientRow, ...]
    provisioned: tuple[ProvisionedTime, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of its figures should know about the files."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request from both sides; either may be missing, never both."""

    function: str
    client: ClientRow | None
    record: InvocationRecord | None


def read_run(path: Path) -> Run:
    """Reads a run directory.

    Raises:
        RunDirectoryError: a file is missing or damaged, or the journal contradicts itself.
    """
    info = _read_info(path / RUN)
    notes: list[str] = []
    entries = _read_lines(path / JOURNAL, notes, journal.decode, journal.JournalError)
    try:
        invocations, sandboxes = records.fold(entries)
    except KeyError as error:
        raise RunDirectoryError(
            f"{path / JOURNAL} speaks of {error}, which it never introduced; its beginning is "
            "missing."
        ) from error
    requested = sum(isinstance(entry.event, InvokeRequested) for entry in entries)
    if requested > len(invocations):
        notes.append(f"{requested - len(invocations)} invocations had not ended.")
    clients = _read_clients(path / CLIENTS, notes)
    return Run(
        path,
        info,
        tuple(invocations),
        tuple(sandboxes),
        clients,
        tuple(_provisioned(entries)),
        tuple(notes),
    )


def _provisioned(entries: list[Entry]) -> Iterator[ProvisionedTime]:
    versions: dict[str, FunctionVersion] = {}
    open_: dict[str, tuple[int, float]] = {}
    for entry in entries:
        if isinstance(entry.event, VersionDeployed):
            versions[entry.event.function.key] = entry.event.function
        elif isinstance(entry.event, ProvisionedSet):
            yield from _closed(versions, open_, entry.event.key, entry.at)
            open_[entry.event.key] = (entry.event.count, entry.at)
    for key in list(open_):
        yield from _closed(versions, open_, key, entries[-1].at)


def _closed(
    versions: Mapping[str, FunctionVersion],
    open_: dict[str, tuple[int, float]],
    key: str,
    until: float,
) -> Iterator[ProvisionedTime]:
    count, since = open_.pop(key, (0, until))
    if count:
        version = versions[key]
        yield ProvisionedTime(version.name, version.memory_mb, count, since, until)


def join(run: Run) -> list[Request]:
    """Client rows with their invocations, then the invocations that no client row tells of.

    A row whose request never became an invocation counts for the function that answered others
    on its path, else for the path itself.
    """
    by_id = {record.invocation: record for record in run.invocations}
    of_path = {
        row.path: by_id[row.request_id].function for row in run.clients if row.request_id in by_id
    }
    joined: list[Request] = []
    for row in run.clients:
        record = by_id.pop(row.request_id, None)
        function = record.function if record else of_path.get(row.path, row.path)
        joined.append(Request(function, row, record))
    return joined + [Request(record.function, None, record) for record in by_id.values()]


def append_client_rows(path: Path, rows: Iterable[ClientRow]) -> None:
    """Adds rows to the CSV file at `path`, and its header where it is new."""
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            writer.writerow(CLIENT_COLUMNS)
        for row in rows:
            values = {name: getattr(row, name) for name in CLIENT_COLUMNS}
            values |= {"start": f"{row.start:.6f}", "latency_ms": f"{row.latency_ms:.3f}"}
            writer.writerow(["" if value is None else value for value in values.values()])


def _read_info(path: Path) -> RunInfo:
    try:
        raw = json.loads(_text(path))
        return RunInfo(
            name=str(raw["name"]),
            started_at=float(raw["started_at"]),
            profile=str(raw["profile"]),
            backend=str(raw["backend"]),
            unenforced=tuple(raw.get("unenforced", ())),
            settings=raw.get("settings", {}),
            seed=raw.get("seed"),
            versions=raw.get("versions", {}),
            machine=raw.get("machine", {}),
            functions=raw.get("functions", {}),
        )
    except KeyError as error:
        raise RunDirectoryError(f"{path} has no {error}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from error


def _read_clients(path: Path, notes: list[str]) -> tuple[ClientRow, ...]:
    if not path.exists():
        notes.append("No client wrote rows; latencies are the emulator's own.")
        return ()
    return tuple(_read_lines(path, notes, parse_client_row, ValueError, header=CLIENT_HEADER))


def parse_client_row(line: str) -> ClientRow:
    """Raises ValueError or csv.Error where the line is no row."""
    values = next(csv.reader([line], strict=True))
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


def _read_lines(
    path: Path,
    notes: list[str],
    parse: Callable[[str], T],
    broken: type[Exception],
    header: str = "",
) -> list[T]:
    """Parses line by line; only a last line without its end may be broken."""
    *lines, rest = _text(path).split("\n")
    if header and lines and lines[0] != header:
        raise RunDirectoryError(f"{path} begins with {lines[0][:80]!r}, not with {header!r}.")
    skip = 1 if header else 0
    parsed: list[T] = []
    for number, line in enumerate(lines[skip:], skip + 1):
        try:
            parsed.append(parse(line))
        except (broken, csv.Error) as error:
            raise RunDirectoryError(f"{path}, line {number}: {error}") from error
    if rest:
        notes.append(f"The last line of {path.name} was cut short and is left out.")
    return parsed


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunDirectoryError(
            f"{path.parent} is no run directory: {path.name} is missing."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from error
