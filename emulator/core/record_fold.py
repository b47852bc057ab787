"""Folds a journal into a record of each invocation and of each sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from emulator.core.failure_causes import INIT_TIMEOUTS, error_type_of, init_error, tells_of
from emulator.core.messages.commands import (
    Dispatch,
    Fail,
    FreezeSandbox,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
    Throttle,
)
from emulator.core.messages.events import (
    InitBegan,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    RuntimeExited,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    TimePassed,
    VersionDeployed,
)
from emulator.core.model import COLD_STARTS, Failure, FunctionVersion, Seconds, StartKind
from emulator.core.open_requests import OpenRequests
from emulator.core.records import InitPhase, InitReport, InvocationRecord, SandboxRecord, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.journal import Entry
    from emulator.core.messages.commands import Command
    from emulator.core.messages.events import Event
    from emulator.core.messages.measurements import Anatomy


@dataclass(slots=True)
class _Open:
    """Holds the facts about an invocation that has not ended."""

    version: FunctionVersion
    requested_at: Seconds
    start: StartKind | None = None
    sandbox: int | None = None
    dispatched_at: Seconds | None = None
    queued: Seconds = 0.0
    anatomy: Anatomy | None = None
    answered_at: Seconds | None = None
    network: Seconds = 0.0
    gateway: Seconds = 0.0
    download: Seconds = 0.0
    tenant: str = ""
    alias: str = ""
    stem_cell: bool = False


_Usage = InvocationFinished | RuntimeExited | SandboxReset
"""Events that tell the memory and the throttled time of an invocation."""

_NONE_USED = SandboxReset(0)


class RecordFold:
    """Takes a journal's entries in order, and hands out the invocations that each entry ends."""

    def __init__(self) -> None:
        self.sandboxes: dict[int, SandboxRecord] = {}
        """Sandboxes that are not gone, by id."""
        self.failed_inits: list[InitReport] = []
        """Inits whose failure the last entry told."""
        self.requests = OpenRequests()
        self._versions: dict[str, FunctionVersion] = {}
        self._open: dict[str, _Open] = {}
        self._timed_out: dict[int, InvocationRecord] = {}
        """Timed-out invocations, by sandbox, that wait for the reset to tell their usage."""

    def feed(self, entry: Entry) -> list[InvocationRecord]:
        """Takes the next entry, and returns the invocations that end with that entry."""
        event = entry.event
        ended: list[InvocationRecord] = []
        self.failed_inits = []
        for command in entry.commands:
            # before the event: a deadline that was due may have ended what the event is about
            if type(command) is Fail:
                ended += self._failed(command, entry)
            elif type(command) is ResetSandbox or type(command) is StopSandbox:
                self._broken_off(command, entry)
        gone = self.sandboxes.get(event.sandbox) if type(event) is SandboxGone else None
        ended += self._event(event, entry.at)
        for command in entry.commands:
            if type(command) is Dispatch:
                self._dispatched(command, entry.at)
            elif type(command) is not FreezeSandbox:
                ended += self._command(command, entry)
        if gone is not None:
            gone.gone_at = entry.at
            del self.sandboxes[gone.id]
        return ended

    def _event(self, event: Event, at: Seconds) -> list[InvocationRecord]:
        if type(event) is InvokeRequested:  # those of a warm invocation first
            self._requested(event, at)
        elif type(event) is InvocationAnswered:
            if (opened := self._open.get(event.invocation)) is not None:
                opened.answered_at = at
        elif type(event) is InvocationFinished:
            return self._finished(event, at)
        elif type(event) is not TimePassed:
            return self._rare_event(event, at)
        return []

    def _rare_event(self, event: Event, at: Seconds) -> list[InvocationRecord]:
        match event:
            case VersionDeployed(function):
                self._versions[function.key] = function
            case ProvisionedSet() | ReservedConcurrencySet():
                self.requests.set_aside(event)
            case _:
                return self._sandbox_event(event, at)
        return []

    def _requested(self, event: InvokeRequested, at: Seconds) -> None:
        version = self._versions[event.key]
        self._open[event.invocation] = _Open(
            version,
            at,
            network=event.network,
            gateway=event.gateway,
            alias=event.alias,
            tenant=event.tenant,
        )
        self.requests.began(version.name)

    def _sandbox_event(self, event: Event, at: Seconds) -> list[InvocationRecord]:
        match event:
            case InitBegan(sandbox):
                self._init_began(sandbox, at)
            case SandboxReady(sandbox, anatomy):
                self._ready(sandbox, anatomy, at)
            case SandboxReset(sandbox) | SandboxGone(sandbox):
                return self._used(event, sandbox)
            case _:
                pass
        return []

    def _command(self, command: Command, entry: Entry) -> list[InvocationRecord]:
        at = entry.at
        match command:
            case StartSandbox(sandbox, key, None):
                version = self._versions[key]
                self.sandboxes[sandbox] = SandboxRecord(
                    sandbox,
                    version.name,
                    version.memory_mb,
                    at,
                    provisioned=not command.prewarmed,
                )
            case StartSandbox(sandbox, _, str(invocation)):
                # the request's version, not the key's: another may have been deployed since
                waiting = self._open[invocation]
                version = waiting.version
                self.sandboxes[sandbox] = SandboxRecord(
                    sandbox,
                    version.name,
                    version.memory_mb,
                    at,
                    tenant=waiting.tenant,
                    stem_cell=command.cell > 0,
                )
                waiting.download, waiting.sandbox = command.download, sandbox
                waiting.queued = at - waiting.requested_at - command.download
            case Throttle(invocation, reason):
                return self._end(invocation, at, Status.THROTTLED, error_type=reason.value)
            case StopSandbox(sandbox, reason):
                self.sandboxes[sandbox].stop_reason = reason
            case _:
                pass
        return []

    # inits

    def _init_began(self, sandbox: int, at: Seconds) -> None:
        record = self.sandboxes.get(sandbox)
        if record is not None and record.ready_at is None and record.stop_reason is None:
            record.init_began_at = at

    def _ready(self, sandbox: int, anatomy: Anatomy, at: Seconds) -> None:
        record = self.sandboxes.get(sandbox)
        if record is None or record.stop_reason is not None:
            return
        record.init_began_at = None
        if record.init_phase is InitPhase.INIT:
            record.ready_at, record.anatomy = at, anatomy

    def _broken_off(self, command: ResetSandbox | StopSandbox, entry: Entry) -> None:
        """Ends a sandbox's init, if under way; a next init is a part of an invocation."""
        record = self.sandboxes[command.sandbox]
        began, record.init_began_at = record.init_began_at, None
        phase, record.init_phase = record.init_phase, InitPhase.INVOKE
        if began is not None:
            cause = command.failure if isinstance(command, ResetSandbox) else command.reason
            late = cause in INIT_TIMEOUTS or command.sandbox in self._timed_out
            error = "" if late else init_error(entry.event, command.sandbox)
            report = InitReport(command.sandbox, entry.at, entry.at - began, phase, error)
            self.failed_inits.append(report)

    # the ends of invocations

    def _failed(self, command: Fail, entry: Entry) -> list[InvocationRecord]:
        event = entry.event
        error = error_type_of(event, command)
        ended = self._end(
            command.invocation,
            entry.at,
            Status(command.failure.value),
            error_type=error or command.failure.value,
        )
        # under late binding it may be another than the one that was started for it
        ended = [structs.replace(record, sandbox=command.sandbox) for record in ended]
        if command.failure is Failure.TIMEOUT and ended:
            self._timed_out[command.sandbox] = ended[0]
            return []
        if isinstance(event, RuntimeExited) and tells_of(event, command):
            return [_with_usage(record, event) for record in ended]
        return ended

    def _used(self, event: SandboxReset | SandboxGone, sandbox: int) -> list[InvocationRecord]:
        record = self._timed_out.pop(sandbox, None)
        if record is None:
            return []
        return [_with_usage(record, event) if isinstance(event, SandboxReset) else record]

    def _finished(self, event: InvocationFinished, at: Seconds) -> list[InvocationRecord]:
        record = self._open.get(event.invocation)
        if record is None or record.dispatched_at is None or record.sandbox != event.sandbox:
            return []
        status = Status.HANDLER_ERROR if event.error_type else Status.OK
        return self._end(event.invocation, at, status, error_type=event.error_type, used=event)

    def _dispatched(self, command: Dispatch, at: Seconds) -> None:
        sandbox, start = command.sandbox, command.start
        record = self.sandboxes[sandbox]
        record.invocations += 1
        cold = start in COLD_STARTS and record.init_phase is InitPhase.INIT
        again = record.init_phase is InitPhase.INVOKE and (
            start in COLD_STARTS or start is StartKind.SUPPRESSED
        )
        if again:
            record.init_began_at = at
        opened = self._open[command.invocation]
        opened.start, opened.sandbox, opened.dispatched_at = start, sandbox, at
        opened.anatomy = record.anatomy if cold else None
        opened.stem_cell = cold and record.stem_cell
        if start not in COLD_STARTS:
            opened.queued, opened.download = at - opened.requested_at, 0.0

    def _end(
        self,
        invocation: str,
        at: Seconds,
        status: Status,
        *,
        error_type: str,
        used: _Usage = _NONE_USED,
    ) -> list[InvocationRecord]:
        opened = self._open.pop(invocation, None)
        if opened is None:
            return []
        version = opened.version
        self.requests.ended(version.name)
        return [
            InvocationRecord(
                invocation,
                version.name,
                version.version,
                version.memory_mb,
                opened.requested_at,
                at,
                status,
                opened.start,
                opened.sandbox,
                opened.dispatched_at,
                opened.queued,
                opened.anatomy,
                error_type,
                used.max_memory_mb,
                used.throttled,
                used.throttled_periods,
                version.timeout,
                opened.answered_at,
                opened.network,
                opened.gateway,
                opened.download,
                used.memory,
                opened.tenant,
                opened.alias,
                opened.stem_cell,
            )
        ]


def _with_usage(record: InvocationRecord, event: _Usage) -> InvocationRecord:
    return structs.replace(
        record,
        max_memory_mb=event.max_memory_mb,
        throttled=event.throttled,
        throttled_periods=event.throttled_periods,
        memory=event.memory,
    )


def fold(entries: Iterable[Entry]) -> tuple[list[InvocationRecord], list[SandboxRecord]]:
    """Returns all ended invocations in the order of their ends, and all started sandboxes."""
    folder = RecordFold()
    invocations: list[InvocationRecord] = []
    sandboxes: dict[int, SandboxRecord] = {}
    for entry in entries:
        invocations += folder.feed(entry)
        for command in entry.commands:
            if isinstance(command, StartSandbox):
                sandboxes[command.sandbox] = folder.sandboxes[command.sandbox]
    return invocations, list(sandboxes.values())
