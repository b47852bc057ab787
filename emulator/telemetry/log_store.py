"""Keeps what sandboxes and Lambda itself wrote: a log group a function, a log stream a sandbox.

In memory and bounded: the oldest lines of a function go when there are too many bytes. A sink gets
every line that is kept. What a line means is not known here, but for the level by which a function
may leave out its own lines. Group and stream names, and how an event's size counts, are CloudWatch
Logs'.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from emulator.telemetry.application_level import passes
from emulator.telemetry.line_splitter import EVENT_OVERHEAD, LineSplitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.function_names import Scope
    from emulator.core.log_configuration import ApplicationLogLevel

_LIMIT = 4 * 1024 * 1024
_MOST_CLOSED = 1000


class LogEvent(NamedTuple):
    """Holds one line of a function's log."""

    id: int
    """A number that rises with each event of all functions."""
    at_epoch: float
    """Epoch seconds; those of a line that came in pieces are of its beginning."""
    stream: str
    message: str
    """The text without its end of line."""


class LogSink(Protocol):
    """Takes all that is logged, to keep for longer."""

    def opened(self, scope: Scope, group: str, stream: str) -> Any:
        """Takes a new stream, and returns what its lines are to come with."""

    def wrote(self, name: Any, at_epoch: float, line: str) -> None:
        """Takes the next line of a stream; `at_epoch` is in epoch seconds."""


class _Stream(NamedTuple):
    """Holds how one sandbox logs."""

    name: Any
    """What the sink knows the stream by."""
    lowest: ApplicationLogLevel | None
    """The level under which the function's own lines are left out; None keeps all."""


@dataclass(slots=True)
class _OpenLine:
    """Holds what a stream has written since its last end of a line."""

    began: float
    """Epoch seconds at which the line began."""
    splitter: LineSplitter


@dataclass(slots=True)
class _Group:
    """Holds one function's events, oldest first, and its lines that have not ended, by stream."""

    events: deque[LogEvent]
    sizes: deque[int]
    size: int
    open: dict[str, _OpenLine]


def group_name(function: str) -> str:
    """Returns the name of the log group that a function has by default."""
    return f"/aws/lambda/{function}"


class Logs:
    """Keeps the logs of all functions.

    `instance` tells this emulator's streams from another's; `limit` is in bytes a function.
    """

    def __init__(self, instance: str, limit: int = _LIMIT, sink: LogSink | None = None) -> None:
        self._instance = instance
        self._limit = limit
        self._sink = sink
        self._streams: dict[str, _Stream] = {}
        self._closed: dict[str, _Stream] = {}
        """The streams that were closed last, for the last words of their sandboxes."""
        self._groups: dict[str, _Group] = {}
        self._ids = count(1)
        self.last_id = 0
        """The id of the newest event of all functions."""

    def stream_name(self, at_epoch: float, version: str, sandbox: int) -> str:
        """Returns `YYYY/MM/DD/[version]` and 32 hexadecimal digits, the same for one sandbox."""
        day = time.strftime("%Y/%m/%d", time.gmtime(at_epoch))
        name = f"{self._instance}/{sandbox}".encode()
        return f"{day}/[{version}]{hashlib.sha256(name).hexdigest()[:32]}"

    def opened(
        self,
        stream: str,
        scope: Scope,
        group: str,
        lowest: ApplicationLogLevel | None = None,
    ) -> None:
        """Takes a new stream, with the group that has it in an account and a region.

        Lines of the function under the `lowest` level are left out.
        """
        name = None if self._sink is None else self._sink.opened(scope, group, stream)
        self._streams[stream] = _Stream(name, lowest)

    def closed(self, function: str, stream: str) -> None:
        """Ends a stream, when its sandbox is gone."""
        self.end(function, stream)
        if (known := self._streams.pop(stream, None)) is not None:
            self._closed[stream] = known
        if len(self._closed) > _MOST_CLOSED:
            del self._closed[next(iter(self._closed))]

    def output(self, function: str, stream: str, at_epoch: float, data: bytes) -> None:
        """Takes the output of a sandbox, in pieces that end anywhere."""
        group = self._group(function)
        line = group.open.pop(stream, None) or _OpenLine(at_epoch, LineSplitter())
        for ended in line.splitter.feed(data):
            self._add(function, line.began, stream, ended)
            line.began = at_epoch
        if not line.splitter.is_empty:
            group.open[stream] = line

    def line(self, function: str, stream: str, at_epoch: float, message: str) -> None:
        """Takes a line of Lambda's own; a line that the sandbox has not ended ends before it."""
        group = self._group(function)
        if group.open:
            self.end(function, stream)
        size = len(message) if message.isascii() else len(message.encode())
        self._append(function, at_epoch, stream, message, size)

    def end(self, function: str, stream: str) -> None:
        """Ends the stream's last line, when its invocation is over."""
        group = self._group(function)
        if stream in group.open:
            line = group.open.pop(stream)
            self._add(function, line.began, stream, line.splitter.end())

    def drop(self, function: str) -> None:
        """Forgets the log of a function."""
        self._groups.pop(function, None)

    def tail(
        self, function: str, limit: int | None = None, since: float | None = None
    ) -> list[str]:
        """Returns the last lines, oldest first: at most `limit`, none before `since`.

        `since` is in epoch seconds.
        """
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
        """Returns the last events, oldest first, all with an id above `after`.

        At most `limit`, of one stream if it is named, none before `since` (epoch seconds). Lines
        that have not ended are not among them.
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

    def _add(self, function: str, at_epoch: float, stream: str, line: bytes) -> None:
        known = self._streams.get(stream)
        if known is not None and known.lowest is not None and not passes(line, known.lowest):
            return
        message = line.decode(errors="replace").removesuffix("\r")
        self._append(function, at_epoch, stream, message, len(line))

    def _append(
        self, function: str, at_epoch: float, stream: str, message: str, message_bytes: int
    ) -> None:
        group = self._group(function)
        self.last_id = next(self._ids)
        group.events.append(LogEvent(self.last_id, at_epoch, stream, message))
        size = message_bytes + EVENT_OVERHEAD
        group.sizes.append(size)
        group.size += size
        while group.size > self._limit and len(group.events) > 1:
            group.events.popleft()
            group.size -= group.sizes.popleft()
        if self._sink is not None:
            known = self._streams.get(stream) or self._closed.get(stream)
            if known is not None:
                self._sink.wrote(known.name, at_epoch, message)


def _newest_first(group: _Group | None, after: int) -> Iterator[LogEvent]:
    for event in reversed(group.events) if group else ():
        if event.id <= after:
            return
        yield event
