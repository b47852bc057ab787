"""What sandboxes and Lambda itself wrote: a log group a function, a log stream a sandbox.

In memory and bounded: of each function the oldest lines go when there are too many bytes. Group
and stream names, and how an event's size counts, are CloudWatch Logs'.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from emulator.telemetry.line_splitter import EVENT_OVERHEAD, LineSplitter

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT = 4 * 1024 * 1024


class LogEvent(NamedTuple):
    """One line of a function's log."""

    id: int
    """Rises with each event of all functions."""
    at_epoch: float
    """Seconds; of a line that came in pieces, when it began."""
    stream: str
    message: str
    """Without its end of line."""


@dataclass(slots=True)
class _OpenLine:
    """What a stream has written since its last end of a line."""

    began: float
    """Epoch seconds at which the line began."""
    splitter: LineSplitter


@dataclass(slots=True)
class _Group:
    """One function's events, oldest first, and the lines that are not ended yet."""

    events: deque[LogEvent]
    sizes: deque[int]
    size: int
    open: dict[str, _OpenLine]


def group_name(function: str) -> str:
    return f"/aws/lambda/{function}"


class Logs:
    """`instance` tells this emulator's streams from another's; `limit` is bytes a function."""

    def __init__(self, instance: str, limit: int = _LIMIT) -> None:
        self._instance = instance
        self._limit = limit
        self._groups: dict[str, _Group] = {}
        self._ids = count(1)
        self.last_id = 0
        """Of the newest event of all functions."""

    def stream_name(self, at_epoch: float, version: str, sandbox: int) -> str:
        """`YYYY/MM/DD/[version]` and 32 hexadecimal digits, always the same for one sandbox."""
        day = time.strftime("%Y/%m/%d", time.gmtime(at_epoch))
        name = f"{self._instance}/{sandbox}".encode()
        return f"{day}/[{version}]{hashlib.sha256(name).hexdigest()[:32]}"

    def output(self, function: str, stream: str, at_epoch: float, data: bytes) -> None:
        """Takes what a sandbox wrote, in pieces that end anywhere."""
        group = self._group(function)
        line = group.open.pop(stream, None) or _OpenLine(at_epoch, LineSplitter())
        for ended in line.splitter.feed(data):
            self._add(group, line.began, stream, ended)
            line.began = at_epoch
        if not line.splitter.is_empty:
            group.open[stream] = line

    def line(self, function: str, stream: str, at_epoch: float, message: str) -> None:
        """Takes a line of Lambda's own; what the sandbox has not ended yet ends before it."""
        group = self._group(function)
        if group.open:
            self.end(function, stream)
        self._append(group, at_epoch, stream, message, len(message.encode()))

    def end(self, function: str, stream: str) -> None:
        """Ends the stream's last line, when its sandbox is gone or its invocation over."""
        group = self._group(function)
        if stream in group.open:
            line = group.open.pop(stream)
            self._add(group, line.began, stream, line.splitter.end())

    def drop(self, function: str) -> None:
        """Forgets a function's log."""
        self._groups.pop(function, None)

    def tail(
        self, function: str, limit: int | None = None, since: float | None = None
    ) -> list[str]:
        """The last lines, oldest first: at most `limit`, none before `since` (epoch seconds)."""
        return [event.message for event in self.events(function, limit=limit, since=since)]

    def events(
        self,
        function: str,
        *,
        stream: str | None = None,
        limit: int | None = None,
        since: float | None = None,
        after: int = 0,
    ) -> list[LogEvent]:
        """As `tail`, of one stream where it is named, and those with an id above `after`.

        Lines that are not ended yet are not among them.
        """
        group = self._groups.get(function)
        chosen: list[LogEvent] = []
        for event in _newest_first(group, after):
            if limit is not None and len(chosen) >= limit:
                break
            if stream in (None, event.stream) and (since is None or event.at_epoch >= since):
                chosen.append(event)
        chosen.reverse()
        return chosen

    def _group(self, function: str) -> _Group:
        group = self._groups.get(function)
        if group is None:
            group = self._groups[function] = _Group(deque(), deque(), 0, {})
        return group

    def _add(self, group: _Group, at_epoch: float, stream: str, line: bytes) -> None:
        message = line.decode(errors="replace").removesuffix("\r")
        self._append(group, at_epoch, stream, message, len(line))

    def _append(
        self, group: _Group, at_epoch: float, stream: str, message: str, message_bytes: int
    ) -> None:
        self.last_id = next(self._ids)
        group.events.append(LogEvent(self.last_id, at_epoch, stream, message))
        size = message_bytes + EVENT_OVERHEAD
        group.sizes.append(size)
        group.size += size
        while group.size > self._limit and len(group.events) > 1:
            group.events.popleft()
            group.size -= group.sizes.popleft()


def _newest_first(group: _Group | None, after: int) -> Iterator[LogEvent]:
    for event in reversed(group.events) if group else ():
        if event.id <= after:
            return
        yield event
