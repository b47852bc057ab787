"""Defines the commands that the scheduler answers with, each named in the imperative."""

from __future__ import annotations

from typing import final

from msgspec import Struct

from emulator.core.model import (  # noqa: TC001  # the journal resolves these at run time
    Failure,
    Seconds,
    StartKind,
    StopReason,
    ThrottleReason,
    VersionKey,
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
