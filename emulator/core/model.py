"""Defines the nouns of the scheduler: function versions, invocations, sandboxes, their moves.

Owns the table of a sandbox's legal moves. Knows no rule about which move is made when.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final

from emulator.core.version_key import LATEST as LATEST  # noqa: PLC0414  # it is asked for here
from emulator.core.version_key import PoolKey as PoolKey  # noqa: PLC0414
from emulator.core.version_key import VersionKey as VersionKey  # noqa: PLC0414

if TYPE_CHECKING:
    from collections.abc import Mapping

Seconds = float
"""A point on the driver's monotonic clock, or a length of time."""


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """Holds the facts that the scheduler needs about one deployed version.

    `revision` tells two deployments of the same version apart: sandboxes of an older deployment
    finish the requests that they run, and serve no other.
    """

    name: str
    memory_mb: int
    timeout: Seconds
    version: str = LATEST
    revision: int = 0
    package_mb: float = 0.0
    """Size of the code as a zip; 0 where nobody asked for the size."""
    per_tenant: bool = False
    """Whether a sandbox serves one tenant alone, so that each request names a tenant."""
    snapshot: bool = False
    """Whether sandboxes come of a snapshot that was taken after the version's init (SnapStart)."""
    stem: str = ""
    """Runtime whose stem cells the version's sandboxes may come of; empty: of none."""
    snapshot_mb: int = 0
    """MB that the snapshot was seen to have when it was taken; 0: nobody has looked."""
    key: VersionKey = field(init=False, repr=False, compare=False)
    """Name by which requests ask for the version; the same for every revision."""

    def __post_init__(self) -> None:
        # made once, since nearly every decision looks something up by the key
        object.__setattr__(self, "key", VersionKey.of(self.name, self.version))


class SandboxState(IntEnum):
    """Names the phases of a sandbox's life; `MOVES` tells which may follow which."""

    QUEUED = 0
    """Decided on, and waiting for memory or for a place in the start queue."""
    STARTING = 1
    """In creation, or in the init phase."""
    BUSY = 2
    """Running an invocation, from its dispatch until the runtime asks for the next."""
    IDLE = 3
    """Frozen, and counting down the keep-alive."""
    RESETTING = 4
    """Losing all processes after a failure; the sandbox stays, and its /tmp with it."""
    STOPPING = 5
    """Told to stop, and holding memory until gone."""
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
        # busy again at once when a request waits for a sandbox to come free
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
_FOLLOWING: Final = tuple(tuple(MOVES[state]) for state in SandboxState)
"""The table by the states' numbers: a member of an enum is hashed by Python code, at each look."""


class IllegalMoveError(Exception):
    """Reports a move that the table does not have; the sandbox was not changed."""


class StartKind(StrEnum):
    """Names the state in which an invocation found its sandbox."""

    COLD = "cold"
    """A new sandbox: the invocation waited for the init phase."""
    WARM = "warm"
    """A sandbox that had served before."""
    PROVISIONED = "provisioned"
    """A sandbox of provisioned concurrency, initialized ahead of need."""
    RESTORED = "restored"
    """A new sandbox that came of a snapshot: the invocation waited for the restore."""
    SUPPRESSED = "suppressed-init"
    """A sandbox that was reset: the runtime starts again as a part of the invocation."""


COLD_STARTS: Final = frozenset({StartKind.COLD, StartKind.RESTORED})
"""Kinds of an invocation that waited for its sandbox to be made."""


class StopReason(StrEnum):
    """Says why the scheduler stopped a sandbox."""

    KEEP_ALIVE_ENDED = "keep-alive ended"
    EVICTED = "evicted for memory"
    RETIRED = "version retired"
    RECYCLED = "recycled"
    """The sandbox had lived for hours; Lambda replaces such sandboxes, used or not."""
    DEPROVISIONED = "provisioned concurrency lowered"
    INIT_FAILED = "init failed"
    """No request waited for the sandbox; else a reset follows, and init runs once more."""
    INIT_TIMED_OUT = "init timed out"
    """The init took longer than its limit, and no request waited, as in INIT_FAILED."""
    START_TIMED_OUT = "start timed out"


