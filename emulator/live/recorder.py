"""Takes the journal's entries off the hot path: to the file, the records, metrics and logs.

Entries are kept until the loop has a moment, and are worked off in slices, so that an invocation
never waits for its own record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from emulator.core.failure_bodies import exit_reason
from emulator.core.journal import Entry, encode
from emulator.core.messages import (
    Dispatch,
    Fail,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
)
from emulator.core.model import Failure
from emulator.core.records import InitPhase, RecordFold
from emulator.live.sandbox.environment import REGION
from emulator.telemetry import platform_events
from emulator.telemetry.platform_log import PlatformLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.profile import Profile
    from emulator.core.records import InvocationRecord
    from emulator.live.clock import LoopClock
    from emulator.telemetry.log_store import Logs
    from emulator.telemetry.platform_events import Event
    from emulator.telemetry.platform_log import Registration, Told

_DELAY = 0.005
"""Seconds from an entry to its record: long enough to stay out of the way of the response, and
for the last output of an invocation to come before its END."""
_SLICE = 16
"""Entries worked off in one go; about half a millisecond."""
_TAIL = 4096
"""Bytes of the log that Invoke returns with LogType=Tail."""


class RecordSink(Protocol):
    def record(self, record: InvocationRecord) -> None: ...


class Subscriber(Protocol):
    """What takes a sandbox's telemetry."""

    @property
    def wanted(self) -> bool:
        """Whether anybody may want it."""
        ...

    def emit(self, event: Event) -> None: ...


