"""Defines the events that the scheduler is told of and the commands that it answers with.

Events are named in the past tense, commands in the imperative. Knows nothing of who sends or obeys
a message, nor of how a message is written down (`journal`).

Messages are made by the million in a simulation. A Struct is made in a tenth of a frozen
dataclass's time, and is the same otherwise: frozen, equal by its fields, matched by position. What
holds no other message is in no cycle, and none of the garbage collector's business (`gc=False`).
Those of a warm invocation, nearly all of a journal, are tagged by their names, so that msgspec can
read them as they were written, and are final: whether a message is one of them is asked by
`type(message) is`, since `isinstance` takes a Struct's class for one with rules of its own, and ten
times as long to say no.
"""

from __future__ import annotations

from typing import final

from msgspec import Struct

from emulator.core.model import (  # noqa: TC001  # the journal resolves these at run time
    Failure,
    FunctionVersion,
    Seconds,
    StartKind,
    StopReason,
    ThrottleReason,
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


class Anatomy(Struct, frozen=True):
    """Splits the time of a cold start, in seconds on the driver's clock.

    `create` and `start` are what the backend's engine took, `connect` is from the started
    process to its first connection to the Runtime API, `init` from there to the first `next`;
    `other` is what is left of the whole, from the decision to start the sandbox to its readiness.
    """

    create: Seconds = 0.0
    start: Seconds = 0.0
    connect: Seconds = 0.0
    init: Seconds = 0.0
    other: Seconds = 0.0


class JvmUse(Struct, frozen=True, gc=False):
    """Holds a JVM's memory as its last garbage collection left it, and the collections until then.

    Collections count since the sandbox's memory was last looked at; a sandbox's first invocation
    has those of its init.
    """

    heap_mb: int
    """Objects in the heap, in MiB, rounded up."""
    metaspace_mb: int
    """Class metadata, in MiB, rounded up, without that of a shared archive."""
    gc_count: int
    gc_seconds: Seconds
    """Time of those collections, on the driver's clock."""


class MemoryUse(Struct, frozen=True, gc=False):
    """Holds a sandbox's memory at the end of an invocation, and what came from disk until then.

    Faults and refaults count since the sandbox's memory was last looked at: for an invocation
    within 10 ms of the one before they may be that one's too, and a sandbox's first invocation has
    those of its init. Their sum over all invocations is the sandbox's.
    """

    anonymous_mb: int
    """Heaps and stacks, in MiB, rounded up."""
    cache_mb: int
    """Pages of files that the sandbox was the first to touch, those of /tmp included; MiB."""
    major_faults: int
    """Accesses that had to wait for the disk."""
    refaults: int | None = None
    """Pages of files that had been evicted and were read again; None where that is unknown."""
    jvm: JvmUse | None = None
    """What the JVM tells of itself; None without a JVM that does."""


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


class StartSandbox(Struct, frozen=True):
    """Makes a sandbox, assigned from birth: `invocation` is the request that needs the sandbox.

    `invocation` is None for a sandbox of provisioned concurrency, and for a `prewarmed` sandbox,
    which a policy wants ahead of need.
    """

    sandbox: int
    key: VersionKey
    invocation: str | None
    prewarmed: bool = False
    download: Seconds = 0.0
    """Time for which the sandbox has waited for a host that has its function's code."""
    cell: int = 0
    """Stem cell that becomes the sandbox, which is nobody else's from now on; 0: none."""


@final
class Dispatch(Struct, frozen=True, gc=False, tag=True, forbid_unknown_fields=True):
    """Runs an invocation in a sandbox, whose runtime is started first where none runs."""

    sandbox: int
    invocation: str
    start: StartKind


@final
class FreezeSandbox(Struct, frozen=True, gc=False, tag=True, forbid_unknown_fields=True):
    """Freezes a sandbox that has nothing to do."""

    sandbox: int


class ResetSandbox(Struct, frozen=True):
    """Kills all processes of a sandbox and keeps the rest; the next Dispatch starts a runtime."""

    sandbox: int
    failure: Failure


class StopSandbox(Struct, frozen=True):
    """Ends a sandbox."""

    sandbox: int
    reason: StopReason


class Throttle(Struct, frozen=True):
    """Refuses a request."""

    invocation: str
    reason: ThrottleReason


class Fail(Struct, frozen=True):
    """Answers a request whose handler gave no answer."""

    invocation: str
    failure: Failure
    sandbox: int
    exit_code: int | None = None


@final
class MakeStemCell(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Makes a sandbox of no function whose runtime is started, and freezes that."""

    cell: int
    runtime: str


@final
class StopStemCell(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Ends a stem cell, made or not: its memory is needed, or no version has its runtime."""

    cell: int


RareCommand = (
    StartSandbox | ResetSandbox | StopSandbox | Throttle | Fail | MakeStemCell | StopStemCell
)
"""Commands that a warm invocation does not bring."""

Command = Dispatch | FreezeSandbox | RareCommand
