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
)


@dataclass(frozen=True, slots=True)
class VersionDeployed:
    function: FunctionVersion


@dataclass(frozen=True, slots=True)
class VersionRetired:
    key: str


@dataclass(frozen=True, slots=True)
class ReservedConcurrencySet:
    name: str
    limit: int | None
    """None lifts the reservation; 0 throttles every request."""


@dataclass(frozen=True, slots=True)
class InvokeRequested:
    invocation: str
    """The request id; unique for the life of the scheduler."""
    key: str


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Where a cold start's time went, in seconds on the driver's clock.

    `create` and `start` are what the backend's engine took, `connect` is from the started
    process to its first connection to the Runtime API, `init` from there to the first `next`.
    """

    create: Seconds = 0.0
    start: Seconds = 0.0
    connect: Seconds = 0.0
    init: Seconds = 0.0


@dataclass(frozen=True, slots=True)
class SandboxReady:
    sandbox: int
    anatomy: Anatomy = Anatomy()


@dataclass(frozen=True, slots=True)
class InitFailed:
    sandbox: int
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class InvocationFinished:
    """The runtime posted its response, or an error of its handler (`error_type` not empty)."""

    sandbox: int
    invocation: str
    error_type: str = ""
    max_memory_mb: int = 0
    """Peak anonymous memory of the sandbox so far; 0 where the backend cannot tell."""


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


Event = (
    VersionDeployed
    | VersionRetired
    | ReservedConcurrencySet
    | InvokeRequested
    | SandboxReady
    | InitFailed
    | InvocationFinished
    | SandboxGone
    | TimePassed
)


@dataclass(frozen=True, slots=True)
class StartSandbox:
    """A sandbox is born assigned: `invocation` is the request that it is started for."""

    sandbox: int
    key: str
    invocation: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    sandbox: int
    invocation: str
    start: StartKind


@dataclass(frozen=True, slots=True)
class FreezeSandbox:
    sandbox: int


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


Command = StartSandbox | Dispatch | FreezeSandbox | StopSandbox | Throttle | Fail
