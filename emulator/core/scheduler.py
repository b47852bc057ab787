"""Decides which sandbox serves which request, and when sandboxes start, freeze and stop.

The scheduler is told of events and answers with commands; it does nothing else. Whoever drives it
applies the commands and reports back. The same events at the same times with the same chance give
the same commands, whether the driver is the simulator or the live engine.

The module is long because it is one machine: every move of a sandbox stands here, nowhere else.

Written down on purpose:

- Deadlines that are due are handled before the event that comes at or after them, so a late
  timer changes nothing: a response after its timeout is late however slow the driver was.
- An event about a sandbox or an invocation that is no longer there is ignored. A response can
  cross a timeout, and an exit can cross a stop.
- A failure resets a sandbox and does not end it. Where the init failed or took too long, the
  request that waits for the sandbox is dispatched all the same after the reset, and init runs
  again as a part of that invocation, under the function's timeout. Where an invocation failed, the
  next one on that sandbox starts with an init (a suppressed one, as no log line tells of it).
- What a policy decides, and when its hooks are called, stands under "the policy". Without a policy
  no hook is called, and an idle sandbox lives for the lifetime that was drawn for it.
- A caller has its answer before the sandbox is free. A request that comes in between may wait a
  moment for that sandbox (`hand_over`), instead of starting another one.
- A request runs though its caller has left, as on AWS. While its sandbox is queued, which is this
  host's need and none of AWS's, those go first whose callers wait, and a sandbox that comes free
  takes the request (`CallerLeft`). Where a start has not begun for longer than any start takes on
  AWS, a sandbox that comes free takes the request too, whatever the binding (`queue_patience`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, assert_never

from emulator.core.concurrency import Concurrency, ScaleOutLimit
from emulator.core.deadlines import Deadlines
from emulator.core.hand_over import HandOvers
from emulator.core.host_capacity import HostCapacity
from emulator.core.messages import (
    CallerLeft,
    Command,
    Dispatch,
    Event,
    Fail,
    FreezeSandbox,
    FunctionRecycled,
    HostMemoryMeasured,
    InitBegan,
    InitFailed,
    InvocationAnswered,
    InvocationFinished,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    ResetSandbox,
    RuntimeExited,
    SandboxChange,
    SandboxGone,
    SandboxReady,
    SandboxReset,
    Setting,
    StartSandbox,
    StayedBusy,
    StopSandbox,
    Throttle,
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
    ThrottleReason,
    VersionKey,
)
from emulator.core.placement import CodeCache
from emulator.core.policies.interface import PreWarm, Provision, Wake
from emulator.core.policy import (
    Admission,
    Binding,
    Chance,
    IdlePool,
    PickOrder,
    SchedulerSettings,
    idle_pool,
)
from emulator.core.provisioning import Provisioned, Provisioning
from emulator.core.tenancy import TenantSandboxes, tenant_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emulator.core.policies.interface import Policy


class UnknownVersionError(Exception):
    """Reports a request for a version that is not deployed; drivers check before they ask."""


class TenantError(Exception):
    """Reports a request without a tenant where one is needed, or with one where none is known."""


_NEVER: Final = float("inf")
# What every invocation asks for: a member of an enum is looked up anew at each mention.
_IDLE: Final = SandboxState.IDLE
_BUSY: Final = SandboxState.BUSY
_WARM: Final = StartKind.WARM
_LATE: Final = Binding.LATE
_BEGUN: Final = frozenset(
    {SandboxState.STARTING, SandboxState.BUSY, SandboxState.IDLE, SandboxState.RESETTING}
)
"""States of sandboxes that are made and not ending."""


class Scheduler:
    """Decides about all requests and sandboxes of one host.

    `handle` is the only method that changes anything. Its `now` must never go back from one call
    to the next.
    """

    def __init__(self, settings: SchedulerSettings, chance: Chance) -> None:
        self._settings = settings
        self._chance = chance
        self._versions: dict[VersionKey, FunctionVersion] = {}
        self._concurrency = Concurrency(settings)
        self._scale_out = ScaleOutLimit(settings.scale_out)
        self._code = CodeCache(settings.placement)
        self._provisioning = Provisioning()
        self._sandboxes: dict[int, Sandbox] = {}
        self._last_id = 0
        self._pools: dict[PoolKey, IdlePool] = {}
        self._provisioned_pools: dict[PoolKey, IdlePool] = {}
        self._tenants = TenantSandboxes(settings.tenant_sandboxes_per_concurrency)
        self._idle: OrderedDict[int, Sandbox] = OrderedDict()
        """Idle sandboxes that may be evicted, the longest idle first."""
        self._room = HostCapacity(
            settings.host_memory_mb,
            settings.start_width,
            settings.admission,
            settings.host_reserve_mb,
        )
        self._waiting: dict[PoolKey, OrderedDict[str, Sandbox]] = {}
        """Requests that wait under late binding, each with the sandbox started for it."""
        self._unhurried: dict[PoolKey, OrderedDict[str, Sandbox]] = {}
        """Requests whose callers have left, each with the queued sandbox made for it."""
        self._hand_overs = HandOvers()
        self._outnumbered: list[PoolKey] = []
        """Pools whose waiting requests may outnumber the sandboxes that they count on."""
        self._deadlines: Deadlines[int | str | tuple[str]] = Deadlines()
        """Deadlines by sandbox id, by the id of a request that waits for a hand-over, or by the
        name of a policy's wake as a tuple."""
        self._is_actual = settings.admission is Admission.ACTUAL
        self._policy = settings.policy.make() if settings.policy is not None else None
        self._policy_time = 0.0
        """Time of the present event on the clock of idle time; kept only for a policy."""
        self._commands: list[Command] = []

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
        if isinstance(event, InvokeRequested):
            function = self._versions.get(event.key)
            if function is None:
                raise UnknownVersionError(event.key)
            pool = function.key
            if event.tenant or function.per_tenant:
                pool = _tenants_pool(event.tenant, function)
        commands: list[Command] = []
        self._commands = commands
        if self._policy is not None:
            self._policy_time = now * self._settings.idle_speedup
        if self._deadlines.may_come_by(now):
            self._handle_due(now)
        match event:  # what every invocation brings stands first
            case InvocationFinished():
                self._on_finished(event, now)
            case InvokeRequested():
                assert pool is not None, "it was found above"
                self._on_request(event, pool, now)
            case InvocationAnswered():
                self._on_answered(event, now)
            case TimePassed():
                pass
            case CallerLeft(invocation):
                self._on_caller_left(invocation)
            case (
                VersionDeployed()
                | VersionRetired()
                | ReservedConcurrencySet()
                | ProvisionedSet()
                | FunctionRecycled()
                | HostMemoryMeasured()
            ):
                self._on_setting(event, now)
            case _:
                self._on_change(event, now)
        self._settle(now)
        return commands

    def _settle(self, now: Seconds) -> None:
        """Does what may have become possible or due by an event; after most there is nothing."""
        if self._outnumbered:
            self._place_outnumbered(now)
        if self._is_actual:
            self._evict_excess()
        if self._policy is not None and self._policy.orders:
            self._obey(self._policy, now)
        if self._provisioning.may_be_short:
            self._top_up(now)
        if self._room.queue or self._room.behind:
            self._start_queued(now)

    def _on_setting(self, event: Setting, now: Seconds) -> None:
        match event:
            case VersionDeployed(function):
                self._retire(function.key, now)
                self._versions[function.key] = function
                if self._policy is not None:
                    self._policy.deployed(function, self._policy_time)
            case VersionRetired(key):
                self._retire(key, now)
                self._versions.pop(key, None)
            case ReservedConcurrencySet(name, limit):
                self._concurrency.reserve(name, limit)
            case ProvisionedSet():
                self._on_provisioned(event.key, event.count)
            case FunctionRecycled(name):
                self._recycle(name, now)
            case HostMemoryMeasured(available_mb):
                self._room.measured(available_mb)
            case _:
                assert_never(event)

    def _handle_due(self, now: Seconds) -> None:
        while (due := self._deadlines.pop_due(now)) is not None:
            if isinstance(due, str):
                self._on_wait_over(due, now)
            elif isinstance(due, tuple):
                if self._policy is not None:
                    self._policy.woken(due[0], self._policy_time)
            else:
                self._expire(self._sandboxes[due], now)
        self._place_outnumbered(now)

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
                self._count_off(sandbox)
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

    # requests

    def _on_request(self, event: InvokeRequested, pool: PoolKey, now: Seconds) -> None:
        """Finds a place for a request, in one of three ways.

        1. A sandbox that has answered will be free in a moment, and nobody waits for it: the
           request waits for the hand-over (`_may_wait`).
        2. A sandbox is idle: it serves, a provisioned one first.
        3. Else a sandbox is started for the request, as far as every limit allows.

        Where the function is isolated by tenant, only sandboxes of the request's tenant count.
        """
        function = self._versions[event.key]
        reason = self._concurrency.rate_met(function.name, now)
        if reason is not None:
            self._commands.append(Throttle(event.invocation, reason))
        elif not self._may_wait(pool, event.invocation, now):
            self._place(function, pool, event.invocation, now)

    def _place(
        self, function: FunctionVersion, pool: PoolKey, invocation: str, now: Seconds
    ) -> None:
        """Gives a request an idle sandbox or a new one, or throttles the request."""
        sandbox = self._pick(self._provisioned_pools, pool)
        if sandbox is not None:
            self._dispatch(sandbox, invocation, _start_kind(sandbox), now)
            return
        reason = self._concurrency.limit_met(function.name)
        sandbox = None if reason else self._pick(self._pools, pool)
        if sandbox is not None:
            del self._idle[sandbox.id]
            self._concurrency.count(function.name, 1)
            self._dispatch(sandbox, invocation, _start_kind(sandbox), now)
            return
        reason = reason or self._start_limit_met(function, now)
        if reason is not None:
            self._commands.append(Throttle(invocation, reason))
            return
        self._concurrency.count(function.name, 1)
        self._scale_out.take(function.name)
        self._create(function, pool, invocation, now)

    def _pick(self, pools: Mapping[PoolKey, IdlePool], key: PoolKey) -> Sandbox | None:
        pool = pools.get(key)
        return pool.pick() if pool is not None else None

    def _has_idle(self, pool: PoolKey) -> bool:
        return bool(self._pools.get(pool) or self._provisioned_pools.get(pool))

    def _start_limit_met(self, function: FunctionVersion, now: Seconds) -> ThrottleReason | None:
        """Returns why no sandbox may be started for a request; None where nothing forbids."""
        if not self._scale_out.allows(function.name, now):
            return ThrottleReason.SCALE_OUT
        if function.per_tenant:
            concurrency = self._concurrency.most(function.name)
            if not self._tenants.allows(function.name, concurrency):
                return ThrottleReason.TENANT_SANDBOXES
        return None if self._make_room(function) else ThrottleReason.HOST_MEMORY

    def _dispatch(self, sandbox: Sandbox, invocation: str, start: StartKind, now: Seconds) -> None:
        sandbox.move(_BUSY)
        sandbox.invocation = invocation
        self._deadlines.set(sandbox.id, now + sandbox.function.timeout)
        if self._policy is not None:
            self._policy.began(sandbox, self._policy_time)
            sandbox.prewarmed = False
        self._commands.append(Dispatch(sandbox.id, invocation, start))

    # hand-overs: requests that wait for a sandbox that has answered

    def _may_wait(self, pool: PoolKey, invocation: str, now: Seconds) -> bool:
        """Lets a request wait for a hand-over, if more sandboxes are free soon than requests wait.

        Where a sandbox is idle, the request waits but a moment, and only if the most recently
        used sandbox is to serve, since the one that has answered is that sandbox.
        """
        free_soon = self._hand_overs.free_soon(pool, now)
        if free_soon == 0:
            return False
        ahead = self._hand_overs.waiting(pool) + len(self._waiting.get(pool, ()))
        if ahead >= free_soon:
            return False
        patience = self._settings.hand_over_patience
        wait = patience
        if self._has_idle(pool):
            if self._settings.pick_order is not PickOrder.MOST_RECENTLY_USED:
                return False
            wait = self._settings.hand_over_preference
        self._hand_overs.wait(pool, invocation, now + patience)
        self._deadlines.set(invocation, now + wait)
        return True

    def _on_wait_over(self, invocation: str, now: Seconds) -> None:
        """Places a request whose time is over; goes on waiting if the idle sandbox was taken."""
        pool, latest = self._hand_overs.pool_of(invocation), self._hand_overs.latest(invocation)
        if latest <= now or self._has_idle(pool):
            self._hand_overs.remove(invocation)
            self._place(self._versions[pool.version_key], pool, invocation, now)
        else:
            self._deadlines.set(invocation, latest)

    def _take_hand_over(self, sandbox: Sandbox) -> str | None:
        """Takes the oldest request that waits for a hand-over and that no limit forbids now."""
        name = sandbox.function.name
        while (invocation := self._hand_overs.take(sandbox.pool)) is not None:
            self._deadlines.cancel(invocation)
            if sandbox.provisioned:
                return invocation
            reason = self._concurrency.limit_met(name)
            if reason is None:
                self._concurrency.count(name, 1)
                return invocation
            self._commands.append(Throttle(invocation, reason))
        return None

    def _place_oldest_waiting(self, pool: PoolKey, now: Seconds) -> None:
        invocation = self._hand_overs.take(pool)
        if invocation is not None:
            self._deadlines.cancel(invocation)
            self._place(self._versions[pool.version_key], pool, invocation, now)

    def _count_off(self, sandbox: Sandbox) -> None:
        """Ends the counting on a sandbox to come free soon."""
        pool = sandbox.pool
        if self._hand_overs.give_up_on(pool, sandbox.id) and self._hand_overs.waiting(pool):
            self._outnumbered.append(pool)

    def _place_outnumbered(self, now: Seconds) -> None:
        """Places the oldest of the requests that wait, until each has a sandbox to count on."""
        while self._outnumbered:
            pool = self._outnumbered.pop(0)
            while self._hand_overs.waiting(pool) > self._hand_overs.free_soon(pool, now):
                self._place_oldest_waiting(pool, now)

    # requests whose start has not begun, and whose callers have left or have waited for too long

    def _on_caller_left(self, invocation: str) -> None:
        """Lets a request whose sandbox is queued wait for all whose callers are there.

        Under late binding every request waits for whatever comes free, and nothing changes.
        """
        if self._settings.binding is _LATE:
            return
        for sandbox in self._sandboxes.values():
            if sandbox.invocation == invocation:
                break
        else:
            return
        if sandbox.state is not SandboxState.QUEUED or sandbox.unhurried:
            return
        self._room.put_behind(sandbox)
        if not sandbox.retired:
            self._unhurried.setdefault(sandbox.pool, OrderedDict())[invocation] = sandbox

    def _take_unhurried(self, sandbox: Sandbox) -> str | None:
        """Takes the first request whose caller has left, for a sandbox that nobody waits for."""
        unhurried = self._unhurried.get(sandbox.pool)
        if not unhurried or sandbox.provisioned or self._hand_overs.waiting(sandbox.pool):
            return None
        invocation, queued = unhurried.popitem(last=False)
        self._drop_queued(queued)
        return invocation

    def _take_overdue(self, sandbox: Sandbox, now: Seconds) -> str | None:
        """Takes the request that has waited for longest for a start, once that is far too long."""
        if self._settings.binding is _LATE or sandbox.provisioned:
            return None
        queued = self._room.overdue(sandbox.pool, now - self._settings.queue_patience)
        if queued is None:
            return None
        invocation = queued.invocation
        self._drop_queued(queued)
        return invocation

    # room, and the start queue

    def _make_room(self, function: FunctionVersion) -> bool:
        """Evicts idle sandboxes until a new one fits; none if even all are too few.

        Returns:
            Whether the new sandbox fits.
        """
        missing = self._room.missing_mb(function)
        if missing <= 0:
            return True
        victims: list[Sandbox] = []
        for sandbox in self._eviction_order():
            victims.append(sandbox)
            missing -= sandbox.footprint.charge_mb
            if missing <= 0:
                break
        else:
            return False
        for sandbox in victims:
            self._evict(sandbox)
        return True

    def _evict_excess(self) -> None:
        """Evicts idle sandboxes while all together count with more than is allowed."""
        while self._idle and self._room.excess_mb() > 0:
            self._evict(next(iter(self._eviction_order())))

    def _evict(self, sandbox: Sandbox) -> None:
        self._forget_idle(sandbox, evicted=True)
        self._stop(sandbox, StopReason.EVICTED)

    def _eviction_order(self) -> Iterable[Sandbox]:
        """Returns the idle sandboxes in the order in which they are evicted."""
        if self._policy is None:
            return self._idle.values()
        return self._policy.victims(tuple(self._idle.values()))

    def _create(
        self,
        function: FunctionVersion,
        pool: PoolKey,
        invocation: str | None,
        now: Seconds,
        *,
        prewarmed: bool = False,
    ) -> Sandbox:
        """Queues a sandbox for an invocation; without one, `prewarmed` or else provisioned."""
        self._last_id += 1
        speedup = self._settings.idle_speedup
        keep_alive = recycle_at = _NEVER
        if invocation is not None or prewarmed:
            keep_alive = self._settings.keep_alive.draw(self._chance) / speedup
        if self._settings.recycle_age is not None:
            recycle_at = now + self._settings.recycle_age.draw(self._chance) / speedup
        sandbox = Sandbox(
            self._last_id,
            function,
            now,
            keep_alive,
            self._room.footprint(function),
            pool,
            invocation=invocation,
            recycle_at=recycle_at,
            provisioned=invocation is None and not prewarmed,
            prewarmed=prewarmed,
        )
        self._sandboxes[sandbox.id] = sandbox
        if function.per_tenant:
            self._tenants.add(sandbox)
        if self._policy is not None:
            self._policy.created(sandbox, self._policy_time)
        self._room.commit(sandbox)
        self._fetch_code(sandbox, now)
        if invocation is not None and self._settings.binding is _LATE:
            self._waiting.setdefault(pool, OrderedDict())[invocation] = sandbox
        return sandbox

    def _fetch_code(self, sandbox: Sandbox, now: Seconds) -> None:
        """Queues a new sandbox to start, at once or when its host has the function's code."""
        sandbox.download = self._code.wait(sandbox.function, now)
        if sandbox.download > 0:
            sandbox.placed = False
            self._deadlines.set(sandbox.id, now + sandbox.download)
        else:
            self._room.enqueue(sandbox)

    def _start_queued(self, now: Seconds) -> None:
        while (sandbox := self._room.next_to_start()) is not None:
            sandbox.move(SandboxState.STARTING)
            if sandbox.unhurried and not sandbox.retired and sandbox.invocation is not None:
                del self._unhurried[sandbox.pool][sandbox.invocation]
            self._deadlines.set(sandbox.id, now + self._settings.start_timeout)
            self._commands.append(
                StartSandbox(
                    sandbox.id,
                    sandbox.function.key,
                    sandbox.invocation,
                    sandbox.prewarmed,
                    sandbox.download,
                )
            )

    # provisioned concurrency

    def _on_provisioned(self, key: VersionKey, count: int) -> None:
        function = self._versions.get(key)
        if function is None or function.per_tenant:
            return  # nobody knows for which tenant
        self._provisioning.set(key, count)
        self._concurrency.provision(function.name, self._provisioning.total(function.name))
        for number in self._provisioning.members(key):
            sandbox = self._sandboxes[number]
            if self._provisioning.surplus(key) == 0:
                return
            if sandbox.state is SandboxState.QUEUED:
                self._drop_queued(sandbox)
            elif sandbox.state is _IDLE:
                self._stop_idle(sandbox, StopReason.DEPROVISIONED)

    def _top_up(self, now: Seconds) -> None:
        """Starts missing provisioned sandboxes as far as there is room; evicts none for them."""
        for key in self._provisioning.short():
            function = self._versions[key]
            for _ in range(self._provisioning.missing(key)):
                if self._room.missing_mb(function) > 0:
                    return
                self._provisioning.add(key, self._create(function, key, None, now).id)

    # the life of a sandbox

    def _on_init_began(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.state is not SandboxState.STARTING:
            return
        limit = self._settings.init_timeout
        if sandbox.provisioned:
            limit = max(self._settings.provisioned_init_timeout, sandbox.function.timeout)
        sandbox.init_began = True
        self._deadlines.set(sandbox.id, now + limit)

    def _on_ready(self, sandbox: Sandbox, now: Seconds) -> None:
        if sandbox.state is _BUSY:
            sandbox.initialized = True  # again, within its invocation
        if sandbox.state is not SandboxState.STARTING:
            return
        sandbox.initialized = True
        self._room.start_is_over(sandbox)
        self._deadlines.cancel(sandbox.id)
        self._serve_own_request(sandbox, now)

    def _serve_own_request(self, sandbox: Sandbox, now: Seconds) -> None:
        """Gives a started sandbox its own request, or lets the sandbox rest."""
        if sandbox.invocation is None or self._request_may_move(sandbox):
            self._take_waiting_or_rest(sandbox, _first_start_kind(sandbox), now)
        else:
            self._dispatch(sandbox, sandbox.invocation, _first_start_kind(sandbox), now)

    def _on_answered(self, event: InvocationAnswered, now: Seconds) -> None:
        sandbox = self._sandboxes.get(event.sandbox)
        if (
            sandbox is not None
            and sandbox.state is _BUSY
            and sandbox.invocation == event.invocation
            and self._reason_to_stop(sandbox, now) is None
        ):
            until = now + self._settings.hand_over_patience
            self._hand_overs.expect(sandbox.pool, sandbox.id, until)

    def _on_finished(self, event: InvocationFinished, now: Seconds) -> None:
        sandbox = self._sandboxes.get(event.sandbox)
        if sandbox is None or sandbox.state is not _BUSY or sandbox.invocation != event.invocation:
            return
        self._room.observe(sandbox, event.max_memory_mb)
        self._release(sandbox)
        # its timeout is over, and whatever comes next sets another deadline or cancels this one
        self._take_waiting_or_rest(sandbox, _start_kind(sandbox), now)

    def _release(self, sandbox: Sandbox) -> None:
        """Parts a sandbox from its invocation, which counts towards concurrency no more."""
        sandbox.invocation = None
        if self._policy is not None and sandbox.state is _BUSY:
            self._policy.ended(sandbox, self._policy_time)
        self._count_off(sandbox)
        if not sandbox.provisioned:
            self._concurrency.count(sandbox.function.name, -1)

    def _take_waiting_or_rest(self, sandbox: Sandbox, start: StartKind, now: Seconds) -> None:
        waiting = self._waiting.get(sandbox.pool)
        reason = self._reason_to_stop(sandbox, now)
        if waiting and not sandbox.retired and not sandbox.provisioned:
            invocation, started_for_it = waiting.popitem(last=False)
            if started_for_it is not sandbox:
                self._swap_request(started_for_it, sandbox.invocation)
            self._dispatch(sandbox, invocation, start, now)
        elif reason is not None:
            self._stop(sandbox, reason)
        elif self._room.queue and (overdue := self._take_overdue(sandbox, now)) is not None:
            self._dispatch(sandbox, overdue, start, now)
        elif sandbox.state is _BUSY and (handed := self._take_hand_over(sandbox)) is not None:
            self._dispatch(sandbox, handed, start, now)
        elif (left := self._take_unhurried(sandbox)) is not None:
            self._dispatch(sandbox, left, start, now)
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
        if (
            self._policy is not None
            and not sandbox.provisioned
            and not self._stays(self._policy, sandbox)
        ):
            return
        sandbox.move(_IDLE)
        sandbox.invocation = None
        sandbox.idle_since = now
        pools = self._provisioned_pools if sandbox.provisioned else self._pools
        pool = sandbox.pool
        if pool not in pools:
            pools[pool] = idle_pool(self._settings.pick_order)
        pools[pool].add(sandbox)
        if not sandbox.provisioned:
            self._idle[sandbox.id] = sandbox
        until = min(now + sandbox.keep_alive, sandbox.recycle_at)
        if until < _NEVER:
            self._deadlines.set(sandbox.id, until)
        else:
            self._deadlines.cancel(sandbox.id)
        self._commands.append(FreezeSandbox(sandbox.id))
        self._place_oldest_waiting(pool, now)

    def _request_may_move(self, sandbox: Sandbox) -> bool:
        """Returns whether another sandbox may serve the request that a sandbox was started for.

        Late binding ends when the version is retired: each request that still waits stays with
        the sandbox that was started for it, and none that comes later is served by old code.
        """
        late = self._settings.binding is _LATE
        return late and not sandbox.retired and not sandbox.provisioned

    def _swap_request(self, sandbox: Sandbox, invocation: str | None) -> None:
        """Gives a sandbox whose request was taken the taker's own request, if that waits.

        So every waiting request has a sandbox that will serve or fail that request.
        """
        sandbox.invocation = invocation
        if invocation is not None:
            self._waiting[sandbox.pool][invocation] = sandbox
        elif sandbox.state is SandboxState.QUEUED:
            self._drop_queued(sandbox)

    def _drop_queued(self, sandbox: Sandbox) -> None:
        self._deadlines.cancel(sandbox.id)
        self._room.dequeue(sandbox)
        sandbox.move(SandboxState.GONE)
        self._discount(sandbox, failed=False)
        self._forget(sandbox)

    # failures

    def _expire(self, sandbox: Sandbox, now: Seconds) -> None:
        match sandbox.state:
            case SandboxState.IDLE:
                old = sandbox.recycle_at < sandbox.idle_since + sandbox.keep_alive
                if self._policy is not None and not old and self._stays_on(sandbox, now):
                    return
                reason = StopReason.RECYCLED if old else StopReason.KEEP_ALIVE_ENDED
                self._stop_idle(sandbox, reason)
            case SandboxState.BUSY:
                self._fail(sandbox, Failure.TIMEOUT)
                self._reset(sandbox, Failure.TIMEOUT, now)
            case SandboxState.STARTING if sandbox.init_began:
                self._init_again(sandbox, Failure.INIT_TIMEOUT, now)
            case SandboxState.STARTING:
                self._fail(sandbox, Failure.START_FAILED)
                self._room.start_is_over(sandbox)
                self._stop(sandbox, StopReason.START_TIMED_OUT, failed=True)
            case SandboxState.QUEUED:
                sandbox.placed = True
                self._room.enqueue(sandbox)
            case SandboxState.RESETTING | SandboxState.STOPPING | SandboxState.GONE:
                raise AssertionError(f"sandbox {sandbox.id} has a deadline in {sandbox.state}")
            case _:
                assert_never(sandbox.state)

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
                self._forget_idle(sandbox)
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
        self._stop(sandbox, reason, failed=True)

    def _reset(self, sandbox: Sandbox, failure: Failure, now: Seconds) -> None:
        reason = self._reason_to_stop(sandbox, now) if sandbox.invocation is None else None
        if reason is not None:
            self._stop(sandbox, reason)
            return
        sandbox.move(SandboxState.RESETTING)
        sandbox.initialized = False
        self._deadlines.cancel(sandbox.id)
        self._commands.append(ResetSandbox(sandbox.id, failure))

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
        if invocation is None:
            return
        if sandbox.state is not SandboxState.BUSY and self._request_may_move(sandbox):
            del self._waiting[sandbox.pool][invocation]
        self._release(sandbox)
        self._commands.append(Fail(invocation, failure, sandbox.id, exit_code))

    # endings

    def _on_gone(self, sandbox: Sandbox, event: SandboxGone) -> None:
        if sandbox.state is SandboxState.QUEUED:
            return
        if sandbox.state is SandboxState.STARTING:
            self._room.start_is_over(sandbox)
        if sandbox.state is SandboxState.IDLE:
            self._forget_idle(sandbox)
        if sandbox.state is not SandboxState.STOPPING:
            self._fail(sandbox, _failure_of_gone(event), event.exit_code)
            failed = sandbox.state is SandboxState.STARTING
            self._discount(sandbox, failed=failed)
            self._room.stops(sandbox)
        self._deadlines.cancel(sandbox.id)
        sandbox.move(SandboxState.GONE)
        self._room.gone(sandbox)
        self._forget(sandbox)

    def _forget(self, sandbox: Sandbox) -> None:
        """Forgets a sandbox that is gone; with a tenant's last one all that is kept for it."""
        del self._sandboxes[sandbox.id]
        if not sandbox.function.per_tenant or not self._tenants.remove(sandbox):
            return
        pool = sandbox.pool
        self._pools.pop(pool, None)
        self._waiting.pop(pool, None)
        self._unhurried.pop(pool, None)
        if not self._hand_overs.waiting(pool):
            self._hand_overs.forget(pool)

    def _stop_idle(self, sandbox: Sandbox, reason: StopReason) -> None:
        self._forget_idle(sandbox)
        self._stop(sandbox, reason)

    def _forget_idle(self, sandbox: Sandbox, *, evicted: bool = False) -> None:
        if sandbox.provisioned:
            self._provisioned_pools[sandbox.pool].remove(sandbox)
        else:
            self._pools[sandbox.pool].remove(sandbox)
            del self._idle[sandbox.id]
            if self._policy is not None:
                self._policy.lost(sandbox, self._policy_time, evicted=evicted)

    def _stop(self, sandbox: Sandbox, reason: StopReason, *, failed: bool = False) -> None:
        sandbox.move(SandboxState.STOPPING)
        sandbox.invocation = None
        self._deadlines.cancel(sandbox.id)
        self._room.stops(sandbox)
        self._discount(sandbox, failed=failed)
        self._commands.append(StopSandbox(sandbox.id, reason))

    def _discount(self, sandbox: Sandbox, *, failed: bool) -> None:
        """Tells those who count sandboxes of one that ends; see Provisioning for `failed`."""
        self._provisioning.remove(sandbox.function.key, sandbox.id, failed=failed)
        if self._policy is not None:
            self._policy.gone(sandbox, self._policy_time)

    def _retire(self, key: VersionKey, now: Seconds) -> None:
        """Ends a version's idle sandboxes; the version still serves requests that came before."""
        for invocation in self._hand_overs.waiting_for(key):
            self._place_oldest_waiting(self._hand_overs.pool_of(invocation), now)
        for pool in (key, *self._tenants.pools(key)):
            self._hand_overs.forget(pool)
            self._waiting.pop(pool, None)
            self._unhurried.pop(pool, None)
        self._provisioning.forget(key)
        self._concurrency.provision(key.name, self._provisioning.total(key.name))
        for sandbox in list(self._sandboxes.values()):
            if sandbox.function.key != key or sandbox.retired:
                continue
            sandbox.retired = True
            if sandbox.state is SandboxState.IDLE:
                self._stop_idle(sandbox, StopReason.RETIRED)
            elif (
                sandbox.provisioned or sandbox.prewarmed
            ) and sandbox.state is SandboxState.QUEUED:
                self._drop_queued(sandbox)

    def _recycle(self, name: str, now: Seconds) -> None:
        """Ends a function's sandboxes as if all were too old; those still queued are new anyway."""
        for sandbox in list(self._sandboxes.values()):
            if sandbox.function.name != name or sandbox.state not in _BEGUN:
                continue
            sandbox.recycle_at = now
            if sandbox.state is SandboxState.IDLE:
                self._stop_idle(sandbox, StopReason.RECYCLED)

    # the policy

    def _stays(self, policy: Policy, sandbox: Sandbox) -> bool:
        """Asks for how long a sandbox without work is kept; stops one that is not."""
        keep = policy.idle(sandbox, self._policy_time, self._chance)
        if keep is None:
            return True
        sandbox.keep_alive = keep / self._settings.idle_speedup
        if keep > 0:
            return True
        self._stop(sandbox, StopReason.KEEP_ALIVE_ENDED)
        return False

    def _stays_on(self, sandbox: Sandbox, now: Seconds) -> bool:
        """Asks whether an idle sandbox whose time is over is kept for longer."""
        assert self._policy is not None, "only a policy keeps a sandbox beyond its time"
        more = self._policy.expired(sandbox, self._policy_time) / self._settings.idle_speedup
        if more <= 0:
            return False
        sandbox.keep_alive = now - sandbox.idle_since + more
        until = min(now + more, sandbox.recycle_at)
        if until < _NEVER:
            self._deadlines.set(sandbox.id, until)
        return True

    def _obey(self, policy: Policy, now: Seconds) -> None:
        """Carries out what the policy ordered during the present event."""
        orders = list(policy.orders)
        policy.orders.clear()
        for order in orders:
            match order:
                case Wake(name, at):
                    at = max(at / self._settings.idle_speedup, now)
                    self._deadlines.set((name,), at)
                case Provision(key, count):
                    self._on_provisioned(key, count)
                case PreWarm(key, count):
                    self._prewarm(key, count, now)
                case _:
                    assert_never(order)

    def _prewarm(self, key: VersionKey, count: int, now: Seconds) -> None:
        """Starts sandboxes until `count` are idle or pre-warmed; evicts none for them."""
        function = self._versions.get(key)
        if function is None or function.per_tenant:
            return
        ready = len(self._pools.get(key, ()))
        ready += sum(
            each.prewarmed and each.state < SandboxState.BUSY and each.function is function
            for each in self._sandboxes.values()
        )
        for _ in range(count - ready):
            if self._room.missing_mb(function) > 0:
                return
            self._create(function, key, None, now, prewarmed=True)

    # invariants

    def check(self) -> None:
        """Checks that all indexes and counters agree with the sandboxes; O(everything).

        Raises:
            AssertionError: with a sentence; there is a bug in the scheduler.
        """
        for sandbox in self._sandboxes.values():
            self._check_sandbox(sandbox)
        idle = {each.id for each in self._sandboxes.values() if each.state is SandboxState.IDLE}
        pools = (*self._pools.values(), *self._provisioned_pools.values())
        assert sum(map(len, pools)) == len(idle), "a pool holds a sandbox that is not idle"
        assert set(self._idle) <= idle, "a sandbox that is not idle may be evicted"
        self._room.check(self._sandboxes.values())
        self._concurrency.check(self._sandboxes.values())
        self._provisioning.check(self._sandboxes)
        self._tenants.check(self._sandboxes.values())
        self._check_waiting()
        if self._policy is not None:
            self._policy.check(tuple(self._idle.values()))

    def _check_sandbox(self, sandbox: Sandbox) -> None:
        state, what = sandbox.state, f"sandbox {sandbox.id}, {sandbox.state.name}"
        assert state is not SandboxState.GONE, f"{what}: still known"
        timed = state in (SandboxState.STARTING, SandboxState.BUSY) or not sandbox.placed
        if state is SandboxState.IDLE:
            timed = min(sandbox.keep_alive, sandbox.recycle_at) < _NEVER
            assert sandbox.invocation is None, f"{what}: has an invocation"
            assert not sandbox.retired, f"{what}: its version is retired"
            evictable = sandbox.id in self._idle
            assert evictable is not sandbox.provisioned, f"{what}: evictable {evictable}"
        assert self._deadlines.has(sandbox.id) is timed, f"{what}: deadline {not timed}"
        if state is SandboxState.BUSY:
            assert sandbox.invocation is not None, f"{what}: runs nothing"
            assert not sandbox.prewarmed, f"{what}: still counts as started ahead of need"

    def _check_waiting(self) -> None:
        for pool, waiting in self._waiting.items():
            for invocation, sandbox in waiting.items():
                assert sandbox.invocation == invocation, f"{invocation} waits for no sandbox"
                assert sandbox.pool == pool, f"{invocation} waits for another tenant's sandbox"
        for pool, unhurried in self._unhurried.items():
            for invocation, sandbox in unhurried.items():
                assert sandbox.invocation == invocation, f"{invocation} has no sandbox to come"
                assert sandbox.pool == pool, f"{invocation} may be taken by another tenant's"
                queued = sandbox.state is SandboxState.QUEUED and not sandbox.retired
                assert queued, f"sandbox {sandbox.id} is to be dropped and not queued"
        for key in {*self._versions, *self._hand_overs.pools()}:
            expected = self._hand_overs.expected(key)
            for number in expected:
                busy = self._sandboxes[number].state is SandboxState.BUSY
                assert busy, f"sandbox {number} is not busy and counted on"
            assert self._hand_overs.waiting(key) <= len(expected), f"{key}: too many wait"


def _tenants_pool(tenant: str, function: FunctionVersion) -> PoolKey:
    """Returns the pool of a tenant's requests.

    Raises:
        TenantError: the function is asked for without its tenant, or with one in vain.
    """
    if fault := tenant_fault(tenant, per_tenant=function.per_tenant):
        raise TenantError(fault)
    return PoolKey.of_tenant(function.key, tenant)


def _first_start_kind(sandbox: Sandbox) -> StartKind:
    return StartKind.RESTORED if sandbox.function.snapshot else StartKind.COLD


def _start_kind(sandbox: Sandbox) -> StartKind:
    """Returns how an invocation finds a sandbox whose start is over."""
    if not sandbox.initialized:
        return StartKind.SUPPRESSED
    return StartKind.PROVISIONED if sandbox.provisioned else _WARM


def _failure_of_gone(event: SandboxGone) -> Failure:
    if event.exit_code is None:
        return Failure.START_FAILED
    return Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
