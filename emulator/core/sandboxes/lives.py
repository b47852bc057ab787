"""Decides how each sandbox's life goes on: after its start, its invocations, and what failed in it.

- An event about a sandbox or an invocation that is no longer there is ignored. A response can
  cross a timeout, and an exit can cross a stop.
- A failure resets a sandbox and does not end it. Where the init failed or took too long, the
  request that waits for the sandbox is dispatched all the same after the reset, and init runs
  again as a part of that invocation, under the function's timeout. Where an invocation failed, the
  next one on that sandbox starts with an init (a suppressed one, as no log line tells of it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from emulator.core.messages.commands import Fail
from emulator.core.messages.events import (
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    RuntimeExited,
    SandboxChange,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    StayedBusy,
)
from emulator.core.model import Failure, Sandbox, SandboxState, Seconds, StartKind, StopReason
from emulator.core.sandboxes.requests import first_start_kind, start_kind

if TYPE_CHECKING:
    from emulator.core.sandboxes.moves import Moves
    from emulator.core.sandboxes.requests import Requests

# What every invocation asks for: a member of an enum is looked up anew at each mention.
_BUSY: Final = SandboxState.BUSY


class Lives:
    """Takes each sandbox from its first init to its end."""

    def __init__(self, moves: Moves, requests: Requests, *, binds_late: bool) -> None:
        self._moves = moves
        self._requests = requests
        self._binds_late = binds_late
        # looked at with every invocation
        self._sandboxes = moves.sandboxes
        self._room = moves.room
        self._policy = moves.policy
        self._provisioning = moves.provisioning
        self._waiters = requests.waiters

    def apply(self, event: SandboxChange, now: Seconds) -> None:
        """Decides on what has happened to a sandbox."""
        sandbox = self._sandboxes.get(event.sandbox)
        if sandbox is None:
            return
        match event:
            case InitBegan():
                self._on_init_began(sandbox, now)
            case SandboxReady():
                self._on_ready(sandbox, now)
            case InitFailed():
                self._on_breakdown(sandbox, Failure.INIT_ERROR, None, now)
            case StayedBusy():
                self._requests.give_up_on(sandbox)
            case RuntimeExited():
                self._room.observe(sandbox, event.max_memory_mb)
                failure = Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
                self._on_breakdown(sandbox, failure, event.exit_code, now)
            case SandboxReset():
                self._room.observe(sandbox, event.max_memory_mb)
                self._on_reset(sandbox, now)
            case SandboxGone():
                self._on_gone(sandbox, event)
            case _:
                assert_never(event)

    def _on_init_began(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.state is SandboxState.STARTING:
            self._moves.begin_init(sandbox, now)

    def _on_ready(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.state is _BUSY:
            sandbox.initialized = True  # again, within its invocation
        elif sandbox.state is SandboxState.STARTING:
            self._moves.end_start(sandbox)
            self._serve_own_request(sandbox, now)

    def _serve_own_request(self, sandbox: Sandbox, now: Seconds) -> None:
        """Gives a started sandbox its own request, or lets the sandbox rest."""
        start = first_start_kind(sandbox)
        if sandbox.invocation is None or self._requests.may_move(sandbox):
            self._take_waiting_or_rest(sandbox, start, now)
        else:
            self._moves.dispatch(sandbox, sandbox.invocation, start, now)

    def answered(self, event: InvocationAnswered, now: Seconds) -> None:
        """Counts on a sandbox that has answered, and will ask for work soon."""
        sandbox = self._sandboxes.get(event.sandbox)
        if (
            sandbox is not None
            and sandbox.state is _BUSY
            and sandbox.invocation == event.invocation
            and self._reason_to_stop(sandbox, now) is None
        ):
            self._requests.expect(sandbox, now)

    def finished(self, event: InvocationFinished, now: Seconds) -> None:
        """Gives a sandbox whose work is done the next request; else stops it, or lets it rest."""
        sandbox = self._sandboxes.get(event.sandbox)
        if sandbox is None or sandbox.state is not _BUSY or sandbox.invocation != event.invocation:
            return
        self._room.observe(sandbox, event.max_memory_mb)
        self._requests.release(sandbox)
        # its timeout is over, and whatever comes next sets another deadline or cancels this one
        self._take_waiting_or_rest(sandbox, start_kind(sandbox), now)

    def _take_waiting_or_rest(self, sandbox: Sandbox, start: StartKind, now: Seconds) -> None:
        """Gives a sandbox without work a request that waits; else stops it, or lets it rest."""
        reason = self._reason_to_stop(sandbox, now)
        waiting = self._requests.take_late(sandbox) if self._binds_late else None
        if waiting is None and reason is None:
            waiting = self._requests.take_next(sandbox, now)
        if waiting is not None:
            self._moves.dispatch(sandbox, waiting, start, now)
        elif reason is not None:
            self._moves.stop(sandbox, reason)
        else:
            self._rest(sandbox, now)

    def _reason_to_stop(self, sandbox: Sandbox, now: Seconds) -> StopReason | None:
        """Returns why a sandbox without work is not kept; None where the sandbox is kept."""
        if sandbox.retired:
            return StopReason.RETIRED
        if sandbox.provisioned and self._provisioning.surplus(sandbox.function.key) > 0:
            return StopReason.DEPROVISIONED
        if sandbox.keep_alive <= 0:
            return StopReason.KEEP_ALIVE_ENDED
        return StopReason.RECYCLED if sandbox.recycle_at <= now else None

    def _rest(self, sandbox: Sandbox, now: Seconds) -> None:
        """Lets a sandbox be idle, unless the policy keeps none; who waits may take it at once."""
        if self._policy is not None and not sandbox.provisioned:
            keep = self._policy.keep_alive(sandbox)
            if keep is not None:
                sandbox.keep_alive = keep
                if keep <= 0:
                    self._moves.stop(sandbox, StopReason.KEEP_ALIVE_ENDED)
                    return
        self._moves.rest(sandbox, now)
        if self._waiters:
            self._requests.place_oldest(sandbox.pool, now)

    # failures

    def expire(self, sandbox: Sandbox, now: Seconds) -> None:
        """Ends what a sandbox's deadline was for: idle time, an invocation, an init or a start."""
        match sandbox.state:
            case SandboxState.IDLE:
                old = sandbox.recycle_at < sandbox.idle_since + sandbox.keep_alive
                if not old and self._stays_on(sandbox, now):
                    return
                reason = StopReason.RECYCLED if old else StopReason.KEEP_ALIVE_ENDED
                self._moves.stop_idle(sandbox, reason)
            case SandboxState.BUSY:
                self._fail(sandbox, Failure.TIMEOUT)
                self._reset(sandbox, Failure.TIMEOUT, now)
            case SandboxState.STARTING if sandbox.init_began:
                self._init_again(sandbox, Failure.INIT_TIMEOUT, now)
            case SandboxState.STARTING:
                self._fail(sandbox, Failure.START_FAILED)
                self._room.start_is_over(sandbox)
                self._moves.stop(sandbox, StopReason.START_TIMED_OUT, failed=True)
            case SandboxState.QUEUED:
                sandbox.placed = True
                self._room.enqueue(sandbox)
            case SandboxState.RESETTING | SandboxState.STOPPING | SandboxState.GONE:
                raise AssertionError(f"sandbox {sandbox.id} has a deadline in {sandbox.state}")
            case _:
                assert_never(sandbox.state)

    def _stays_on(self, sandbox: Sandbox, now: Seconds) -> bool:
        """Asks a policy whether an idle sandbox whose time is over is kept for longer."""
        if self._policy is None:
            return False
        more = self._policy.extension(sandbox)
        if more > 0:
            self._moves.extend_rest(sandbox, more, now)
        return more > 0

    def _on_breakdown(
        self, sandbox: Sandbox, failure: Failure, exit_code: int | None, now: Seconds
    ) -> None:
        match sandbox.state:
            case SandboxState.STARTING:
                self._init_again(sandbox, failure, now)
            case SandboxState.BUSY:
                self._fail(sandbox, failure, exit_code)
                self._reset(sandbox, failure, now)
            case SandboxState.IDLE:
                self._moves.end_rest(sandbox)
                self._reset(sandbox, failure, now)
            case _:
                pass

    def _init_again(self, sandbox: Sandbox, failure: Failure, now: Seconds) -> None:
        """Resets a sandbox whose request waits for one more init; stops any other."""
        self._room.start_is_over(sandbox)
        if sandbox.invocation is not None:
            self._reset(sandbox, failure, now)
            return
        timed_out = failure is Failure.INIT_TIMEOUT
        reason = StopReason.INIT_TIMED_OUT if timed_out else StopReason.INIT_FAILED
        self._moves.stop(sandbox, reason, failed=True)

    def _reset(self, sandbox: Sandbox, failure: Failure, now: Seconds) -> None:
        reason = self._reason_to_stop(sandbox, now) if sandbox.invocation is None else None
        if reason is None:
            self._moves.reset(sandbox, failure)
        else:
            self._moves.stop(sandbox, reason)

    def _on_reset(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.state is not SandboxState.RESETTING:
            return
        if sandbox.invocation is not None:
            self._serve_own_request(sandbox, now)
        else:
            self._take_waiting_or_rest(sandbox, StartKind.SUPPRESSED, now)

    def _fail(self, sandbox: Sandbox, failure: Failure, exit_code: int | None = None) -> None:
        """Fails the request that the sandbox runs, or was started for if that still waits."""
        invocation = sandbox.invocation
        if invocation is not None:
            self._requests.fail(sandbox)
            self._moves.commands.append(Fail(invocation, failure, sandbox.id, exit_code))

    # endings

    def _on_gone(self, sandbox: Sandbox, event: SandboxGone) -> None:
        if sandbox.state is SandboxState.QUEUED:
            return
        if sandbox.state is SandboxState.STARTING:
            self._room.start_is_over(sandbox)
        if sandbox.state is SandboxState.IDLE:
            self._moves.end_rest(sandbox)
        if sandbox.state is not SandboxState.STOPPING:
            self._fail(sandbox, _failure_of_gone(event), event.exit_code)
            self._moves.end_unasked(sandbox)
        self._moves.end(sandbox)


def _failure_of_gone(event: SandboxGone) -> Failure:
    if event.exit_code is None:
        return Failure.START_FAILED
    return Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
