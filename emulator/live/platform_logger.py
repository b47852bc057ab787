"""Writes what Lambda tells of every sandbox: log lines, and events for telemetry subscribers.

The lines are folds over the journal's entries and records, which the recorder hands in. What a
function itself writes goes straight to its log stream.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.core.failure_bodies import exit_reason
from emulator.core.messages.commands import Dispatch, Fail
from emulator.core.messages.events import (
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StayedBusy,
)
from emulator.core.model import Failure
from emulator.core.records import InitPhase
from emulator.live.sandbox_log import SandboxLog
from emulator.live.snapshot_log import SnapshotLog
from emulator.telemetry.application_level import lowest_level
from emulator.telemetry.log_lines import restore_duration
from emulator.telemetry.platform_events import InitializationType
from emulator.telemetry.platform_log import PlatformLog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.journal import Entry
    from emulator.core.model import Seconds
    from emulator.core.profile import Profile
    from emulator.core.records import InitReport, InvocationRecord
    from emulator.live.clock import LoopClock
    from emulator.live.sandbox_log import Subscriber
    from emulator.telemetry.log_store import Logs
    from emulator.telemetry.platform_events import Event
    from emulator.telemetry.platform_log import Registration, Told

_TAIL = 4096
"""Bytes of the log that Invoke returns with LogType=Tail."""


class PlatformLogger:
    """Keeps a log stream for each sandbox.

    `origin` is the epoch time, in seconds, of the journal's time 0.
    """

    def __init__(self, *, logs: Logs, clock: LoopClock, profile: Profile, origin: float) -> None:
        self._logs = logs
        self._clock = clock
        self._profile = profile
        self._origin = origin
        self._streams: dict[int, SandboxLog] = {}
        self._tails: dict[str, asyncio.Future[bytes]] = {}
        """By request id: callers who wait for an invocation's log."""
        self.before_output: Callable[[int], Seconds | None] = lambda _: None
        """Called with a sandbox before its output is taken: START must stand before that. Returns
        when the invocation ended, on the engine's clock, whose END waits for its last lines."""

    # sandboxes

    def open_stream(
        self,
        configuration: FunctionConfiguration,
        sandbox: int,
        subscriber: Subscriber,
        initialization: InitializationType = InitializationType.ON_DEMAND,
        *,
        tenant: str = "",
    ) -> str:
        """Opens a new sandbox's log stream, which begins with INIT_START, or RESTORE_START.

        `subscriber` takes what the Telemetry API tells of the sandbox.

        Returns:
            The stream's name.
        """
        at = self.epoch(self._clock.now())
        name = configuration.name
        stream = self._logs.stream_name(at, configuration.version, sandbox)
        lowest = lowest_level(configuration.logging)
        self._logs.opened(stream, configuration.scope, configuration.log_group, lowest)
        platform = PlatformLog(
            configuration,
            self._profile,
            configuration.scope.region,
            lambda: subscriber.wanted,
            initialization=initialization,
            tenant=tenant,
        )
        self._streams[sandbox] = SandboxLog(name, stream, platform, subscriber)
        self._tell(self._streams[sandbox], at, platform.init_started(at, InitPhase.INIT))
        return stream

    def open_snapshot(self, configuration: FunctionConfiguration, number: int) -> SnapshotLog:
        """Opens the log stream of an init of which a snapshot is to be taken."""
        at = self.epoch(self._clock.now())
        # sandboxes count from 0 or 1 upwards
        stream = self._logs.stream_name(at, configuration.version, -number)
        lowest = lowest_level(configuration.logging)
        self._logs.opened(stream, configuration.scope, configuration.log_group, lowest)
        platform = PlatformLog(
            configuration,
            self._profile,
            configuration.scope.region,
            lambda: False,
            initialization=InitializationType.SNAP_START,
        )
        log = SnapshotLog(
            self._logs, platform, configuration.name, stream, lambda: self.epoch(self._clock.now())
        )
        log.tell(platform.init_started(at, InitPhase.INIT, restores=False))
        return log

    def output(self, function: str, stream: str, sandbox: int) -> Callable[[bytes], None]:
        """Returns what takes the bytes that the stream's sandbox writes."""

        def take(written: bytes) -> None:
            ended = self.before_output(sandbox)
            # logs are read in the order of their times, and END has that of the end
            at = self.epoch(self._clock.now() if ended is None else ended)
            self._logs.output(function, stream, at, written)
            known = self._streams.get(sandbox)
            if known is not None and known.subscriber.wanted:
                known.pass_on(at, written)

        return take

    def extensions_ready(self, sandbox: int, extensions: Iterable[Registration]) -> None:
        """Tells of the extensions that have registered during an init."""
        stream = self._streams.get(sandbox)
        if stream is not None:
            at = self.epoch(self._clock.now())
            self._tell(stream, at, stream.platform.extensions_ready(at, extensions))

    def subscribed(self, sandbox: int, event: Event) -> None:
        """Tells of a subscription, whose event the Telemetry API made itself."""
        stream = self._streams.get(sandbox)
        if stream is not None:
            at = self.epoch(self._clock.now())
            self._tell(stream, at, stream.platform.subscribed(event))

    def tail(self, request_id: str) -> asyncio.Future[bytes]:
        """Returns the last 4 KB of an invocation's log, START to REPORT, once that has ended.

        The future is cancelled where the emulator ends before.
        """
        tail: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._tails[request_id] = tail
        tail.add_done_callback(lambda _: self._tails.pop(request_id, None))
        return tail

    def close(self) -> None:
        """Cancels what still waits for a log."""
        for tail in list(self._tails.values()):
            tail.cancel()

    # entries and records

    def take(
        self,
        entry: Entry,
        failed_inits: Collection[InitReport],
        ended: Iterable[InvocationRecord],
    ) -> None:
        """Writes the lines of the journal's next entry, with the records that the entry ends."""
        event = entry.event  # asked for by type(): a Struct's isinstance is slow to say no
        if failed_inits or type(event) is SandboxReady or type(event) is SandboxReset:
            self._tell_of_inits(entry, failed_inits)
        for command in entry.commands:
            if type(command) is Fail and command.sandbox in self._streams:
                self._streams[command.sandbox].reason = _reason(command, entry)
        for record in ended:
            self._close_invocation(record)
        for command in entry.commands:
            if type(command) is Dispatch:
                self._open_invocation(command, entry.at)
        if type(event) is StayedBusy:
            self._end_runtime(event.sandbox, entry.at)
        elif type(event) is SandboxGone:
            stream = self._streams.pop(event.sandbox, None)
            if stream is not None:
                self._logs.closed(stream.function, stream.name)

    def _tell(self, stream: SandboxLog, at_epoch: float, told: Told) -> None:
        for line in filter(None, told.lines):
            self._logs.line(stream.function, stream.name, at_epoch, line)
        for event in told.events:
            stream.subscriber.emit(event)

    def _tell_of_inits(self, entry: Entry, failed: Iterable[InitReport]) -> None:
        at, event = self.epoch(entry.at), entry.event
        for report in failed:
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
            if stream.platform.restores and phase is InitPhase.INIT:
                done = stream.platform.restore_done(at, restore_duration(anatomy))
            else:
                done = stream.platform.init_done(at, anatomy.connect + anatomy.init, phase)
            self._tell(stream, at, done)
            self._start(stream, at)

    def _open_invocation(self, command: Dispatch, at: float) -> None:
        stream = self._streams.get(command.sandbox)
        if stream is None:
            return
        stream.unstarted, stream.reason = command.invocation, ""
        stream.invocation, stream.dispatched_at = command.invocation, at
        stream.runtime_told = False
        epoch = self.epoch(at)
        if stream.initialized:
            self._start(stream, epoch)
        else:
            self._tell(stream, epoch, stream.platform.init_started(epoch, InitPhase.INVOKE))

    def _start(self, stream: SandboxLog, at_epoch: float) -> None:
        """Writes the START of an invocation that has none yet."""
        if stream.unstarted:
            request_id, stream.unstarted = stream.unstarted, ""
            self._logs.end(stream.function, stream.name)
            stream.began_after = self._logs.last_id
            self._tell(stream, at_epoch, stream.platform.started(at_epoch, request_id))

    def _end_runtime(self, sandbox: int, at: float) -> None:
        """Tells extensions that go on that the runtime is done with the invocation."""
        stream = self._streams.get(sandbox)
        if stream is not None and not stream.runtime_told:
            stream.runtime_told = True
            epoch, duration = self.epoch(at), at - stream.dispatched_at
            told = stream.platform.runtime_done(epoch, stream.invocation, duration)
            self._tell(stream, epoch, told)

    def _close_invocation(self, record: InvocationRecord) -> None:
        stream = self._streams.get(record.sandbox) if record.sandbox is not None else None
        if stream is not None and record.dispatched_at is not None:
            at = self.epoch(record.finished_at)
            self._start(stream, at)
            closed = stream.platform.closed(
                at, record, stream.reason, runtime_told=stream.runtime_told
            )
            self._tell(stream, at, closed)
        tail = self._tails.get(record.invocation)
        if tail is not None and not tail.done():
            tail.set_result(self._last_lines(stream) if stream is not None else b"")

    def _last_lines(self, stream: SandboxLog) -> bytes:
        events = self._logs.events(stream.function, stream=stream.name, after=stream.began_after)
        return "".join(f"{event.message}\n" for event in events).encode()[-_TAIL:]

    # times

    def epoch(self, at: float) -> float:
        """Returns the epoch time, in seconds, of a time on the engine's clock."""
        # a suspended machine or a clock that was set must not bring deadlines into the past
        return self._origin + at * self._clock.dilation + self._clock.wall_shift()

    def epoch_ms(self, at: float) -> int:
        """Returns the epoch time, in milliseconds, of a time on the engine's clock."""
        return int(self.epoch(at) * 1000)

    def iso_time(self, at: float) -> str:
        """Returns a time as the timeout message of 2018 has it: 2018-10-01T12:00:00.123Z."""
        time = datetime.fromtimestamp(self.epoch(at), UTC)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reason(command: Fail, entry: Entry) -> str:
    """Returns the end of a runtime in AWS's words; empty where no runtime ended."""
    if command.failure in (Failure.EXITED, Failure.OUT_OF_MEMORY):
        event = entry.event
        error_type = event.error_type if isinstance(event, RuntimeExited) else ""
        return exit_reason(command.failure, command.exit_code, error_type)
    return ""