@dataclass(slots=True)
class _Stream:
    """The log of one sandbox that is not gone."""

    function: str
    name: str
    platform: PlatformLog
    subscriber: Subscriber
    rest: bytearray = field(default_factory=bytearray)
    """A line of the function's that is not ended yet, for the subscriber."""
    initialized: bool = False
    unstarted: str = ""
    """The request id of an invocation whose START waits for the end of an init."""
    began_after: int = 0
    """The id of the last log event before the present invocation's START."""
    reason: str = ""
    """How its runtime ended in the present invocation."""


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
        self._streams: dict[int, _Stream] = {}
        self._entries: deque[Entry] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._tails: dict[str, asyncio.Future[bytes]] = {}
        """Who waits for an invocation's log, by its request id."""

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
        ended = self._fold.feed(entry)
        self._tell_of_inits(entry)
        for command in entry.commands:
            if isinstance(command, Fail) and command.sandbox in self._streams:
                self._streams[command.sandbox].reason = _reason(command, entry)
        for record in ended:
            for sink in self._sinks:
                sink.record(record)
            self._close_invocation(record)
        for command in entry.commands:
            if isinstance(command, Dispatch):
                self._open_invocation(command, entry.at)
        if isinstance(entry.event, SandboxGone):
            stream = self._streams.pop(entry.event.sandbox, None)
            if stream is not None:
                self._logs.end(stream.function, stream.name)

    def flush(self) -> None:
        """Works off what there is."""
        while self._entries:
            self._write(self._entries.popleft())
        self._journal.flush()

    def _flush_start(self, sandbox: int) -> None:
        """Works off what stands before the output of the sandbox's present invocation.

        What ended an invocation stays: the last output of that may still be on its way.
        """
        last = 0
        for number, entry in enumerate(self._entries, 1):
            if any(isinstance(c, Dispatch) and c.sandbox == sandbox for c in entry.commands):
                last = number
        for _ in range(last):
            self._write(self._entries.popleft())

    def close(self) -> None:
        """The last flush; the journal stays open, it is its owner's."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        for tail in self._tails.values():
            tail.cancel()

    # logs

    def open_stream(
        self,
        configuration: FunctionConfiguration,
        sandbox: int,
        subscriber: Subscriber,
        *,
        provisioned: bool = False,
    ) -> str:
        """The name of a new sandbox's log stream, which begins with INIT_START.

        `subscriber` takes what the Telemetry API tells of the sandbox.
        """
        at = self.epoch(self._clock.now())
        name = configuration.name
        stream = self._logs.stream_name(at, configuration.version, sandbox)
        platform = PlatformLog(
            configuration,
            self._profile,
            REGION,
            lambda: subscriber.wanted,
            provisioned=provisioned,
        )
        self._streams[sandbox] = _Stream(name, stream, platform, subscriber)
        self._tell(self._streams[sandbox], at, platform.init_started(at, InitPhase.INIT))
        return stream

    def output(self, function: str, stream: str, sandbox: int) -> Callable[[bytes], None]:
        """Takes what the stream's sandbox writes."""

        def take(data: bytes) -> None:
            self._flush_start(sandbox)
            at = self.epoch(self._clock.now())
            self._logs.output(function, stream, at, data)
            of = self._streams.get(sandbox)
            if of is not None and of.subscriber.wanted:
                _pass_on(of, at, data)

        return take

    def extensions_ready(self, sandbox: int, extensions: Iterable[Registration]) -> None:
        stream = self._streams.get(sandbox)
        if stream is not None:
            at = self.epoch(self._clock.now())
            self._tell(stream, at, stream.platform.extensions_ready(at, extensions))

    def subscribed(self, sandbox: int, event: Event) -> None:
        """The Telemetry API made this event itself."""
        stream = self._streams.get(sandbox)
        if stream is not None:
            at = self.epoch(self._clock.now())
            self._tell(stream, at, stream.platform.subscribed(event))

    def tail(self, request_id: str) -> asyncio.Future[bytes]:
        """The last 4 KB of the invocation's log, from its START to its REPORT, when it has ended.

        Cancelled where the emulator ends before.
        """
        tail: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._tails[request_id] = tail
        tail.add_done_callback(lambda _: self._tails.pop(request_id, None))
        return tail

    def _tell(self, stream: _Stream, at_epoch: float, told: Told) -> None:
        for line in filter(None, told.lines):
            self._logs.line(stream.function, stream.name, at_epoch, line)
        for event in told.events:
            stream.subscriber.emit(event)

    def _tell_of_inits(self, entry: Entry) -> None:
        at, event = self.epoch(entry.at), entry.event
        for report in self._fold.failed_inits:
            stream = self._streams.get(report.sandbox)
            if stream is not None:
                self._tell(stream, at, stream.platform.init_failed(at, report))
        if not isinstance(event, SandboxReady | SandboxReset) or event.sandbox not in self._streams:
            return
        stream = self._streams[event.sandbox]
        stream.initialized = isinstance(event, SandboxReady)
        if isinstance(event, SandboxReady):
            anatomy = event.anatomy
            phase = InitPhase.INVOKE if stream.unstarted else InitPhase.INIT
            done = stream.platform.init_done(at, anatomy.connect + anatomy.init, phase)
            self._tell(stream, at, done)
            self._start(stream, at)

    def _open_invocation(self, command: Dispatch, at: float) -> None:
        stream = self._streams.get(command.sandbox)
        if stream is None:
            return
        stream.unstarted, stream.reason = command.invocation, ""
        if stream.initialized:
            self._start(stream, self.epoch(at))
        else:
            epoch = self.epoch(at)
            self._tell(stream, epoch, stream.platform.init_started(epoch, InitPhase.INVOKE))

    def _start(self, stream: _Stream, at_epoch: float) -> None:
        """Writes the START of the invocation that has none yet."""
        if stream.unstarted:
            request_id, stream.unstarted = stream.unstarted, ""
            self._logs.end(stream.function, stream.name)
            stream.began_after = self._logs.last_id
            self._tell(stream, at_epoch, stream.platform.started(at_epoch, request_id))

    def _close_invocation(self, record: InvocationRecord) -> None:
        stream = self._streams.get(record.sandbox) if record.sandbox is not None else None
        if stream is not None and record.dispatched_at is not None:
            at = self.epoch(record.finished_at)
            self._start(stream, at)
            self._tell(stream, at, stream.platform.closed(at, record, stream.reason))
        tail = self._tails.get(record.invocation)
        if tail is not None and not tail.done():
            tail.set_result(self._last_lines(stream) if stream is not None else b"")

    def _last_lines(self, stream: _Stream) -> bytes:
        events = self._logs.events(stream.function, stream=stream.name, after=stream.began_after)
        return "".join(f"{event.message}\n" for event in events).encode()[-_TAIL:]

    # times

    def epoch(self, at: float) -> float:
        # a suspended machine or a clock that was set must not bring deadlines into the past
        return self._origin + at * self._clock.dilation + self._clock.wall_shift()

    def epoch_ms(self, at: float) -> int:
        return int(self.epoch(at) * 1000)

    def iso_time(self, at: float) -> str:
        """As the timeout message of 2018 has it: 2018-10-01T12:00:00.123Z."""
        time = datetime.fromtimestamp(self.epoch(at), UTC)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pass_on(stream: _Stream, at_epoch: float, data: bytes) -> None:
    """The function's lines as telemetry; what is not ended yet waits for its end."""
    *lines, rest = (bytes(stream.rest) + data).split(b"\n")
    stream.rest = bytearray(rest)
    for line in lines:
        text = line.decode(errors="replace") + "\n"
        stream.subscriber.emit(platform_events.function_log(at_epoch, text))


def _reason(command: Fail, entry: Entry) -> str:
    if command.failure in (Failure.EXITED, Failure.OUT_OF_MEMORY):
        event = entry.event
        error_type = event.error_type if isinstance(event, RuntimeExited) else ""
        return exit_reason(command.failure, command.exit_code, error_type)
    return ""
