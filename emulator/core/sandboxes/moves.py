"""Carries out the moves of sandboxes, each with every account that changes by the move.

Owns the sandboxes, those that are idle, the host's memory, the deadlines, and the counts of
provisioned concurrency and of tenants. Who serves which request, and what follows from an event, is
decided by those who ask for a move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from emulator.core.deadlines import Deadlines
from emulator.core.host_capacity import HostCapacity
from emulator.core.messages.commands import (
    Command,
    Dispatch,
    FreezeSandbox,
    ResetSandbox,
    StartSandbox,
    StopSandbox,
)
from emulator.core.model import SandboxState, StopReason
from emulator.core.policies.clocked import ClockedPolicy
from emulator.core.provisioning import Provisioning
from emulator.core.sandboxes.births import Births
from emulator.core.sandboxes.cells import Cells
from emulator.core.sandboxes.idle import IdleSandboxes, victims
from emulator.core.tenancy import TenantSandboxes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.hand_over import HandOvers
    from emulator.core.model import Failure, FunctionVersion, PoolKey, Sandbox, Seconds, StartKind
    from emulator.core.policy import Chance, SchedulerSettings
    from emulator.core.sandboxes.waiting import LateBinding, Unhurried

_NEVER: Final = float("inf")
# What every invocation asks for: a member of an enum is looked up anew at each mention.
_IDLE: Final = SandboxState.IDLE
_BUSY: Final = SandboxState.BUSY


class Moves:
    """Moves sandboxes from birth to end, and writes the commands that make the moves real."""

    def __init__(
        self,
        settings: SchedulerSettings,
        chance: Chance,
        late: LateBinding,
        unhurried: Unhurried,
        hand_overs: HandOvers,
    ) -> None:
        self._settings = settings
        self._late = late
        self._unhurried = unhurried
        self._hand_overs = hand_overs
        self.commands: list[Command] = []
        """Commands of the present event, in the order in which they must be applied."""
        self.sandboxes: dict[int, Sandbox] = {}
        """Every sandbox that is not gone, by id; others only look."""
        self.idle = IdleSandboxes(settings.pick_order)
        self.room = HostCapacity(
            settings.host_memory_mb,
            settings.start_width,
            settings.admission,
            settings.host_reserve_mb,
        )
        self.provisioning = Provisioning()
        self.tenants = TenantSandboxes(settings.tenant_sandboxes_per_concurrency)
        self.deadlines: Deadlines[int | str | tuple[str, ...]] = Deadlines()
        """Deadlines by sandbox id, by the id of a request that waits for a hand-over, or by the
        name of a policy's wake as a tuple; REFILL is none."""
        self.cells = Cells(settings.stem_cells, self.room, self.deadlines)
        self.policy: ClockedPolicy | None = None
        if settings.policy is not None:
            policy = settings.policy.make()
            self.policy = ClockedPolicy(policy, settings.idle_speedup, chance)
        self._births = Births(settings, chance, self.room)

    # beginnings

    def create(
        self,
        function: FunctionVersion,
        pool: PoolKey,
        invocation: str | None,
        now: Seconds,
        *,
        prewarmed: bool = False,
    ) -> Sandbox:
        """Queues a sandbox for an invocation; without one, `prewarmed` or else provisioned."""
        sandbox = self._births.make(function, pool, invocation, now, prewarmed=prewarmed)
        self.sandboxes[sandbox.id] = sandbox
        if function.per_tenant:
            self.tenants.add(sandbox)
        if self.policy is not None:
            self.policy.created(sandbox)
        self.room.commit(sandbox)
        download = self._births.fetch_code(sandbox, now)
        if download > 0:
            self.deadlines.set(sandbox.id, now + download)
        else:
            self.room.enqueue(sandbox)
        return sandbox

    def start_queued(self, now: Seconds) -> None:
        """Starts the sandboxes at the head of the queue for which there is room now."""
        while (sandbox := self.room.next_to_start()) is not None:
            sandbox.move(SandboxState.STARTING)
            self._unhurried.started(sandbox)
            self.deadlines.set(sandbox.id, now + self._settings.start_timeout)
            self.commands.append(
                StartSandbox(
                    sandbox.id,
                    sandbox.function.key,
                    sandbox.invocation,
                    sandbox.prewarmed,
                    sandbox.download,
                    self.cells.take_for(sandbox),
                )
            )

    def begin_init(self, sandbox: Sandbox, now: Seconds) -> None:
        """Notes that a sandbox is made, and lets the limit of its init count."""
        limit = self._settings.init_timeout
        if sandbox.provisioned:
            limit = max(self._settings.provisioned_init_timeout, sandbox.function.timeout)
        sandbox.init_began = True
        self.deadlines.set(sandbox.id, now + limit)

    def end_start(self, sandbox: Sandbox) -> None:
        """Notes that a sandbox's first init ended well."""
        sandbox.initialized = True
        self.room.start_is_over(sandbox)
        self.deadlines.cancel(sandbox.id)

    # work and rest

    def dispatch(self, sandbox: Sandbox, invocation: str, start: StartKind, now: Seconds) -> None:
        """Gives a sandbox an invocation to run, within the function's timeout."""
        sandbox.move(_BUSY)
        sandbox.invocation = invocation
        self.deadlines.set(sandbox.id, now + sandbox.function.timeout)
        if self.policy is not None:
            self.policy.began(sandbox)
        self.commands.append(Dispatch(sandbox.id, invocation, start))

    def rest(self, sandbox: Sandbox, now: Seconds) -> None:
        """Lets a sandbox be idle until its keep-alive or its life is over."""
        sandbox.move(_IDLE)
        sandbox.invocation = None
        sandbox.idle_since = now
        self.idle.add(sandbox)
        until = min(now + sandbox.keep_alive, sandbox.recycle_at)
        if until < _NEVER:
            self.deadlines.set(sandbox.id, until)
        else:
            self.deadlines.cancel(sandbox.id)
        self.commands.append(FreezeSandbox(sandbox.id))

    def extend_rest(self, sandbox: Sandbox, more: Seconds, now: Seconds) -> None:
        """Lets an idle sandbox whose time is over be idle for longer."""
        sandbox.keep_alive = now - sandbox.idle_since + more
        until = min(now + more, sandbox.recycle_at)
        if until < _NEVER:
            self.deadlines.set(sandbox.id, until)

    def reset(self, sandbox: Sandbox, failure: Failure) -> None:
        """Has all processes of a sandbox killed; its next invocation starts with an init."""
        sandbox.move(SandboxState.RESETTING)
        sandbox.initialized = False
        self.deadlines.cancel(sandbox.id)
        self.commands.append(ResetSandbox(sandbox.id, failure))

    # room for new ones

    def make_room(self, function: FunctionVersion, now: Seconds, *, evicting: bool = True) -> bool:
        """Gives up stem cells, then evicts idle sandboxes, until a new sandbox fits.

        None is given up if even all are too few; none is evicted unless `evicting`.

        Returns:
            Whether the new sandbox fits.
        """
        cells, missing = self.cells.enough_for(function.stem, self.room.missing_mb(function))
        evicted = victims(self._eviction_order(), missing) if missing > 0 and evicting else []
        if missing > 0 and not evicted:
            return False
        self.commands += [self.cells.give_up(cell, now) for cell in cells]
        for sandbox in evicted:
            self._evict(sandbox)
        return True

    def relieve(self, now: Seconds, *, evicting: bool) -> None:
        """Gives up stem cells, then evicts idle sandboxes, while more counts than is allowed."""
        while self.room.excess_mb() > 0:
            if cells := self.cells.pool.least_needed(""):
                self.commands.append(self.cells.give_up(cells[0], now))
            elif evicting and self.idle.evictable():
                self._evict(next(iter(self._eviction_order())))
            else:
                return

    def _evict(self, sandbox: Sandbox) -> None:
        self.end_rest(sandbox, evicted=True)
        self.stop(sandbox, StopReason.EVICTED)

    def _eviction_order(self) -> Iterable[Sandbox]:
        """Returns the idle sandboxes in the order in which they are evicted."""
        idle = self.idle.evictable()
        return idle if self.policy is None else self.policy.victims(idle)

    # endings

    def end_rest(self, sandbox: Sandbox, *, evicted: bool = False) -> None:
        """Takes a sandbox out of the idle ones though no request took that sandbox."""
        self.idle.remove(sandbox)
        if self.policy is not None and not sandbox.provisioned:
            self.policy.lost(sandbox, evicted=evicted)

    def stop_idle(self, sandbox: Sandbox, reason: StopReason) -> None:
        """Stops a sandbox that is idle."""
        self.end_rest(sandbox)
        self.stop(sandbox, reason)

    def stop(self, sandbox: Sandbox, reason: StopReason, *, failed: bool = False) -> None:
        """Stops a sandbox that runs no invocation; see Provisioning for `failed`."""
        sandbox.move(SandboxState.STOPPING)
        sandbox.invocation = None
        self.deadlines.cancel(sandbox.id)
        self.room.stops(sandbox)
        self._discount(sandbox, failed=failed)
        self.commands.append(StopSandbox(sandbox.id, reason))

    def drop_queued(self, sandbox: Sandbox) -> None:
        """Gives up a sandbox that has not started and that nobody wants any more."""
        self.deadlines.cancel(sandbox.id)
        self.room.dequeue(sandbox)
        sandbox.move(SandboxState.GONE)
        self._discount(sandbox, failed=False)
        self._forget(sandbox)

    def end_unasked(self, sandbox: Sandbox) -> None:
        """Takes a sandbox that ended by itself out of all accounts but that of what is held."""
        self._discount(sandbox, failed=sandbox.state is SandboxState.STARTING)
        self.room.stops(sandbox)

    def end(self, sandbox: Sandbox) -> None:
        """Forgets a sandbox that is gone, and frees the memory that the sandbox held."""
        self.deadlines.cancel(sandbox.id)
        sandbox.move(SandboxState.GONE)
        self.room.gone(sandbox)
        self._forget(sandbox)

    def _discount(self, sandbox: Sandbox, *, failed: bool) -> None:
        """Tells those who count sandboxes of one that ends; see Provisioning for `failed`."""
        self.provisioning.remove(sandbox.function.key, sandbox.id, failed=failed)
        if self.policy is not None:
            self.policy.gone(sandbox)

    def _forget(self, sandbox: Sandbox) -> None:
        """Forgets a sandbox that is gone; with a tenant's last one all that is kept for it."""
        del self.sandboxes[sandbox.id]
        if not sandbox.function.per_tenant or not self.tenants.remove(sandbox):
            return
        pool = sandbox.pool
        self.idle.forget(pool)
        self._late.forget(pool)
        self._unhurried.forget(pool)
        if not self._hand_overs.waiting(pool):
            self._hand_overs.forget(pool)
