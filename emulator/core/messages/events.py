"""Defines the events that the scheduler is told of, each named in the past tense."""

from __future__ import annotations

from typing import final

from msgspec import Struct

from emulator.core.messages.measurements import Anatomy, MemoryUse
from emulator.core.model import (  # noqa: TC001  # the journal resolves these at run time
    FunctionVersion,
    Seconds,
    VersionKey,
)


class VersionDeployed(Struct, frozen=True):
    """Reports that a version can be asked for, instead of any earlier revision."""

    function: FunctionVersion


class VersionRetired(Struct, frozen=True):
    """Reports that a version can be asked for no more."""

    key: VersionKey


class ReservedConcurrencySet(Struct, frozen=True):
    """Reports how many invocations of a function may run, and are kept free for the function."""

    name: str
    limit: int | None
    """None lifts the reservation; 0 throttles every request."""


class ProvisionedSet(Struct, frozen=True):
    """Reports how many sandboxes of a version are to be kept initialized, used or not."""

    key: VersionKey
    count: int
    """0 ends provisioned concurrency."""


class FunctionRecycled(Struct, frozen=True):
    """Reports that all sandboxes of a function are to end, as those do that are too old.

    Idle ones end now, others after their work; the next request starts a new one.
    """

    name: str


@final
class InvokeRequested(Struct, frozen=True, gc=False, tag=True, forbid_unknown_fields=True):
    """Reports that a request has come."""

    invocation: str
    """Id of the request; unique for the life of the scheduler."""
    key: VersionKey
    network: Seconds = 0.0
    """Time that the request and its answer spend between the client and the provider's edge."""
    gateway: Seconds = 0.0
    """Time that both spend in API Gateway and in Lambda's front end."""
    alias: str = ""
    """Name of the alias that led to the version, if any; `alias_routing` has chosen the version."""
    tenant: str = ""
    """Tenant whose sandboxes alone may serve; given where the version is isolated by tenant."""


class CallerLeft(Struct, frozen=True):
    """Reports that nobody seems to wait for an invocation's answer, which runs all the same.

    A caller that has closed its side of the connection may still read, and is answered.
    """

    invocation: str


class InitBegan(Struct, frozen=True):
    """Reports that a sandbox is made: its first process runs, and the limit of its init counts."""

    sandbox: int


class SandboxReady(Struct, frozen=True):
    """Reports that a runtime asked for work for the first time since its start or restart."""

    sandbox: int
    anatomy: Anatomy = Anatomy()


class InitFailed(Struct, frozen=True):
    """Reports that a runtime told of an error in its init; `error_type` as the runtime gave it."""

    sandbox: int
    error_type: str = ""


@final
class InvocationAnswered(Struct, frozen=True, gc=False, tag=True, forbid_unknown_fields=True):
    """Reports that a runtime has posted its answer, and will ask for its next work soon."""

    sandbox: int
    invocation: str


class StayedBusy(Struct, frozen=True):
    """Reports that a sandbox will not be free soon: an extension goes on after the runtime."""

    sandbox: int


@final
class InvocationFinished(Struct, frozen=True, gc=False, tag=True, forbid_unknown_fields=True):
    """Reports that a sandbox is free again: runtime and extensions asked for the next event.

    `error_type` is not empty where the handler raised.

    `max_memory_mb` is the peak anonymous memory of the sandbox so far, `throttled` the seconds in
    which its CPU quota was used up during this invocation, in `throttled_periods` CFS periods; 0
    where the backend cannot tell. `memory` is None where nobody looked, or nobody can.
    """

    sandbox: int
    invocation: str
    error_type: str = ""
    max_memory_mb: int = 0
    throttled: Seconds = 0.0
    throttled_periods: int = 0
    memory: MemoryUse | None = None


class RuntimeExited(Struct, frozen=True):
    """Reports that a runtime ended or an extension failed; the sandbox itself is still there.

    An extension that failed has an `error_type`; the usage is as in InvocationFinished.
    """

    sandbox: int
    exit_code: int
    out_of_memory: bool = False
    error_type: str = ""
    max_memory_mb: int = 0
    throttled: Seconds = 0.0
    throttled_periods: int = 0
    memory: MemoryUse | None = None


class SandboxReset(Struct, frozen=True):
    """Reports that nothing runs in a sandbox any more.

    The usage is that of the invocation that a timeout ended.
    """

    sandbox: int
    max_memory_mb: int = 0
    throttled: Seconds = 0.0
    throttled_periods: int = 0
    memory: MemoryUse | None = None


class SandboxGone(Struct, frozen=True):
    """Reports that a sandbox ended: stopped as commanded, or on its own."""

    sandbox: int
    exit_code: int | None = None
    """None where the sandbox was stopped as commanded, or never ran."""
    out_of_memory: bool = False


class HostMemoryMeasured(Struct, frozen=True):
    """Reports how much memory the host has available now, for sandboxes and everything else."""

    available_mb: int


@final
class StemCellReady(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Reports that a stem cell is made, frozen, and waits for a function."""

    cell: int
    memory_mb: int = 0
    """MB that the cell was seen to have; 0: nobody has looked."""


@final
class StemCellGone(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Reports that a stem cell could not be made, or ended though nobody had asked for that."""

    cell: int


@final
class TimePassed(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Reports that a deadline came which the driver had from `next_deadline`."""


SandboxChange = (
    InitBegan | SandboxReady | InitFailed | StayedBusy | RuntimeExited | SandboxReset | SandboxGone
)
"""Events by which a sandbox reports of itself, but for the end of an invocation."""

Setting = (
    VersionDeployed
    | VersionRetired
    | ReservedConcurrencySet
    | ProvisionedSet
    | FunctionRecycled
    | HostMemoryMeasured
    | StemCellReady
    | StemCellGone
)
"""Events that are about no invocation and no sandbox."""

Event = (
    Setting
    | InvokeRequested
    | CallerLeft
    | InvocationAnswered
    | InvocationFinished
    | SandboxChange
    | TimePassed
)
