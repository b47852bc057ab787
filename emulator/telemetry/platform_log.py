"""Words what Lambda tells of a function's sandboxes: log lines and telemetry events.

Pure: where they go is the caller's affair. A function that logs JSON has the events themselves in
its log, as far as its system log level lets them through; any other has the text lines of its
profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from emulator.core.billing import billed_ms
from emulator.core.log_configuration import LogFormat, SystemLogLevel
from emulator.core.model import StartKind
from emulator.core.records import InitPhase, Status
from emulator.telemetry import log_lines, platform_events
from emulator.telemetry.platform_events import InitializationType, RunStatus
from emulator.telemetry.spans import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import Seconds
    from emulator.core.profile import Profile
    from emulator.core.records import InitReport, InvocationRecord
    from emulator.telemetry.platform_events import Event


class Registration(Protocol):
    """Holds an extension that has registered."""

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def events(self) -> tuple[str, ...]: ...

    @property
    def error_type(self) -> str: ...


_LEVELS = list(SystemLogLevel)
_STATUS = {
    Status.OK: RunStatus.SUCCESS,
    # the runtime did what it should; the error is the function's own
    Status.HANDLER_ERROR: RunStatus.SUCCESS,
    Status.TIMEOUT: RunStatus.TIMEOUT,
    Status.START_FAILED: RunStatus.FAILURE,
}


class Told(Struct, frozen=True):
    """Holds the words for one fact."""

    lines: list[str]
    """Lines for the function's log."""
    events: list[Event]
    """Events for the subscribers of the sandbox's telemetry."""


