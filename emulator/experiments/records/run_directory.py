"""Reads a run back from its directory: what ran where, the journal, and the clients' rows.

    run.json        name, when it started, profile, backend, settings, seed, versions, machine …
    journal.jsonl   an entry on each line; the truth of the run
    clients.csv     a row for each request as its client saw it; absent where no client wrote any
    events.jsonl    a line for each asynchronous event that has ended; absent where none has

What the files miss is told in `Run.missing`: a last line that a kill cut short, entries that a
full disk kept from being written, answers that the journal knows nothing of. Damage anywhere else
is an error that names the file and the line. The module does not know studies, nor what is made
of a run's records.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.core import record_fold
from emulator.core.asynchronous.ended_event import EVENTS_FILE
from emulator.core.messages.events import (
    InvokeRequested,
    ProvisionedSet,
    VersionDeployed,
    VersionRetired,
)
from emulator.errors import RunDirectoryError
from emulator.experiments.plan.cells import Origin
from emulator.experiments.records.client_rows import ACCEPTED, CLIENTS, parse_client_rows
from emulator.experiments.records.event_ends import read_ends
from emulator.experiments.records.journal_file import read_journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from emulator.core.asynchronous.ended_event import EndedEvent
    from emulator.core.journal import Entry
    from emulator.core.model import FunctionVersion
    from emulator.core.records import InvocationRecord, SandboxRecord
    from emulator.experiments.records.client_rows import ClientRow

RUN = "run.json"
JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Holds what ran, where and how, as run.json tells."""

    name: str
    started_at: float
    """Seconds since the epoch at the journal's time 0."""
    profile: str
    backend: str
    unenforced: tuple[str, ...]
    """A sentence for each limit that the run's machine could not enforce."""
    settings: Mapping[str, Any]
    seed: int | None
    versions: Mapping[str, Any]
    machine: Mapping[str, Any]
    functions: Mapping[str, Any]
    origin: Origin = Origin.MEASURED


