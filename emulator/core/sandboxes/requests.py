"""Finds each request a place: a sandbox that is idle, free in a moment or new; or throttles it.

Owns the requests that wait, and the limits that requests meet. The life of sandboxes is not decided
here: what comes free or ends, `lives` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.concurrency import Concurrency, ScaleOutLimit
from emulator.core.messages.commands import Throttle
from emulator.core.model import SandboxState, StartKind, ThrottleReason
from emulator.core.policy import PickOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.hand_over import HandOvers
    from emulator.core.model import FunctionVersion, PoolKey, Sandbox, Seconds, VersionKey
    from emulator.core.policy import SchedulerSettings
    from emulator.core.sandboxes.moves import Moves
    from emulator.core.sandboxes.waiting import LateBinding, Unhurried

# What every invocation asks for: a member of an enum is looked up anew at each mention.
_BUSY: Final = SandboxState.BUSY
_WARM: Final = StartKind.WARM


class Requests:
    """Places requests, and keeps those that wait for a sandbox that is not their own."""

    def __init__(
        self,
        settings: SchedulerSettings,
        versions: Mapping[VersionKey, FunctionVersion],
        moves: Moves,
        *,
        late: LateBinding,
        unhurried: Unhurried,
        hand_overs: HandOvers,
    ) -> None:
        self._settings = settings
        self._versions = versions
        self._moves = moves
        self._late = late
        self._unhurried = unhurried
        self._hand_overs = hand_overs
        self.concurrency = Concurrency(settings)
        self._scale_out = ScaleOutLimit(settings.scale_out)
        self.waiters = hand_overs.requests  # looked at with every invocation; mostly there are none

    def come(self, invocation: str, function: FunctionVersion, pool: PoolKey, now: Seconds) -> None:
        """Finds a place for a new request, in one of three ways.

        1. A sandbox that has answered will be free in a moment, and nobody waits for it: the
           request waits for the hand-over (`_may_wait`).
        2. A sandbox is idle: it serves, a provisioned one first.
        3. Else a sandbox is started for the request, as far as every limit allows.

        Where the function is isolated by tenant, only sandboxes of the request's tenant count.
        """
        reason = self.concurrency.rate_met(function.name, now)
        if reason is not None:
            self._moves.commands.append(Throttle(invocation, reason))
        elif not self._may_wait(pool, invocation, now):
            self._place(function, pool, invocation, now)

    def _place(
        self, function: FunctionVersion, pool: PoolKey, invocation: str, now: Seconds
    ) -> None:
        """Gives a request an idle sandbox or a new one, or throttles the request."""
        moves = self._moves
        sandbox = moves.idle.pick_provisioned(pool)
        if sandbox is not None:
            moves.dispatch(sandbox, invocation, start_kind(sandbox), now)
            return
        reason = self.concurrency.limit_met(function.name)
        sandbox = None if reason else moves.idle.pick(pool)
        if sandbox is not None:
            self.concurrency.count(function.name, 1)
            moves.dispatch(sandbox, invocation, start_kind(sandbox), now)
            return
        reason = reason or self._start_limit_met(function, now)
        if reason is not None:
            moves.commands.append(Throttle(invocation, reason))
            return
        self.concurrency.count(function.name, 1)
        self._scale_out.take(function.name)
        sandbox = moves.create(function, pool, invocation, now)
        if self._late.is_on:
            self._late.wait(invocation, sandbox)

    def _start_limit_met(self, function: FunctionVersion, now: Seconds) -> ThrottleReason | None:
        """Returns why no sandbox may be started for a request; None where nothing forbids."""
        if not self._scale_out.allows(function.name, now):
            return ThrottleReason.SCALE_OUT
        if function.per_tenant:
            concurrency = self.concurrency.most(function.name)
            if not self._moves.tenants.allows(function.name, concurrency):
                return ThrottleReason.TENANT_SANDBOXES
        return None if self._moves.make_room(function, now) else ThrottleReason.HOST_MEMORY

    def release(self, sandbox: Sandbox) -> None:
        """Parts a sandbox from its invocation, which counts towards concurrency no more."""
        sandbox.invocation = None
        if self._moves.policy is not None and sandbox.state is _BUSY:
            self._moves.policy.ended(sandbox)
        self._hand_overs.give_up_on(sandbox.pool, sandbox.id)
        if not sandbox.provisioned:
            self.concurrency.count(sandbox.function.name, -1)

    def fail(self, sandbox: Sandbox) -> None:
        """Ends the request that a sandbox runs, or was started for if that still waits."""
        invocation = sandbox.invocation
        if invocation is not None and sandbox.state is not _BUSY and self._late.may_move(sandbox):
            self._late.remove(sandbox.pool, invocation)
        self.release(sandbox)

    # requests that wait for any sandbox of their pool (late binding)

    def may_move(self, sandbox: Sandbox) -> bool:
        """Returns whether another sandbox may serve the request that a sandbox was started for."""
        return self._late.may_move(sandbox)

    def take_late(self, sandbox: Sandbox) -> str | None:
        """Takes the oldest request that a sandbox without work may serve; None where none waits.

        The sandbox that was started for the request gets the taker's own, if that still waits, so
        that every waiting request has a sandbox that will serve or fail that request.
        """
        taken = self._late.take(sandbox.pool) if self._late.may_move(sandbox) else None
        if taken is None:
            return None
        invocation, started_for_it = taken
        if started_for_it is not sandbox:
            started_for_it.invocation = sandbox.invocation
            if sandbox.invocation is not None:
                self._late.wait(sandbox.invocation, started_for_it)
            elif started_for_it.state is SandboxState.QUEUED:
                self._moves.drop_queued(started_for_it)
        return invocation

    def take_next(self, sandbox: Sandbox, now: Seconds) -> str | None:
        """Takes the request that a sandbox that is kept serves next; None where none waits."""
        if self._moves.room.queue and (overdue := self._take_overdue(sandbox, now)) is not None:
            return overdue
        if self.waiters and sandbox.state is _BUSY:
            handed = self._take_hand_over(sandbox)
            if handed is not None:
                return handed
        return self._take_unhurried(sandbox) if self._unhurried.by_pool else None

    # requests whose start has not begun, and whose callers have left or have waited for too long

    def caller_left(self, invocation: str) -> None:
        """Lets a request whose sandbox is queued wait for all whose callers are there.

        Under late binding every request waits for whatever comes free, and nothing changes.
        """
        if self._late.is_on:
            return
        for sandbox in self._moves.sandboxes.values():
            if sandbox.invocation == invocation:
                break
        else:
            return
        if sandbox.state is not SandboxState.QUEUED or sandbox.unhurried:
            return
        self._moves.room.put_behind(sandbox)
        if not sandbox.retired:
            self._unhurried.wait(invocation, sandbox)

    def _take_unhurried(self, sandbox: Sandbox) -> str | None:
        """Takes the first request whose caller has left, for a sandbox that nobody waits for."""
        if sandbox.provisioned or self._hand_overs.waiting(sandbox.pool):
            return None
        taken = self._unhurried.take(sandbox.pool)
        if taken is None:
            return None
        invocation, queued = taken
        self._moves.drop_queued(queued)
        return invocation

    def _take_overdue(self, sandbox: Sandbox, now: Seconds) -> str | None:
        """Takes the request that has waited for longest for a start, once that is far too long."""
        if self._late.is_on or sandbox.provisioned:
            return None
        since = now - self._settings.queue_patience
        queued = self._moves.room.overdue(sandbox.pool, since)
        if queued is None:
            return None
        invocation = queued.invocation
        self._moves.drop_queued(queued)
        return invocation

    # requests that wait for a sandbox that has answered (hand-overs)

    def expect(self, sandbox: Sandbox, now: Seconds) -> None:
        """Counts on a sandbox that has answered to come free soon."""
        until = now + self._settings.hand_over_patience
        self._hand_overs.expect(sandbox.pool, sandbox.id, until)

    def give_up_on(self, sandbox: Sandbox) -> None:
        """Ends the counting on a sandbox to come free soon."""
        self._hand_overs.give_up_on(sandbox.pool, sandbox.id)

    def _may_wait(self, pool: PoolKey, invocation: str, now: Seconds) -> bool:
        """Lets a request wait for a hand-over, if more sandboxes are free soon than requests wait.

        Where a sandbox is idle, the request waits but a moment, and only if the most recently
        used sandbox is to serve, since the one that has answered is that sandbox.
        """
        free_soon = self._hand_overs.free_soon(pool, now)
        if free_soon == 0:
            return False
        if self._hand_overs.waiting(pool) + self._late.count(pool) >= free_soon:
            return False
        patience = self._settings.hand_over_patience
        wait = patience
        if self._moves.idle.has(pool):
            if self._settings.pick_order is not PickOrder.MOST_RECENTLY_USED:
                return False
            wait = self._settings.hand_over_preference
        self._hand_overs.wait(pool, invocation, now + patience)
        self._moves.deadlines.set(invocation, now + wait)
        return True

    def end_wait(self, invocation: str, now: Seconds) -> None:
        """Places a request whose time is over; goes on waiting if the idle sandbox was taken."""
        pool, latest = self._hand_overs.pool_of(invocation), self._hand_overs.latest(invocation)
        if latest <= now or self._moves.idle.has(pool):
            self._hand_overs.remove(invocation)
            self._place(self._versions[pool.version_key], pool, invocation, now)
        else:
            self._moves.deadlines.set(invocation, latest)

    def _take_hand_over(self, sandbox: Sandbox) -> str | None:
        """Takes the oldest request that waits for a hand-over and that no limit forbids now."""
        name = sandbox.function.name
        while (invocation := self._hand_overs.take(sandbox.pool)) is not None:
            self._moves.deadlines.cancel(invocation)
            if sandbox.provisioned:
                return invocation
            reason = self.concurrency.limit_met(name)
            if reason is None:
                self.concurrency.count(name, 1)
                return invocation
            self._moves.commands.append(Throttle(invocation, reason))
        return None

    def place_oldest(self, pool: PoolKey, now: Seconds) -> None:
        """Places the request that has waited longest for a hand-over of a pool, if any waits."""
        invocation = self._hand_overs.take(pool)
        if invocation is not None:
            self._moves.deadlines.cancel(invocation)
            self._place(self._versions[pool.version_key], pool, invocation, now)

    def place_outnumbered(self, now: Seconds) -> None:
        """Places the oldest of the requests that wait, until each has a sandbox to count on."""
        while (pool := self._hand_overs.take_outnumbered()) is not None:
            while self._hand_overs.waiting(pool) > self._hand_overs.free_soon(pool, now):
                self.place_oldest(pool, now)

    # the end of a version

    def retire(self, key: VersionKey, now: Seconds) -> None:
        """Places what waits for a hand-over of a version, and counts on none of its sandboxes."""
        for invocation in self._hand_overs.waiting_for(key):
            self.place_oldest(self._hand_overs.pool_of(invocation), now)
        for pool in (key, *self._moves.tenants.pools(key)):
            self._hand_overs.forget(pool)
            self._late.forget(pool)
            self._unhurried.forget(pool)

    def check(self, keys: Iterable[VersionKey]) -> None:
        """Raises AssertionError where the accounts do not agree with the sandboxes."""
        sandboxes = self._moves.sandboxes
        self.concurrency.check(sandboxes.values())
        self._late.check()
        self._unhurried.check()
        for key in {*keys, *self._hand_overs.pools()}:
            expected = self._hand_overs.expected(key)
            for number in expected:
                busy = sandboxes[number].state is _BUSY
                assert busy, f"sandbox {number} is not busy and counted on"
            assert self._hand_overs.waiting(key) <= len(expected), f"{key}: too many wait"


def first_start_kind(sandbox: Sandbox) -> StartKind:
    """Returns how an invocation finds a sandbox that was started for that invocation."""
    return StartKind.RESTORED if sandbox.function.snapshot else StartKind.COLD


def start_kind(sandbox: Sandbox) -> StartKind:
    """Returns how an invocation finds a sandbox whose start is over."""
    if not sandbox.initialized:
        return StartKind.SUPPRESSED
    return StartKind.PROVISIONED if sandbox.provisioned else _WARM
