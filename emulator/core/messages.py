"""What the scheduler is told (events, past tense) and what it decides (commands, imperative)."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.core.model import (  # noqa: TC001  # the journal resolves these at run time
    Failure,
    FunctionVersion,
    Seconds,
    StartKind,
    StopReason,
    ThrottleReason,
    VersionKey,
)


@dataclass(frozen=True, slots=True)
class VersionDeployed:
    function: FunctionVersion


@dataclass(frozen=True, slots=True)
class VersionRetired:
    key: VersionKey


@dataclass(frozen=True, slots=True)
class ReservedConcurrencySet:
    name: str
    limit: int | None
    """None lifts the reservation; 0 throttles every request."""


@dataclass(frozen=True, slots=True)
class ProvisionedSet:
    """Sandboxes of this version to be kept initialized, used or not; 0 ends it."""

    key: VersionKey
    count: int


@dataclass(frozen=True, slots=True)
class InvokeRequested:
    invocation: str
    """The request id; unique for the life of the scheduler."""
    key: VersionKey


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Where a cold start's time went, in seconds on the driver's clock.

    `create` and `start` are what the backend's engine took, `connect` is from the started
    process to its first connection to the Runtime API, `init` from there to the first `next`;
    `other` is what is left of the whole, from the decision to start the sandbox to its readiness.
    """

    create: Seconds = 0.0
    start: Seconds = 0.0
    connect: Seconds = 0.0
    init: Seconds = 0.0
    other: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class InitBegan:
    """The sandbox is made and its first process runs: the init phase's limit counts from here."""

    sandbox: int


@dataclass(frozen=True, slots=True)
class SandboxReady:
    """Its runtime asked for work for the first time since it was started, or started again."""

    sandbox: int
    anatomy: Anatomy = Anatomy()


@dataclass(frozen=True, slots=True)
class InitFailed:
    sandbox: int
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class InvocationAnswered:
    """The runtime has posted its answer, and will ask for its next work soon."""

    sandbox: int
    invocation: str


@dataclass(frozen=True, slots=True)
class StayedBusy:
    """The runtime asked for work, and an extension is not done: the sandbox is not free soon."""

    sandbox: int


@dataclass(frozen=True, slots=True)
class InvocationFinished:
    """The runtime has answered, with `error_type` not empty where its handler raised, and it and
    all extensions have asked for the next event.

    `max_memory_mb` is the peak anonymous memory of the sandbox so far, `throttled` the seconds in
    which its CPU quota was used up during this invocation, in `throttled_periods` CFS periods; 0
    where the backend cannot tell.
    """

    sandbox: int
    invocation: str
    error_type: str = ""
    max_memory_mb: int = 0
    throttled: Seconds = 0.0
    throttled_periods: int = 0


@dataclass(frozen=True, slots=True)
class RuntimeExited:
    """The runtime ended, or an extension failed; the sandbox itself is still there.

    An extension that failed has an `error_type`; the usage is as in InvocationFinished.
    """

    sandbox: int
    exit_code: int
    out_of_memory: bool = False
    error_type: str = ""
    max_memory_mb: int = 0
    throttled: Seconds = 0.0
    throttled_periods: int = 0


@dataclass(frozen=True, slots=True)
class SandboxReset:
    """Nothing runs in it any more; the usage is that of the invocation that a timeout ended."""

    sandbox: int
    max_memory_mb: int = 0
    throttled: Seconds = 0.0
    throttled_periods: int = 0


@dataclass(frozen=True, slots=True)
class SandboxGone:
    """The sandbox ended: stopped as commanded, or on its own."""

    sandbox: int
    exit_code: int | None = None
    """None where it was stopped as commanded, or never ran."""
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The driver's answer to `next_deadline`."""


SandboxChange = (
    InitBegan | SandboxReady | InitFailed | StayedBusy | RuntimeExited | SandboxReset | SandboxGone
)
"""Events by which a sandbox reports of itself, but for the end of an invocation."""

Event = (
    VersionDeployed
    | VersionRetired
    | ReservedConcurrencySet
    | ProvisionedSet
    | InvokeRequested
    | InvocationAnswered
    | InvocationFinished
    | SandboxChange
    | TimePassed
)


@dataclass(frozen=True, slots=True)
class StartSandbox:
    """A sandbox is born assigned: `invocation` is the request that it is started for.

    None where it is one of provisioned concurrency.
    """

    sandbox: int
    key: VersionKey
    invocation: str | None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The sandbox runs the invocation, from now; its runtime is started first where none runs."""

    sandbox: int
    invocation: str
    start: StartKind


@dataclass(frozen=True, slots=True)
class FreezeSandbox:
    sandbox: int


@dataclass(frozen=True, slots=True)
class ResetSandbox:
    """Kills all that runs in it and keeps the rest: the next Dispatch starts the runtime again."""

    sandbox: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class StopSandbox:
    sandbox: int
    reason: StopReason


@dataclass(frozen=True, slots=True)
class Throttle:
    invocation: str
    reason: ThrottleReason


@dataclass(frozen=True, slots=True)
class Fail:
    invocation: str
    failure: Failure
    sandbox: int
    exit_code: int | None = None


Command = StartSandbox | Dispatch | FreezeSandbox | ResetSandbox | StopSandbox | Throttle | Fail
