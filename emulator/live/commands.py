"""Carries the scheduler's commands out: invocations here, lives of sandboxes by `SandboxLives`."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, assert_never

from emulator.core.failure_bodies import failure_body
from emulator.core.messages.commands import (
    Command,
    Dispatch,
    Fail,
    FreezeSandbox,
    MakeStemCell,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
    StopStemCell,
    Throttle,
)
from emulator.core.messages.events import Event, RuntimeExited
from emulator.core.model import ThrottleReason
from emulator.live.runtime_api.interface import Work
from emulator.live.sandbox.lifecycle import Phase

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.core.profile import Profile
    from emulator.live.clock import LoopClock
    from emulator.live.invocation import Call, Outcome
    from emulator.live.open_invocations import OpenInvocations
    from emulator.live.platform_logger import PlatformLogger
    from emulator.live.sandbox.live_sandbox import LiveSandbox
    from emulator.live.sandbox_lives import SandboxLives
    from emulator.live.stem_cells import StemCellKeeper

log = logging.getLogger(__name__)


class Commands:
    """Performs commands, at once (a dispatch, a freeze) or by a task of the sandbox's."""

    def __init__(
        self,
        lives: SandboxLives,
        invocations: OpenInvocations,
        stem_cells: StemCellKeeper,
        *,
        clock: LoopClock,
        logger: PlatformLogger,
        profile: Profile,
        freeze_grace: float,
    ) -> None:
        self._lives = lives
        self._sandboxes = lives.sandboxes
        self._invocations = invocations
        self._stem_cells = stem_cells
        self._clock = clock
        self._logger = logger
        self._profile = profile
        self._freeze_grace = freeze_grace
        self._undispatched: dict[asyncio.Future[Outcome], str] = {}
        """Request ids by outcome, of invocations that have no sandbox yet."""
        self._failures: list[tuple[LiveSandbox, Callable[[], None]]] = []
        """Failed calls of the commands that are being performed, and what tells their callers."""

    def accepted(self, call: Call) -> None:
        """Takes a call whose request was told to the scheduler."""
        if call.sandbox is None and not call.outcome.done():
            self._undispatched[call.outcome] = call.request_id

    def undispatched(self, outcome: asyncio.Future[Outcome]) -> str | None:
        """Returns the request id of an invocation that has no sandbox yet, once; else None."""
        return self._undispatched.pop(outcome, None)

    def perform(self, command: Command, cause: Event) -> None:
        """Carries a command out, or begins to; `cause` is the event that the command followed."""
        match command:
            case Dispatch():
                self._dispatch(command)
            case FreezeSandbox(sandbox):
                self._sandboxes[sandbox].freeze_after(self._freeze_grace)
            case StartSandbox():
                self._lives.start(command)
            case ResetSandbox():
                self._lives.reset(command)
            case StopSandbox():
                self._lives.stop(command)
            case Throttle(invocation, reason):
                self._throttle(invocation, reason)
            case Fail():
                self._fail(command, cause)
            case MakeStemCell():
                self._stem_cells.make(command)
            case StopStemCell(cell):
                self._stem_cells.stop(cell)
            case _:
                assert_never(command)

    def performed(self) -> None:
        """Tells callers of failures, after the reset if any: their next may need the sandbox."""
        while self._failures:
            sandbox, tell = self._failures.pop()
            if sandbox.life.phase is Phase.RESETTING:
                self._lives.tell_after_reset(sandbox, tell)
            else:
                tell()

    def _dispatch(self, command: Dispatch) -> None:
        sandbox = self._sandboxes[command.sandbox]
        deadline = self._clock.now() + sandbox.configuration.timeout
        call = self._invocations.dispatched(
            command.invocation, command.start, command.sandbox, deadline
        )
        if self._undispatched:
            self._undispatched.pop(call.outcome, None)
        sandbox.dispatch(
            Work(
                call.request_id,
                self._logger.epoch_ms(deadline),
                call.arn,
                call.payload,
                call.trace_id,
                call.client_context,
                call.tenant,
            )
        )

    def _throttle(self, invocation: str, reason: ThrottleReason) -> None:
        if reason is ThrottleReason.HOST_MEMORY:
            log.warning(
                "throttled %s: this host's memory for sandboxes is full (--host-memory)", invocation
            )
        else:
            log.info("throttled %s: %s", invocation, reason)
        call = self._invocations.throttled(invocation, reason)
        self._undispatched.pop(call.outcome, None)

    def _fail(self, command: Fail, cause: Event) -> None:
        call = self._invocations.failed(command.invocation, command.sandbox)
        if call is None:
            return
        self._undispatched.pop(call.outcome, None)
        sandbox = self._sandboxes[command.sandbox]
        error_type = ""
        if isinstance(cause, RuntimeExited) and cause.sandbox == command.sandbox:
            error_type = cause.error_type
        body = sandbox.runtime.init_error_body or failure_body(
            self._profile,
            command.failure,
            call.request_id,
            sandbox.configuration.timeout,
            exit_code=command.exit_code,
            timestamp=self._logger.iso_time(self._clock.now()),
            error_type=error_type,
        )
        log.info("failed %s on sandbox %d: %s", call.request_id, sandbox.id, command.failure)
        restore = sandbox.restore_failure if call.start is None else None
        tell = partial(call.settle, body, "Unhandled", command.failure, restore_failure=restore)
        self._failures.append((sandbox, tell))
