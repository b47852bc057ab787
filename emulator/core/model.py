"""The nouns of the scheduler: function versions, invocations, sandboxes and their moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Seconds = float
"""A point on the driver's monotonic clock, or a length of time."""


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """What the scheduler must know of one deployed version.

    `revision` tells two deployments of the same version apart: sandboxes of an older one
    finish what they run and are not used again.
    """

    name: str
    memory_mb: int
    timeout: Seconds
    version: str = "$LATEST"
    revision: int = 0

    @property
    def key(self) -> str:
        return f"{self.name}:{self.version}"


class SandboxState(IntEnum):
    QUEUED = 0
    """Decided on, and waiting for memory or for a place in the start queue."""
    STARTING = 1
    """Being created, or in its init phase."""
    BUSY = 2
    IDLE = 3
    """Frozen, and counting down its keep-alive."""
    RESETTING = 4
    """Its processes are being killed after a failure; it stays, and its /tmp with it."""
    STOPPING = 5
    """Told to stop; it holds its memory until it is gone."""
    GONE = 6


MOVES: Mapping[SandboxState, frozenset[SandboxState]] = {
    SandboxState.QUEUED: frozenset({SandboxState.STARTING, SandboxState.GONE}),
    SandboxState.STARTING: frozenset(
        {
            SandboxState.BUSY,
            SandboxState.IDLE,
            SandboxState.RESETTING,
            SandboxState.STOPPING,
            SandboxState.GONE,
        }
    ),
    SandboxState.BUSY: frozenset(
        # busy again at once when a request waits for whichever sandbox comes free
        {
            SandboxState.BUSY,
            SandboxState.IDLE,
            SandboxState.RESETTING,
            SandboxState.STOPPING,
            SandboxState.GONE,
        }
    ),
    SandboxState.IDLE: frozenset(
        {SandboxState.BUSY, SandboxState.RESETTING, SandboxState.STOPPING, SandboxState.GONE}
    ),
    SandboxState.RESETTING: frozenset(
        {SandboxState.BUSY, SandboxState.IDLE, SandboxState.STOPPING, SandboxState.GONE}
    ),
    SandboxState.STOPPING: frozenset({SandboxState.GONE}),
    SandboxState.GONE: frozenset(),
}


class IllegalMoveError(Exception):
    """A sandbox was asked for a move that its table does not have; nothing was changed."""


class StartKind(StrEnum):
    """What an invocation found."""

    COLD = "cold"
    """No sandbox: it waited for the init of a new one."""
    WARM = "warm"
    PROVISIONED = "provisioned"
    """A sandbox of provisioned concurrency, initialized ahead of need."""
    SUPPRESSED = "suppressed-init"
    """A sandbox that was reset: its runtime is started again as a part of the invocation."""


class StopReason(StrEnum):
    KEEP_ALIVE_ENDED = "keep-alive ended"
    EVICTED = "evicted for memory"
    RETIRED = "version retired"
    RECYCLED = "recycled"
    """It had lived for hours, which Lambda ends whether it is used or not."""
    DEPROVISIONED = "provisioned concurrency lowered"
    INIT_FAILED = "init failed"
    """With no request that waited for it; else it is reset, and init runs again for that."""
    INIT_TIMED_OUT = "init timed out"
    """As INIT_FAILED."""
    START_TIMED_OUT = "start timed out"


class ThrottleReason(StrEnum):
    """The `Reason` values of TooManyRequestsException, and which limit of ours was met.

    Source: Lambda API reference, Invoke, TooManyRequestsException.
    """

    RESERVED_CONCURRENCY = "ReservedFunctionConcurrentInvocationLimitExceeded"
    ACCOUNT_CONCURRENCY = "ConcurrentInvocationLimitExceeded"
    RESERVED_RATE = "ReservedFunctionInvocationRateLimitExceeded"
    ACCOUNT_RATE = "FunctionInvocationRateLimitExceeded"
    SCALE_OUT = "ScaleOutLimitExceeded"
    """Too many new sandboxes in a short time. The caller sees ConcurrentInvocationLimitExceeded;
    which of its reasons AWS gives is not documented."""
    HOST_MEMORY = "HostMemoryExceeded"
    """The caller sees ConcurrentInvocationLimitExceeded; the log names the host."""


class Failure(StrEnum):
    """Why an invocation ended without an answer of its handler, or a sandbox must be reset."""

    INIT_ERROR = "init error"
    INIT_TIMEOUT = "init timeout"
    TIMEOUT = "timeout"
    EXITED = "runtime exited"
    OUT_OF_MEMORY = "out of memory"
    START_FAILED = "sandbox could not be started"


@dataclass(slots=True, eq=False)
class Sandbox:
    """One execution environment. `move` is the only way to change its state."""

    id: int
    function: FunctionVersion
    created_at: Seconds
    keep_alive: Seconds
    state: SandboxState = SandboxState.QUEUED
    invocation: str | None = None
    """The invocation that it runs, or was started for; None when another took that one."""
    idle_since: Seconds = 0.0
    recycle_at: Seconds = math.inf
    """When it stops, however much it is used; what it runs then it finishes."""
    init_began: bool = False
    """It is made, and its first init is under way or over."""
    initialized: bool = False
    """Its runtime has asked for work since it was last started."""
    provisioned: bool = False
    retired: bool = False
    """Its version was replaced: it finishes what it runs and stops."""

    def move(self, state: SandboxState) -> None:
        if state not in MOVES[self.state]:
            raise IllegalMoveError(f"sandbox {self.id}: {self.state.name} -> {state.name}")
        self.state = state
