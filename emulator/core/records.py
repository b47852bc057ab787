"""Holds what is recorded of each invocation and each sandbox; `record_fold` makes the records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from emulator.core.messages.measurements import Anatomy, MemoryUse
    from emulator.core.model import Seconds, StartKind, StopReason


class Status(StrEnum):
    """Says how an invocation ended."""

    OK = "ok"
    HANDLER_ERROR = "handler error"
    THROTTLED = "throttled"
    INIT_ERROR = "init error"
    INIT_TIMEOUT = "init timeout"
    TIMEOUT = "timeout"
    EXITED = "runtime exited"
    OUT_OF_MEMORY = "out of memory"
    START_FAILED = "sandbox could not be started"


class InvocationRecord(Struct, frozen=True, gc=False):
    """Holds one request's way from its arrival to its end; times on the journal's clock."""

    invocation: str
    function: str
    version: str
    memory_mb: int
    requested_at: Seconds
    finished_at: Seconds
    status: Status
    start: StartKind | None = None
    """None when the request never reached a sandbox that was ready."""
    sandbox: int | None = None
    dispatched_at: Seconds | None = None
    queued: Seconds = 0.0
    """Time from the request until a sandbox was started for the request, or took it warm."""
    anatomy: Anatomy | None = None
    """Where the time of the cold start went that the request waited for."""
    error_type: str = ""
    max_memory_mb: int = 0
    throttled: Seconds = 0.0
    """How long the sandbox's CPU quota was used up during the invocation."""
    throttled_periods: int = 0
    timeout: Seconds = math.inf
    answered_at: Seconds | None = None
    """Time at which the runtime posted its answer; None where no event tells of an answer."""
    network: Seconds = 0.0
    """Time between the client and the provider's edge, there and back; in no other figure here."""
    gateway: Seconds = 0.0
    """Time in API Gateway and in Lambda's front end, there and back; in no other figure here."""
    download: Seconds = 0.0
    """Time for placement and for the code's download, before the sandbox could be started."""
    memory: MemoryUse | None = None
    """The sandbox's memory at the end; None where nobody looked."""
    tenant: str = ""
    """Tenant whose sandboxes alone could serve the request; empty where all could."""
    alias: str = ""
    """Name of the alias that led to the version, if any."""
    stem_cell: bool = False
    """Whether the sandbox of a cold start was made of a stem cell, and so without creation."""

    @property
    def latency(self) -> Seconds:
        """Returns the time from the request's arrival at the scheduler to the answer."""
        end = self.finished_at if self.answered_at is None else self.answered_at
        return end - self.requested_at

    @property
    def client_latency(self) -> Seconds:
        """Returns the time for which the client waited, with the way there and back."""
        return self.network + self.gateway + self.latency

    @property
    def duration(self) -> Seconds:
        """Returns REPORT's Duration: from the dispatch to the end, with an init in between.

        A timeout that was noticed late counts as the timeout's length.
        """
        if self.dispatched_at is None:
            return 0.0
        return min(self.finished_at - self.dispatched_at, self.timeout)


class InitPhase(StrEnum):
    """Says in which phase of a sandbox's life an init ran."""

    INIT = "init"
    INVOKE = "invoke"
    """After a reset, as a part of an invocation."""


@dataclass(frozen=True, slots=True)
class InitReport:
    """Holds the facts that INIT_REPORT tells about an init that failed."""

    sandbox: int
    at: Seconds
    duration: Seconds
    phase: InitPhase
    error_type: str
    """Empty for a timeout."""


@dataclass(slots=True)
class SandboxRecord:
    """Holds one sandbox's life; times on the journal's clock."""

    id: int
    function: str
    memory_mb: int
    started_at: Seconds
    ready_at: Seconds | None = None
    gone_at: Seconds | None = None
    invocations: int = 0
    anatomy: Anatomy | None = None
    stop_reason: StopReason | None = None
    init_began_at: Seconds | None = None
    """When the present init began; None when none is under way."""
    init_phase: InitPhase = InitPhase.INIT
    provisioned: bool = False
    """Whether the sandbox was started for provisioned concurrency, not for a request."""
    tenant: str = ""
    """Tenant that alone the sandbox serves; empty where it serves all."""
    stem_cell: bool = False
    """Whether the sandbox was made of a stem cell."""