class ThrottleReason(StrEnum):
    """Lists the `Reason` values of TooManyRequestsException, and three limits without one.

    Source: Lambda API reference, Invoke, TooManyRequestsException.
    """

    RESERVED_CONCURRENCY = "ReservedFunctionConcurrentInvocationLimitExceeded"
    ACCOUNT_CONCURRENCY = "ConcurrentInvocationLimitExceeded"
    RESERVED_RATE = "ReservedFunctionInvocationRateLimitExceeded"
    ACCOUNT_RATE = "FunctionInvocationRateLimitExceeded"
    SCALE_OUT = "ScaleOutLimitExceeded"
    """Too many new sandboxes in a short time. The caller sees ConcurrentInvocationLimitExceeded,
    since AWS does not document which reason it gives."""
    TENANT_SANDBOXES = "TenantSandboxLimitExceeded"
    """Too many sandboxes of tenants, busy and idle. The caller sees
    ConcurrentInvocationLimitExceeded, since AWS does not document which reason it gives."""
    HOST_MEMORY = "HostMemoryExceeded"
    """No memory left on the host. The caller sees ConcurrentInvocationLimitExceeded; the log names
    the host."""


class Failure(StrEnum):
    """Says why an invocation ended without its handler's answer, or why a sandbox is reset."""

    INIT_ERROR = "init error"
    INIT_TIMEOUT = "init timeout"
    TIMEOUT = "timeout"
    EXITED = "runtime exited"
    OUT_OF_MEMORY = "out of memory"
    START_FAILED = "sandbox could not be started"


@dataclass(slots=True, eq=False)
class Footprint:
    """Holds the memory that each sandbox of one deployment counts with, and how many count."""

    function: FunctionVersion
    charge_mb: int
    known: bool = False
    """Whether the charge comes from what was seen."""
    committed: int = 0
    held: int = 0
    starting: int = 0
    """Sandboxes that are committed and have not had all their memory yet."""


@dataclass(slots=True, eq=False)
class Sandbox:
    """Holds one execution environment's state, which only `move` may change."""

    id: int
    function: FunctionVersion
    created_at: Seconds
    keep_alive: Seconds
    footprint: Footprint
    """Account of the memory that the sandbox counts with."""
    pool: PoolKey
    """Requests that the sandbox may serve: the function's, or those of one tenant of it."""
    state: SandboxState = SandboxState.QUEUED
    invocation: str | None = None
    """Request that the sandbox runs or was started for; None when another sandbox took it."""
    idle_since: Seconds = 0.0
    recycle_at: Seconds = math.inf
    """Time at which the sandbox stops, used or not; an invocation that runs then is finished."""
    download: Seconds = 0.0
    """Time for which the sandbox waits for its code before it may start."""
    placed: bool = True
    """Whether that time is over."""
    unhurried: bool = False
    """Whether the sandbox was still queued when the caller of its request left."""
    init_began: bool = False
    """Whether the sandbox is made, so that its first init is under way or over."""
    initialized: bool = False
    """Whether the runtime has asked for work since its last start."""
    provisioned: bool = False
    prewarmed: bool = False
    """Whether a policy had the sandbox started ahead of need, and no request has come yet."""
    retired: bool = False
    """Whether the version was replaced: the sandbox finishes its invocation and stops."""

    def move(self, state: SandboxState) -> None:
        """Changes the state.

        Raises:
            IllegalMoveError: `MOVES` does not have the move; the state stays.
        """
        if state not in _FOLLOWING[self.state]:
            raise IllegalMoveError(f"sandbox {self.id}: {self.state.name} -> {state.name}")
        self.state = state