@dataclass(frozen=True, slots=True)
class ProvisionedTime:
    """Holds how long one version had provisioned concurrency, in seconds of the journal."""

    function: str
    memory_mb: int
    sandboxes: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class SnapshotTime:
    """Holds how long the snapshot of one version was kept, in seconds of the journal."""

    function: str
    memory_mb: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Run:
    """Holds all that a run left behind."""

    path: Path
    info: RunInfo
    invocations: tuple[InvocationRecord, ...]
    """Invocations that ended, in the order of their ends."""
    sandboxes: tuple[SandboxRecord, ...]
    clients: tuple[ClientRow, ...]
    provisioned: tuple[ProvisionedTime, ...] = ()
    snapshots: tuple[SnapshotTime, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the run's figures should know, and that make no figure wrong."""
    missing: tuple[str, ...] = ()
    """Sentences on what the records miss: sums and counts are too small by that."""
    events: Mapping[str, EndedEvent] = field(default_factory=dict)
    """Ends of asynchronous events by the request id."""


@dataclass(frozen=True, slots=True)
class Request:
    """Holds one request from both sides; either may be missing, never both."""

    function: str
    client: ClientRow | None
    record: InvocationRecord | None
    """The invocation; of an event's attempts the last one that ran the function, if any did."""
    attempts: tuple[InvocationRecord, ...] = ()
    """Every invocation with the request's id, in their order: an event may have several."""
    event: EndedEvent | None = None
    """The end of the asynchronous event; None for other requests, and before its end."""

    @property
    def is_event(self) -> bool:
        """Returns whether the request is an asynchronous event."""
        accepted = self.client is not None and self.client.status == ACCEPTED
        # only an event is invoked again under its id
        return accepted or self.event is not None or len(self.attempts) > 1


def read_run(path: Path) -> Run:
    """Reads a run directory.

    Raises:
        RunDirectoryError: a file is missing or damaged, or the journal contradicts itself.
    """
    info = _read_info(path / RUN)
    journal = read_journal(path / JOURNAL, info.started_at)
    entries, missing, notes = journal.entries, list(journal.missing), []
    try:
        invocations, sandboxes = record_fold.fold(entries)
        provisioned = tuple(_provisioned(entries))
    except KeyError as error:
        raise RunDirectoryError(
            f"{path / JOURNAL} speaks of {error}, which it never introduced; its beginning is "
            "missing."
        ) from error
    requested = {e.event.invocation for e in entries if isinstance(e.event, InvokeRequested)}
    open_ = len(requested - {record.invocation for record in invocations})
    if open_:
        notes.append(f"{open_} invocations had not ended.")
    if (path / CLIENTS).exists():
        clients = parse_client_rows(_text(path / CLIENTS), path / CLIENTS, missing)
        missing += _unknown_to_the_journal(clients, requested)
    else:
        clients = ()
        notes.append("No client wrote rows; latencies are the emulator's own.")
    return Run(
        path,
        info,
        tuple(invocations),
        tuple(sandboxes),
        clients,
        provisioned,
        tuple(_snapshots(entries)),
        tuple(notes),
        tuple(missing),
        read_ends(path / EVENTS_FILE, missing),
    )


def _unknown_to_the_journal(clients: Iterable[ClientRow], requested: set[str]) -> list[str]:
    """Returns a sentence where sandboxes answered clients and the journal has no such request."""
    unknown = sum(row.start_kind is not None and row.request_id not in requested for row in clients)
    if not unknown:
        return []
    what = f"{unknown} requests that sandboxes answered are not in the journal"
    return [f"{what}: costs and figures of the emulator are without them."]


def _provisioned(entries: Sequence[Entry]) -> Iterator[ProvisionedTime]:
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


def _snapshots(entries: Sequence[Entry]) -> Iterator[SnapshotTime]:
    """Yields how long versions with SnapStart were there; the last until the run's end."""
    open_: dict[str, tuple[FunctionVersion, float]] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, VersionDeployed | VersionRetired):
            key = event.function.key if isinstance(event, VersionDeployed) else event.key
            if (ended := open_.pop(key, None)) is not None:
                yield _snapshot(*ended, entry.at)
            if isinstance(event, VersionDeployed) and event.function.snapshot:
                open_[key] = event.function, entry.at
    for version, since in open_.values():
        yield _snapshot(version, since, entries[-1].at)


def _snapshot(version: FunctionVersion, since: float, until: float) -> SnapshotTime:
    return SnapshotTime(version.name, version.memory_mb, since, until)


def join(run: Run) -> list[Request]:
    """Returns client rows with their invocations, then the invocations that no client row tells of.

    A row whose request never became an invocation counts for the function that answered others
    on its path, else for the path itself.
    """
    attempts: dict[str, tuple[InvocationRecord, ...]] = {}
    for record in run.invocations:
        attempts[record.invocation] = (*attempts.get(record.invocation, ()), record)
    of_path = {
        row.path: attempts[row.request_id][-1].function
        for row in run.clients
        if row.request_id in attempts
    }
    joined: list[Request] = []
    for row in run.clients:
        own = attempts.pop(row.request_id, ())
        function = own[-1].function if own else of_path.get(row.path, row.path)
        joined.append(_request(run, function, row, own))
    return joined + [_request(run, own[-1].function, None, own) for own in attempts.values()]


def _request(
    run: Run, function: str, row: ClientRow | None, attempts: tuple[InvocationRecord, ...]
) -> Request:
    ran = [record for record in attempts if record.dispatched_at is not None] or attempts
    request_id = row.request_id if row else attempts[-1].invocation
    record = ran[-1] if ran else None
    return Request(function, row, record, attempts, run.events.get(request_id))


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
            origin=Origin(raw.get("origin", Origin.MEASURED)),
        )
    except KeyError as error:
        told = " (a simulated trace keeps sums: see its summary.md)" if "trace" in raw else ""
        raise RunDirectoryError(f"{path} has no {error}{told}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunDirectoryError(
            f"{path.parent} is no run directory: {path.name} is missing."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path} cannot be read: {error}.") from error
