"""Writes and reads a run's journal: every event that the scheduler was told of, and its commands.

Knows no files: an entry is a line of text.
One JSON line an entry: `{"at": seconds, "event": {"type": …}, "commands": [{"type": …}]}`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from emulator.core import messages
from emulator.core.messages import Anatomy, Command, Event, MemoryUse
from emulator.core.model import FunctionVersion, VersionKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import Seconds
    from emulator.core.scheduler import Scheduler


class JournalError(Exception):
    """Reports a line that is no journal entry, or a replay that departs from the journal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Holds one event, with its time and the commands that followed."""

    at: Seconds
    event: Event
    commands: tuple[Command, ...]


_EVENTS = {kind.__name__: kind for kind in get_args(Event)}
_COMMANDS = {kind.__name__: kind for kind in get_args(Command)}
_MESSAGES = (*_EVENTS.values(), *_COMMANDS.values())
_NESTED = (Anatomy, FunctionVersion, MemoryUse)
_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.init)
    for kind in (*_MESSAGES, *_NESTED)
}
_TAGGED = {kind: ("type", *_FIELDS[kind]) for kind in _MESSAGES}
_VALUES = {kind: attrgetter("__class__.__name__", *_FIELDS[kind]) for kind in _MESSAGES}
"""Getters of the values that `_TAGGED` names, by the kind of message."""
_HINTS = {kind: get_type_hints(kind, vars(messages)) for kind in (*_MESSAGES, *_NESTED)}


def encode(entry: Entry) -> str:
    """Returns an entry as one line, without the line's end."""
    return _ENCODER.encode(
        {
            "at": entry.at,
            "event": _tagged(entry.event),
            "commands": [_tagged(command) for command in entry.commands],
        }
    )


def decode(line: str) -> Entry:
    """Reads an entry that `encode` wrote.

    Raises:
        JournalError: the line is no entry.
    """
    try:
        raw = json.loads(line)
        commands = tuple(_untagged(_COMMANDS, command) for command in raw["commands"])
        return Entry(float(raw["at"]), _untagged(_EVENTS, raw["event"]), commands)
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"not a journal entry ({error!r}): {line[:120]}") from error


def replay(entries: Iterable[Entry], scheduler: Scheduler) -> None:
    """Tells a fresh scheduler what the journal's was told, and expects the same commands.

    Raises:
        JournalError: at the first entry whose commands differ.
    """
    for number, entry in enumerate(entries, 1):
        commands = tuple(scheduler.handle(entry.event, entry.at))
        if commands != entry.commands:
            raise JournalError(f"entry {number}: {commands} instead of {entry.commands}")


def _tagged(message: Event | Command) -> dict[str, Any]:
    kind = type(message)
    if not _FIELDS[kind]:
        return {"type": kind.__name__}
    return dict(zip(_TAGGED[kind], _VALUES[kind](message), strict=True))


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _FIELDS[type(value)]}


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_plain)


def _untagged(kinds: dict[str, type], raw: dict[str, Any]) -> Any:
    kind = kinds[raw["type"]]
    return _build(kind, {name: value for name, value in raw.items() if name != "type"})


def _build(kind: type, raw: dict[str, Any]) -> Any:
    hints = _HINTS[kind]
    return kind(**{name: _typed(hints[name], value) for name, value in raw.items()})


def _typed(hint: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return _build(_present(hint), value)
    if isinstance(hint, type) and issubclass(hint, Enum | VersionKey):
        return hint(value)
    return value


def _present(hint: Any) -> Any:
    """Returns the type of a value that may be None, and is not."""
    return next((kind for kind in get_args(hint) if kind is not type(None)), hint)
