"""Takes the journal's entries off the hot path: to the file, the records, metrics and logs.

Entries are kept until the loop has a moment, and are worked off in slices, so that an invocation
never waits for its own record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from emulator.core.journal import Entry, encode
from emulator.core.messages import Dispatch, SandboxGone
from emulator.core.records import RecordFold
from emulator.live.environment import REGION
from emulator.telemetry import lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from emulator.core.catalog import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.core.records import InvocationRecord
    from emulator.live.clock import LoopClock
    from emulator.telemetry.logs import Logs

_DELAY = 0.005
"""Seconds from an entry to its record: long enough to stay out of the way of the response."""
_SLICE = 16
"""Entries worked off in one go; about half a millisecond."""


class RecordSink(Protocol):
    def record(self, record: InvocationRecord) -> None: ...


class Recorder:
    """`origin` is the epoch time, in seconds, of the journal's time 0."""

    def __init__(
        self,
        *,
        journal: TextIO,
        sinks: tuple[RecordSink, ...],
        logs: Logs,
        clock: LoopClock,
        profile: Profile,
        origin: float,
    ) -> None:
        self._journal = journal
        self._sinks = sinks
        self._logs = logs
        self._clock = clock
        self._profile = profile
        self._origin = origin
        self._fold = RecordFold()
        self._streams: dict[int, tuple[str, str, str]] = {}
        """Function, version and log stream of each sandbox that is not gone."""
        self._entries: deque[Entry] = deque()
        self._timer: asyncio.TimerHandle | None = None

    # entries

    def record(self, entry: Entry) -> None:
        self._entries.append(entry)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self._work_off)

    def _work_off(self) -> None:
        self._timer = None
        for _ in range(min(_SLICE, len(self._entries))):
            self._write(self._entries.popleft())
        if self._entries:
            # a full queue must not starve: the next slice comes with the loop's next turn
            self._timer = asyncio.get_running_loop().call_later(0, self._work_off)
        else:
            self._journal.flush()

    def _write(self, entry: Entry) -> None:
        self._journal.write(encode(entry) + "\n")
        for record in self._fold.feed(entry):
            for sink in self._sinks:
                sink.record(record)
            self._close_invocation(record)
        for command in entry.commands:
            if isinstance(command, Dispatch):
                self._open_invocation(command, entry.at)
        if isinstance(entry.event, SandboxGone):
            stream = self._streams.pop(entry.event.sandbox, None)
            if stream is not None:
                self._logs.end(stream[0], stream[2])

    def flush(self) -> None:
        """Works off what there is."""
        while self._entries:
            self._write(self._entries.popleft())
        self._journal.flush()

    def close(self) -> None:
        """The last flush; the journal stays open, it is its owner's."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()

    # logs

    def open_stream(self, configuration: FunctionConfiguration, sandbox: int) -> str:
        """The name of a new sandbox's log stream, which begins with INIT_START."""
        at = self.epoch(self._clock.now())
        name, version = configuration.name, configuration.version
        stream = self._logs.stream_name(at, version, sandbox)
        self._streams[sandbox] = name, version, stream
        first = lines.init_start(configuration.runtime, REGION, self._profile)
        if first:
            self._logs.line(name, stream, at, first)
        return stream

    def output(self, function: str, stream: str) -> Callable[[bytes], None]:
        """Takes what the stream's sandbox writes."""

        def take(data: bytes) -> None:
            self.flush()  # START stands before what the invocation prints
            self._logs.output(function, stream, self.epoch(self._clock.now()), data)

        return take

    def _open_invocation(self, command: Dispatch, at: float) -> None:
        if command.sandbox in self._streams:
            function, version, stream = self._streams[command.sandbox]
            line = lines.start(command.invocation, version)
            self._logs.line(function, stream, self.epoch(at), line)

    def _close_invocation(self, record: InvocationRecord) -> None:
        if record.sandbox in self._streams:
            function, _, stream = self._streams[record.sandbox]
            for line in lines.closing(record, self._profile):
                self._logs.line(function, stream, self.epoch(record.finished_at), line)

    # times

    def epoch(self, at: float) -> float:
        return self._origin + at

    def epoch_ms(self, at: float) -> int:
        return int((self._origin + at) * 1000)

    def iso_time(self, at: float) -> str:
        """As the timeout message of 2018 has it: 2018-10-01T12:00:00.123Z."""
        time = datetime.fromtimestamp(self._origin + at, UTC)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
