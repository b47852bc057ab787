"""Writes and reads a run's journal: every event that the scheduler was told of, and its commands.

Knows no files: an entry is a line of text.
One JSON line an entry: `{"at": seconds, "event": {"type": …}, "commands": [{"type": …}]}`. A field
that a message does not name has its default.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from emulator.core.message_lines import message_line, number
from emulator.core.messages.commands import Command, Dispatch, FreezeSandbox
from emulator.core.messages.events import (
    Event,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    TimePassed,
)
from emulator.core.messages.measurements import Anatomy, JvmUse, MemoryUse
from emulator.core.model import FunctionVersion, Seconds, VersionKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.scheduler import Scheduler


class JournalError(Exception):
    """Reports a line that is no journal entry, or a replay that departs from the journal."""


class Entry(Struct, frozen=True, gc=False):
    """Holds one event, with its time and the commands that followed."""

    at: Seconds
    event: Event
    commands: tuple[Command, ...]


_EVENTS = {kind.__name__: kind for kind in get_args(Event)}
_COMMANDS = {kind.__name__: kind for kind in get_args(Command)}
_PARTS = (Anatomy, FunctionVersion, MemoryUse, JvmUse)
_READABLE = (*_EVENTS.values(), *_COMMANDS.values(), *_PARTS)
_HINTS = {kind: get_type_hints(kind) for kind in _READABLE}


class _WarmEntry(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Holds an entry of a warm invocation, whose messages msgspec reads by itself."""

    at: Seconds
    event: InvokeRequested | InvocationAnswered | InvocationFinished | TimePassed
    commands: tuple[Dispatch | FreezeSandbox, ...]


def encode(entry: Entry) -> str:
    """Returns an entry as one line, without the line's end."""
    commands = ",".join([message_line(command) for command in entry.commands])
    return (
        f'{{"at":{number(entry.at)},"event":{message_line(entry.event)},"commands":[{commands}]}}'
    )


def decode(line: str) -> Entry:
    """Reads an entry that `encode` wrote.

    Raises:
        JournalError: the line is no entry.
    """
    try:
        warm = _WARM.decode(line)
    except (MsgspecError, UnicodeError):
        return _decode_any(line)
    return Entry(warm.at, warm.event, warm.commands)


def _decode_any(line: str) -> Entry:
    try:
        raw = json.loads(line)
        commands = tuple(_untagged(_COMMANDS, command) for command in raw["commands"])
        return Entry(float(raw["at"]), _untagged(_EVENTS, raw["event"]), commands)
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"not a journal entry ({error!r}): {line[:120]}") from error


def _hooked(kind: type, value: Any) -> Any:
    """Returns a value of a type that msgspec does not know: the key of a version."""
    if not isinstance(value, str):
        raise ValueError(f"{kind.__name__} is a text, not {value!r}")  # noqa: TRY004  # msgspec's
    return kind(value)


_WARM = Decoder(_WarmEntry, dec_hook=_hooked)
"""Reads nearly every line of a journal, in a tenth of the time of what reads any."""


def replay(entries: Iterable[Entry], scheduler: Scheduler) -> None:
    """Tells a fresh scheduler what the journal's was told, and expects the same commands.

    Raises:
        JournalError: at the first entry whose commands differ.
    """
    for place, entry in enumerate(entries, 1):
        commands = tuple(scheduler.handle(entry.event, entry.at))
        if commands != entry.commands:
            raise JournalError(f"entry {place}: {commands} instead of {entry.commands}")


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
