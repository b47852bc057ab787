"""Decides which sandbox serves which request, and when sandboxes start, freeze and stop.

The scheduler is told of events and answers with commands; it does nothing else. Whoever drives it
applies the commands and reports back. The same events at the same times with the same chance give
the same commands, whether the driver is the simulator or the live engine.

Here stands what follows from each event: the life of a sandbox, from its first init to its end. Its
parts stand in `sandboxes`: `requests` finds each request a place, `ahead_of_need` keeps sandboxes
ready, and `moves` carries each move out with all the accounts that change by the move.

Written down on purpose:

- Deadlines that are due are handled before the event that comes at or after them, so a late
  timer changes nothing: a response after its timeout is late however slow the driver was.
- An event about a sandbox or an invocation that is no longer there is ignored. A response can
  cross a timeout, and an exit can cross a stop.
- A failure resets a sandbox and does not end it. Where the init failed or took too long, the
  request that waits for the sandbox is dispatched all the same after the reset, and init runs
  again as a part of that invocation, under the function's timeout. Where an invocation failed, the
  next one on that sandbox starts with an init (a suppressed one, as no log line tells of it).
- A policy hears of a sandbox's moves where they are carried out. Without a policy no hook is
  called, and an idle sandbox lives for the lifetime that was drawn for it.
- A caller has its answer before the sandbox is free. A request that comes in between may wait a
  moment for that sandbox (`hand_over`), instead of starting another one.
- A request runs though its caller has left, as on AWS. While its sandbox is queued, which is this
  host's need and none of AWS's, those go first whose callers wait, and a sandbox that comes free
  takes the request (`CallerLeft`). Where a start has not begun for longer than any start takes on
  AWS, a sandbox that comes free takes the request too, whatever the binding (`queue_patience`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from emulator.core.hand_over import HandOvers
from emulator.core.messages import (
    CallerLeft,
    Command,
    Event,
    Fail,
    FunctionRecycled,
    HostMemoryMeasured,
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    RuntimeExited,
    SandboxChange,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    Setting,
    StayedBusy,
    StemCellGone,
    StemCellReady,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import (
    Failure,
    FunctionVersion,
    PoolKey,
    Sandbox,
    SandboxState,
    Seconds,
    StartKind,
    StopReason,
    VersionKey,
)
from emulator.core.policy import Admission, Chance, SchedulerSettings
from emulator.core.provisioning import Provisioned
from emulator.core.sandboxes.ahead_of_need import AheadOfNeed
from emulator.core.sandboxes.invariants import check_accounts
from emulator.core.sandboxes.moves import REFILL, Moves
from emulator.core.sandboxes.requests import Requests, first_start_kind, start_kind
from emulator.core.sandboxes.settings import Settings
from emulator.core.sandboxes.waiting import LateBinding, Unhurried
from emulator.core.tenancy import tenant_fault

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnknownVersionError(Exception):
    """Reports a request for a version that is not deployed; drivers check before they ask."""


class TenantError(Exception):
    """Reports a request without a tenant where one is needed, or with one where none is known."""


# What every invocation asks for: a member of an enum is looked up anew at each mention.
_BUSY: Final = SandboxState.BUSY


class Scheduler:
    """Decides about all requests and sandboxes of one host.

    `handle` is the only method that changes anything. Its `now` must never go back from one call
    to the next.
    """

    def __init__(self, settings: SchedulerSettings, chance: Chance) -> None:
        self._versions: dict[VersionKey, FunctionVersion] = {}
        late, unhurried, hand_overs = LateBinding(settings.binding), Unhurried(), HandOvers()
        moves = Moves(settings, chance, late, unhurried, hand_overs)
        self._moves = moves
        self._requests = Requests(
            settings,
            self._versions,
            moves,
            late=late,
            unhurried=unhurried,
            hand_overs=hand_overs,
        )
        self._ahead = AheadOfNeed(self._versions, moves, self._requests.concurrency)
        self._settings = Settings(self._versions, moves, self._requests, self._ahead)
        # looked at with every event
        self._sandboxes = moves.sandboxes
        self._deadlines = moves.deadlines
        self._room = moves.room
        self._policy = moves.policy
        self._provisioning = moves.provisioning
        self._stems = moves.stems
        self._outnumbered = hand_overs.outnumbered
        self._is_late = late.is_on
        self._is_actual = settings.admission is Admission.ACTUAL

    @property
    def sandboxes(self) -> Mapping[int, Sandbox]:
        """Returns every sandbox that is not gone, by id; to be read, never changed."""
        return self._sandboxes

    @property
    def versions(self) -> Mapping[VersionKey, FunctionVersion]:
        """Returns every deployed version, by key; to be read, never changed."""
        return self._versions

    def provisioned(self, key: VersionKey) -> Provisioned:
        """Returns what stands ready of a version's provisioned concurrency."""
        members = self._provisioning.members(key)
        ready = [number for number in members if self._sandboxes[number].initialized]
        return Provisioned(len(ready), self._provisioning.given_up(key))

    def next_deadline(self) -> Seconds | None:
        """Returns when `TimePassed` is due; None where nothing is due before the next event."""
        return self._deadlines.next()

    def may_be_due(self, at: Seconds) -> bool:
        """Returns whether `next_deadline` may be at or before a time; False is certain, and cheap.

        A driver need not ask for the deadline then, as after most events it need not.
        """
        return self._deadlines.may_come_by(at)

    def handle(self, event: Event, now: Seconds) -> list[Command]:
        """Decides on one event, after all deadlines that are due.

        Returns:
            The commands, in the order in which they must be applied.

        Raises:
            UnknownVersionError: the event is a request for a version that is not deployed;
                nothing was changed.
            TenantError: the event is a request that names no tenant though its version is isolated
                by tenant, or the other way round; nothing was changed.
        """
        pool: PoolKey | None = None
        if type(event) is InvokeRequested:
            function = self._versions.get(event.key)
            if function is None:
                raise UnknownVersionError(event.key)
            pool = function.key
            if event.tenant or function.per_tenant:
                pool = _tenants_pool(event.tenant, function)
        commands: list[Command] = []
        self._moves.commands = commands
        if self._policy is not None:
            self._policy.tell_time(now)
        if self._deadlines.may_come_by(now):
            self._handle_due(now)
        if type(event) is InvocationFinished:  # what every invocation brings stands first
            self._on_finished(event, now)
        elif type(event) is InvokeRequested:
            assert pool is not None, "it was found above"
            self._requests.come(event.invocation, self._versions[event.key], pool, now)
        elif type(event) is InvocationAnswered:
            self._on_answered(event, now)
        elif type(event) is not TimePassed:
            self._on_rare(event, now)
        self._settle(now)
        return commands

    def _on_rare(self, event: CallerLeft | Setting | SandboxChange, now: Seconds) -> None:
        """Decides on what a warm invocation does not bring."""
        match event:
            case CallerLeft(invocation):
                self._requests.caller_left(invocation)
            case (
                VersionDeployed()
                | VersionRetired()
                | ReservedConcurrencySet()
                | ProvisionedSet()
                | FunctionRecycled()
                | HostMemoryMeasured()
                | StemCellReady()
                | StemCellGone()
            ):
                self._settings.apply(event, now)
            case _:
                self._on_change(event, now)

    def _settle(self, now: Seconds) -> None:
        """Does what may have become possible or due by an event; after most there is nothing."""
        if self._outnumbered:
            self._requests.place_outnumbered(now)
        if self._is_actual or self._stems.held_mb:
            self._moves.relieve(now, evicting=self._is_actual)
        if self._policy is not None and self._policy.has_orders():
            self._ahead.obey(self._policy, now)
        if self._provisioning.may_be_short:
            self._ahead.top_up(now)
        if self._room.queue or self._room.behind:
            self._moves.start_queued(now)
        if self._stems.may_be_short:
            self._moves.refill(now)

    def _handle_due(self, now: Seconds) -> None:
        while (due := self._deadlines.pop_due(now)) is not None:
            if isinstance(due, str):
                self._requests.end_wait(due, now)
            elif isinstance(due, tuple):
                if due != REFILL and self._policy is not None:
                    self._policy.woken(due[0])
            else:
                self._expire(self._sandboxes[due], now)
        self._requests.place_outnumbered(now)

    def _on_change(self, event: SandboxChange, now: Seconds) -> None:
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

    # the life of a sandbox

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

    def _on_answered(self, event: InvocationAnswered, now: Seconds) -> None:
        sandbox = self._sandboxes.get(event.sandbox)
        if (
            sandbox is not None
            and sandbox.state is _BUSY
            and sandbox.invocation == event.invocation
            and self._reason_to_stop(sandbox, now) is None
        ):
            self._requests.expect(sandbox, now)

    def _on_finished(self, event: InvocationFinished, now: Seconds) -> None:
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
        waiting = self._requests.take_late(sandbox) if self._is_late else None
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
        self._requests.place_oldest(sandbox.pool, now)

    # failures

    def _expire(self, sandbox: Sandbox, now: Seconds) -> None:
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

    def check(self) -> None:
        """Checks that all indexes and counters agree with the sandboxes; O(everything).

        Raises:
            AssertionError: with a sentence; there is a bug in the scheduler.
        """
        check_accounts(self._moves)
        self._requests.check(self._versions)


def _tenants_pool(tenant: str, function: FunctionVersion) -> PoolKey:
    """Returns the pool of a tenant's requests.

    Raises:
        TenantError: the function is asked for without its tenant, or with one in vain.
    """
    if fault := tenant_fault(tenant, per_tenant=function.per_tenant):
        raise TenantError(fault)
    return PoolKey.of_tenant(function.key, tenant)


def _failure_of_gone(event: SandboxGone) -> Failure:
    if event.exit_code is None:
        return Failure.START_FAILED
    return Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
