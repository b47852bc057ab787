"""What happened to each invocation and each sandbox: a fold over the journal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.core.messages import (
    Anatomy,
    Dispatch,
    Fail,
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    SandboxGone,
    SandboxReady,
    StartSandbox,
    StopSandbox,
    Throttle,
    VersionDeployed,
)
from emulator.core.model import Failure, StartKind, StopReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.journal import Entry
    from emulator.core.messages import Command
    from emulator.core.model import FunctionVersion, Seconds


class Status(StrEnum):
    OK = "ok"
    HANDLER_ERROR = "handler error"
    THROTTLED = "throttled"
    INIT_ERROR = "init error"
    INIT_TIMEOUT = "init timeout"
    TIMEOUT = "timeout"
    EXITED = "runtime exited"
    OUT_OF_MEMORY = "out of memory"
    START_FAILED = "sandbox could not be started"


@dataclass(frozen=True, slots=True)
class InvocationRecord:
    """One request from its arrival to its end; times on the journal's clock."""

    invocation: str
    function: str
    version: str
    memory_mb: int
    requested_at: Seconds
    finished_at: Seconds
    status: Status
    start: StartKind | None = None
    """None when it never reached a sandbox that was ready."""
    sandbox: int | None = None
    dispatched_at: Seconds | None = None
    queued: Seconds = 0.0
    """From the request to the start of the sandbox that it was for."""
    anatomy: Anatomy | None = None
    """Of the cold start that it waited for."""
    error_type: str = ""
    max_memory_mb: int = 0

    @property
    def latency(self) -> Seconds:
        return self.finished_at - self.requested_at

    @property
    def duration(self) -> Seconds:
        """Of the handler, as REPORT counts it: from dispatch to response."""
        return 0.0 if self.dispatched_at is None else self.finished_at - self.dispatched_at


@dataclass(slots=True)
class SandboxRecord:
    id: int
    function: str
    memory_mb: int
    started_at: Seconds
    ready_at: Seconds | None = None
    gone_at: Seconds | None = None
    invocations: int = 0
    anatomy: Anatomy | None = None
    stop_reason: StopReason | None = None


class RecordFold:
    """Fed with entries in order, it hands out the invocations that each one ends."""

    def __init__(self) -> None:
        self.sandboxes: dict[int, SandboxRecord] = {}
        """Those that are not gone."""
        self._versions: dict[str, FunctionVersion] = {}
        self._open: dict[str, InvocationRecord] = {}

    def feed(self, entry: Entry) -> list[InvocationRecord]:
        event, at = entry.event, entry.at
        ended: list[InvocationRecord] = []
        for command in entry.commands:
            # before the event: a deadline that was due may have ended what the event is about
            match command:
                case Fail():
                    ended += self._failed(command, entry)
                case StopSandbox(sandbox, StopReason.INIT_TIMED_OUT as reason):
                    self.sandboxes[sandbox].stop_reason = reason
                case _:
                    pass
        gone = self.sandboxes.get(event.sandbox) if isinstance(event, SandboxGone) else None
        match event:
            case VersionDeployed(function):
                self._versions[function.key] = function
            case InvokeRequested(invocation, key):
                version = self._versions[key]
                self._open[invocation] = InvocationRecord(
                    invocation, version.name, version.version, version.memory_mb, at, at, Status.OK
                )
            case SandboxReady(sandbox, anatomy):
                self._ready(sandbox, anatomy, at)
            case InvocationFinished():
                ended += self._finished(event, at)
            case _:
                pass
        for command in entry.commands:
            ended += self._command(command, entry)
        if gone is not None:
            gone.gone_at = at
            del self.sandboxes[gone.id]
        return ended

    def _command(self, command: Command, entry: Entry) -> list[InvocationRecord]:
        at = entry.at
        match command:
            case StartSandbox(sandbox, _, invocation):
                # the request's version, not the key's: another may have been deployed since
                waiting = self._open[invocation]
                self.sandboxes[sandbox] = SandboxRecord(
                    sandbox, waiting.function, waiting.memory_mb, at
                )
                queued = at - waiting.requested_at
                self._open[invocation] = replace(waiting, queued=queued, sandbox=sandbox)
            case Dispatch(sandbox, invocation, start):
                self._dispatched(sandbox, invocation, start, at)
            case Throttle(invocation, reason):
                return self._end(invocation, at, Status.THROTTLED, error_type=reason.value)
            case StopSandbox(sandbox, reason):
                self.sandboxes[sandbox].stop_reason = reason
            case _:
                pass
        return []

    def _failed(self, command: Fail, entry: Entry) -> list[InvocationRecord]:
        error = ""
        if command.failure is Failure.INIT_ERROR and isinstance(entry.event, InitFailed):
            error = entry.event.error_type
        ended = self._end(
            command.invocation,
            entry.at,
            Status(command.failure.value),
            error_type=error or command.failure.value,
        )
        # under late binding it may be another than the one that was started for it
        return [replace(record, sandbox=command.sandbox) for record in ended]

    def _finished(self, event: InvocationFinished, at: Seconds) -> list[InvocationRecord]:
        record = self._open.get(event.invocation)
        if record is None or record.dispatched_at is None or record.sandbox != event.sandbox:
            return []
        return self._end(
            event.invocation,
            at,
            Status.HANDLER_ERROR if event.error_type else Status.OK,
            error_type=event.error_type,
            max_memory_mb=event.max_memory_mb,
        )

    def _ready(self, sandbox: int, anatomy: Anatomy, at: Seconds) -> None:
        record = self.sandboxes.get(sandbox)
        if record is not None and record.stop_reason is None:
            record.ready_at, record.anatomy = at, anatomy

    def _dispatched(self, sandbox: int, invocation: str, start: StartKind, at: Seconds) -> None:
        record = self.sandboxes[sandbox]
        record.invocations += 1
        self._open[invocation] = replace(
            self._open[invocation],
            start=start,
            sandbox=sandbox,
            dispatched_at=at,
            anatomy=record.anatomy if start is StartKind.COLD else None,
        )

    def _end(
        self,
        invocation: str,
        at: Seconds,
        status: Status,
        *,
        error_type: str = "",
        max_memory_mb: int = 0,
    ) -> list[InvocationRecord]:
        record = self._open.pop(invocation, None)
        if record is None:
            return []
        return [
            replace(
                record,
                finished_at=at,
                status=status,
                error_type=error_type,
                max_memory_mb=max_memory_mb,
            )
        ]


def fold(entries: Iterable[Entry]) -> tuple[list[InvocationRecord], list[SandboxRecord]]:
    """All ended invocations in the order of their ends, and all sandboxes that were started."""
    folder = RecordFold()
    invocations: list[InvocationRecord] = []
    sandboxes: dict[int, SandboxRecord] = {}
    for entry in entries:
        invocations += folder.feed(entry)
        for command in entry.commands:
            if isinstance(command, StartSandbox):
                sandboxes[command.sandbox] = folder.sandboxes[command.sandbox]
    return invocations, list(sandboxes.values())
