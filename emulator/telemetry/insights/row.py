"""Finds fields in a log event: the event's own, those of JSON, and those of Lambda's lines.

Source: "Supported logs and discovered fields" of the user guide. Sizes of memory are in bytes
there, a MB being a million.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Value = str | float | None

_TYPES = ("START", "END", "REPORT", "INIT_START", "INIT_REPORT", "EXTENSION", "TELEMETRY", "LOGS")
_REQUEST = re.compile(
    r"RequestId: ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|\t([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\t"
)
_MEGABYTE = 1e6
_REPORT = {
    "@duration": (re.compile(r"\tDuration: ([\d.]+) ms"), 1.0),
    "@billedDuration": (re.compile(r"\tBilled Duration: ([\d.]+) ms"), 1.0),
    "@initDuration": (re.compile(r"\tInit Duration: ([\d.]+) ms"), 1.0),
    "@memorySize": (re.compile(r"\tMemory Size: (\d+) MB"), _MEGABYTE),
    "@maxMemoryUsed": (re.compile(r"\tMax Memory Used: (\d+) MB"), _MEGABYTE),
}


@dataclass
class Row:
    """Holds one event, and what a query has made of it; times are epoch milliseconds."""

    at: int
    ingested: int
    message: str
    stream: str
    log: str
    """The group, as `account:name`."""
    pointer: str
    made: dict[str, Value] = field(default_factory=dict)
    """Fields that commands of the query made."""

    def get(self, name: str) -> Value:
        """Returns a field; None where the event has none of the name."""
        if name in self.made:
            return self.made[name]
        if name in _OWN:
            return _OWN[name](self)
        return self._reported(name) if name in _REPORT else _inner(self._json, name)

    def _reported(self, name: str) -> Value:
        if not self.message.startswith("REPORT "):
            return None
        pattern, unit = _REPORT[name]
        found = pattern.search(self.message)
        return None if found is None else float(found[1]) * unit

    @cached_property
    def _json(self) -> Any:
        if not self.message.lstrip().startswith("{"):
            return None
        try:
            return json.loads(self.message)
        except (ValueError, RecursionError):
            return None


def _type(row: Row) -> Value:
    word = row.message.split(maxsplit=1)[:1]
    return word[0] if word and word[0] in _TYPES else None


def _request_id(row: Row) -> Value:
    found = _REQUEST.search(row.message)
    return None if found is None else found[1] or found[2]


_OWN: dict[str, Callable[[Row], Value]] = {
    "@message": lambda row: row.message,
    "@timestamp": lambda row: row.at,
    "@ingestionTime": lambda row: row.ingested,
    "@logStream": lambda row: row.stream,
    "@log": lambda row: row.log,
    "@ptr": lambda row: row.pointer,
    "@type": _type,
    "@requestId": _request_id,
}


class Group(Row):
    """Stands for several events: it has what `stats` made, and nothing else."""

    @classmethod
    def of(cls, made: dict[str, Value]) -> Group:
        return cls(0, 0, "", "", "", "", made)

    def get(self, name: str) -> Value:
        return self.made.get(name)


def timestamp(epoch_ms: float) -> str:
    """Returns a time as results show times."""
    at = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{int(epoch_ms) % 1000:03d}"


def _inner(value: Any, path: str) -> Value:
    """Returns what a path with dots leads to, where that is a value."""
    if isinstance(value, dict) and path in value:
        value = value[path]
    else:
        for step in path.split("."):
            value = _step(value, step)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else None


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None
