"""Decides which sandbox serves which request, and when sandboxes start, freeze and stop.

The scheduler is told of events and answers with commands; it does nothing else. Whoever drives it
applies the commands and reports back. The same events at the same times with the same chance give
the same commands, whether the driver is the simulator or the live engine.

Here stands who decides on each event, and in which order. The deciders stand in `sandboxes`:
`requests` finds each request a place, `lives` takes each sandbox from its init to its end,
`ahead_of_need` keeps sandboxes ready, `settings` changes versions and limits, and `moves` carries
each move out with all the accounts that change by the move.

Written down on purpose:

- Deadlines that are due are handled before the event that comes at or after them, so a late
  timer changes nothing: a response after its timeout is late however slow the driver was.
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

from typing import TYPE_CHECKING

from emulator.core.hand_over import HandOvers
from emulator.core.messages.events import (
    CallerLeft,
    Event,
    FunctionRecycled,
    HostMemoryMeasured,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    SandboxChange,
    Setting,
    StemCellGone,
    StemCellReady,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import FunctionVersion, PoolKey, Sandbox, Seconds, VersionKey
from emulator.core.policy import Admission, Chance, SchedulerSettings
from emulator.core.provisioning import Provisioned
from emulator.core.sandboxes.ahead_of_need import AheadOfNeed
from emulator.core.sandboxes.cells import REFILL
from emulator.core.sandboxes.invariants import check_accounts
from emulator.core.sandboxes.lives import Lives
from emulator.core.sandboxes.moves import Moves
from emulator.core.sandboxes.requests import Requests
from emulator.core.sandboxes.settings import Settings
from emulator.core.sandboxes.waiting import LateBinding, Unhurried
from emulator.core.tenancy import tenant_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.messages.commands import Command


class UnknownVersionError(Exception):
    """Reports a request for a version that is not deployed; drivers check before they ask."""


class TenantError(Exception):
    """Reports a request without a tenant where one is needed, or with one where none is known."""


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
        self._lives = Lives(moves, self._requests, binds_late=late.is_on)
        # looked at with every event
        self._sandboxes = moves.sandboxes
        self._deadlines = moves.deadlines
        self._room = moves.room
        self._policy = moves.policy
        self._provisioning = moves.provisioning
        self._stems = moves.cells.pool
        self._outnumbered = hand_overs.outnumbered
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
        function = self._asked_for(event) if type(event) is InvokeRequested else None
        commands: list[Command] = []
        self._moves.commands = commands
        if self._policy is not None:
            self._policy.tell_time(now)
        if self._deadlines.may_come_by(now):
            self._handle_due(now)
        if type(event) is InvocationFinished:  # what every invocation brings stands first
            self._lives.finished(event, now)
        elif type(event) is InvokeRequested:
            assert function is not None, "it was found above"
            pool: PoolKey = function.key
            if event.tenant:
                pool = PoolKey.of_tenant(function.key, event.tenant)
            self._requests.come(event.invocation, function, pool, now)
        elif type(event) is InvocationAnswered:
            self._lives.answered(event, now)
        elif type(event) is not TimePassed:
            self._on_rare(event, now)
        self._settle(now)
        return commands

    def _asked_for(self, event: InvokeRequested) -> FunctionVersion:
        """Returns the version that a request asks for; see `handle` for what is raised."""
        function = self._versions.get(event.key)
        if function is None:
            raise UnknownVersionError(event.key)
        if event.tenant or function.per_tenant:
            fault = tenant_fault(event.tenant, per_tenant=function.per_tenant)
            if fault:
                raise TenantError(fault)
        return function

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
                self._lives.apply(event, now)

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
            self._moves.commands += self._moves.cells.refill(now)

    def _handle_due(self, now: Seconds) -> None:
        while (due := self._deadlines.pop_due(now)) is not None:
            if isinstance(due, str):
                self._requests.end_wait(due, now)
            elif isinstance(due, tuple):
                if due != REFILL and self._policy is not None:
                    self._policy.woken(due[0])
            else:
                self._lives.expire(self._sandboxes[due], now)
        self._requests.place_outnumbered(now)

    def check(self) -> None:
        """Checks that all indexes and counters agree with the sandboxes; O(everything).

        Raises:
            AssertionError: with a sentence; there is a bug in the scheduler.
        """
        check_accounts(self._moves)
        self._requests.check(self._versions)
