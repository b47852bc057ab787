"""Reads a run's journal from its file, and notices what the file misses.

    {"at": …, "event": …, "commands": …}          an entry (core.journal)
    {"lost": 12, "since": T, "until": T}          a gap: entries that could not be written

Owns how gaps are recognized and how entries are read that follow a gap and speak of what began in
it. Does not know what a run is, nor what is made of the entries.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from emulator.core import journal
from emulator.core.journal import Entry
from emulator.core.messages.commands import Dispatch, ResetSandbox, StartSandbox, StopSandbox
from emulator.core.messages.events import (
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    RuntimeExited,
    TimePassed,
    VersionDeployed,
)
from emulator.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.core.messages.commands import Command
    from emulator.core.messages.events import Event

LONGEST_ERROR_TYPE = 300
"""Characters that are kept of an error's type, which a function may make megabytes long."""
_GAP = b'{"lost"'


@dataclass(frozen=True, slots=True)
class Gap:
    """Holds what is known of entries that the recorder could not write."""

    lost: int
    """Number of entries."""
    since: float
    """When the first entry was lost, in seconds since the epoch."""
    until: float
    """When entries could be written again, in seconds since the epoch."""

    def sentence(self, started_at: float) -> str:
        """Tells of the gap in a run that started at that time, in seconds since the epoch."""
        since, until = self.since - started_at, self.until - started_at
        return (
            f"{self.lost} journal entries from {since:.1f} s to {until:.1f} s of the run could not "
            "be written: all figures and costs are without them."
        )


@dataclass(frozen=True, slots=True)
class Journal:
    """Holds a journal as far as it could be read."""

    entries: tuple[Entry, ...]
    """Entries that a fold can take: after a gap, without what speaks of things unknown."""
    missing: tuple[str, ...]
    """A sentence for each thing that the journal misses."""


def read_journal(path: Path, started_at: float) -> Journal:
    """Reads a journal line by line, of a run that started at that time since the epoch.

    A last line without its end was cut short by a kill, and a broken line before a gap by what
    caused the gap: both are left out and told.

    Raises:
        RunDirectoryError: the file cannot be read, or a line elsewhere is damaged.
    """
    before: list[Entry] = []
    after: list[Entry] | None = None
    missing: list[str] = []
    for found in _lines(path):
        match found:
            case Entry():
                (before if after is None else after).append(found)
            case Gap():
                missing.append(found.sentence(started_at))
                after = [] if after is None else after
            case str():
                missing.append(found)
    return Journal((*before, *_after_gap(before, after or [])), tuple(missing))


def _lines(path: Path) -> Iterator[Entry | Gap | str]:
    """Yields entries, gaps, and a sentence where the last line was cut short."""
    damage: RunDirectoryError | None = None
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                head, mark, tail = line.partition(_GAP)
                if damage is not None and (head or not mark):
                    raise damage
                damage = None
                if not line.endswith(b"\n"):
                    yield f"The last line of {path.name} was cut short and is left out."
                elif mark and not head:
                    yield _gap(line, f"{path}, line {number}")
                else:
                    try:
                        yield _entry(line)
                    except (journal.JournalError, UnicodeDecodeError) as error:
                        # what filled the disk may have cut the line before the gap
                        damage = RunDirectoryError(f"{path}, line {number}: {error}")
                        damage.__cause__ = error
                        if mark:
                            yield _gap(mark + tail, f"{path}, line {number}")
                            damage = None
    except FileNotFoundError as error:
        raise RunDirectoryError(
            f"{path.parent} is no run directory: {path.name} is missing."
        ) from error
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror}.") from error
    if damage is not None:
        raise damage


def _gap(line: bytes, place: str) -> Gap:
    try:
        raw = json.loads(line)
        return Gap(int(raw["lost"]), float(raw["since"]), float(raw["until"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(f"{place}: not a gap ({error!r}): {line[:120]!r}") from error


def _entry(line: bytes) -> Entry:
    entry = journal.decode(line.decode())
    match entry.event:
        case InvocationFinished() | InitFailed() | RuntimeExited() as event:
            short = event.error_type[:LONGEST_ERROR_TYPE]
            if short != event.error_type:
                return structs.replace(entry, event=structs.replace(event, error_type=short))
        case _:
            pass
    return entry


def _after_gap(before: list[Entry], after: list[Entry]) -> Iterator[Entry]:
    """Yields the entries after a gap without what began in it, of which a fold knows nothing."""
    known = _Known()
    if after:
        for entry in before:
            known.learn(entry)
    for entry in after:
        event = entry.event if known.knows_event(entry.event) else TimePassed()
        known.learn_event(event)
        told = tuple(command for command in entry.commands if known.knows(command))
        kept = Entry(entry.at, event, told)
        known.learn(kept)
        yield kept


class _Known:
    """Keeps what the entries so far have introduced."""

    def __init__(self) -> None:
        self._versions: set[str] = set()
        self._invocations: set[str] = set()
        self._sandboxes: set[int] = set()

    def learn(self, entry: Entry) -> None:
        self.learn_event(entry.event)
        for command in entry.commands:
            if isinstance(command, StartSandbox):
                self._sandboxes.add(command.sandbox)

    def learn_event(self, event: Event) -> None:
        match event:
            case VersionDeployed(function):
                self._versions.add(function.key)
            case InvokeRequested(invocation, _):
                self._invocations.add(invocation)
            case _:
                pass

    def knows_event(self, event: Event) -> bool:
        match event:
            case InvokeRequested(_, key) | ProvisionedSet(key, _):
                return key in self._versions
            case _:
                return True  # a fold passes over any other that it cannot place

    def knows(self, command: Command) -> bool:
        match command:
            case StartSandbox(_, key, None):
                return key in self._versions
            case StartSandbox(_, _, str(invocation)):
                return invocation in self._invocations
            case Dispatch(sandbox, invocation, _):
                return sandbox in self._sandboxes and invocation in self._invocations
            case StopSandbox(sandbox, _) | ResetSandbox(sandbox, _):
                return sandbox in self._sandboxes
            case _:
                return True