class PlatformLog:
    """Words what happens in one sandbox; all times are epoch seconds.

    `wanted` returns whether events have a reader.
    """

    def __init__(
        self,
        configuration: FunctionConfiguration,
        profile: Profile,
        region: str,
        wanted: Callable[[], bool],
        *,
        initialization: InitializationType = InitializationType.ON_DEMAND,
        tenant: str = "",
    ) -> None:
        self._wanted = wanted
        self._tenant = tenant
        self._configuration = configuration
        self._profile = profile
        self._region = region
        self._type = initialization
        self.restores = initialization is InitializationType.SNAP_START
        """Whether the sandbox comes of a snapshot."""
        logging = configuration.logging
        self._json = logging.format is LogFormat.JSON
        self._level = _LEVELS.index(logging.system_level or SystemLogLevel.INFO)

    def _nobody_wants_events(self) -> bool:
        """Spares most invocations, which are told in text alone, the making of events."""
        return not self._json and not self._wanted()

    def init_started(self, at: Seconds, phase: InitPhase, *, restores: bool | None = None) -> Told:
        """Words the beginning of an init, or of a restore; `restores` where that is told apart."""
        if phase is InitPhase.INIT and (self.restores if restores is None else restores):
            return self._restore_started(at)
        runtime = log_lines.runtime_version(self._configuration.runtime, self._region)
        event = platform_events.init_start(
            at,
            self._type,
            platform_events.InitPhase(phase.value),
            self._configuration.name,
            self._configuration.version,
            runtime_version=runtime[0],
            runtime_version_arn=runtime[1],
        )
        text = ""
        if phase is InitPhase.INIT:
            text = log_lines.init_start(self._configuration.runtime, self._region, self._profile)
        return self._told([text] if text else [], [event])

    def _restore_started(self, at: Seconds) -> Told:
        configuration = self._configuration
        runtime = log_lines.runtime_version(configuration.runtime, self._region)
        event = platform_events.restore_start(
            at, configuration.name, configuration.version, *runtime
        )
        text = log_lines.restore_start(configuration.runtime, self._region)
        return self._told([text] if text else [], [event])

    def restore_done(self, at: Seconds, duration: Seconds) -> Told:
        """Words the end of a restore that went well."""
        done = platform_events.restore_runtime_done(at, RunStatus.SUCCESS)
        report = platform_events.restore_report(at, RunStatus.SUCCESS, duration)
        return self._told([log_lines.restore_report(duration)], [done, report])

    def snapshot_taken(self, at: Seconds, duration: Seconds, error_type: str) -> Told:
        """Words the end of an init of which a snapshot was taken, or was to be."""
        status = RunStatus.ERROR if error_type else RunStatus.SUCCESS
        events = self._init_events(at, duration, InitPhase.INIT, status, error_type)
        return self._told([log_lines.snapshot_report(duration, error_type)], events)

    def init_done(self, at: Seconds, duration: Seconds, phase: InitPhase) -> Told:
        """Words the end of an init that went well, of which a text log says nothing."""
        return self._told([], self._init_events(at, duration, phase, RunStatus.SUCCESS))

    def init_failed(self, at: Seconds, report: InitReport) -> Told:
        status = RunStatus.ERROR if report.error_type else RunStatus.TIMEOUT
        if self.restores and report.phase is InitPhase.INIT:
            failed = f"error\tError Type: {report.error_type}" if report.error_type else "timeout"
            return self._told(
                [log_lines.restore_report(report.duration, failed)],
                [
                    platform_events.restore_runtime_done(at, status, report.error_type),
                    platform_events.restore_report(at, status, report.duration, report.error_type),
                ],
            )
        events = self._init_events(at, report.duration, report.phase, status, report.error_type)
        text = log_lines.init_report(report, self._profile)
        return self._told([text] if text else [], events)

    def _init_events(
        self,
        at: Seconds,
        duration: Seconds,
        phase: InitPhase,
        status: RunStatus,
        error_type: str = "",
    ) -> list[Event]:
        of = platform_events.InitPhase(phase.value)
        return [
            platform_events.init_runtime_done(at, self._type, of, status, error_type),
            platform_events.init_report(
                at, self._type, of, status, duration=duration, error_type=error_type
            ),
        ]

    def started(self, at: Seconds, request_id: str) -> Told:
        version = self._configuration.version
        text = [log_lines.start(request_id, version)]
        if self._nobody_wants_events():
            return Told(text, [])
        return self._told(
            text, [platform_events.start(at, request_id, version, tenant=self._tenant)]
        )

    def extensions_ready(self, at: Seconds, extensions: Iterable[Registration]) -> Told:
        """Words the state of each extension that registered, when an init is over."""
        events = [
            platform_events.extension(at, one.name, one.state, one.events, one.error_type)
            for one in extensions
        ]
        return self._told([log_lines.of_extension(event) for event in events], events)

    def subscribed(self, event: Event) -> Told:
        """Words an event that the Telemetry API made, and has sent to its subscribers already."""
        told = self._told([log_lines.of_subscription(event)], [event])
        return Told(told.lines, [])

    def runtime_done(self, at: Seconds, request_id: str, duration: Seconds) -> Told:
        """Words that a runtime asks for its next work while an extension goes on.

        Extensions wait for the event before they ask for their next (OpenTelemetry's does), so that
        the end of the invocation would be too late.
        """
        if self._nobody_wants_events():
            return Told([], [])
        event = platform_events.runtime_done(at, request_id, RunStatus.SUCCESS, duration)
        return self._told([], [event])

    def closed(
        self, at: Seconds, record: InvocationRecord, reason: str, *, runtime_told: bool = False
    ) -> Told:
        """Words the end of an invocation; `reason` is how the runtime ended, where it did.

        `runtime_told` says that the runtime's part has been told by itself (`runtime_done`).
        """
        if record.dispatched_at is None:
            return Told([], [])
        # only the line of a timeout has a time
        time = timestamp(at) if record.status is Status.TIMEOUT else ""
        text = log_lines.closing(record, self._profile, reason, time)
        if self._nobody_wants_events():
            return Told(text, [])
        status = _STATUS.get(record.status, RunStatus.ERROR)
        error = log_lines.error_type(record)
        init = log_lines.init_duration(record)
        billed = log_lines.billed_duration_ms(self._profile.prices, record)
        restored = record.start is StartKind.RESTORED and record.anatomy is not None
        done = platform_events.runtime_done(
            at, record.invocation, status, record.duration, error_type=error
        )
        report = platform_events.report(
            at,
            record.invocation,
            status,
            duration=record.duration,
            billed_ms=billed,
            memory_mb=record.memory_mb,
            max_memory_mb=record.max_memory_mb,
            init=None if restored else init or None,
            restore=log_lines.restore_duration(record.anatomy)
            if restored and record.anatomy
            else None,
            billed_restore_ms=billed_ms(self._profile.prices, init) if restored else 0,
            error_type=error,
            tenant=self._tenant,
        )
        return self._told(text, [report] if runtime_told else [done, report])

    def _told(self, text: list[str], events: list[Event]) -> Told:
        if not self._json:
            return Told(text, events)
        shown = [event for event in events if self._passes(event)]
        return Told([platform_events.line(event) for event in shown], events)

    def _passes(self, event: Event) -> bool:
        return _LEVELS.index(SystemLogLevel(platform_events.system_log_level(event))) >= self._level
