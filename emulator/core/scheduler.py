"""The scheduler: which sandbox serves which request, and which start, freeze and stop.

It is told of events and answers with commands; it does nothing else. Whoever drives it applies
the commands and reports back. The same events at the same times with the same chance give the
same commands, whether the driver is the simulator or the live engine.

It is long because it is one machine: every move of a sandbox stands here, and nowhere else.

Written down on purpose:

- Deadlines that are due are handled before the event that comes at or after them, so a late
  timer changes nothing: a response after its timeout is late however slow the driver was.
- An event about a sandbox or an invocation that is no longer there is ignored. A response can
  cross a timeout, and an exit can cross a stop.
- A failure resets a sandbox and does not end it. Where the init failed or took too long, the
  request that waits for it is dispatched to it all the same after the reset, and init runs again
  as a part of that invocation, under the function's timeout. Where an invocation failed, the next
  one that the sandbox gets starts with an init (a suppressed one, as no line tells of it).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, assert_never

from emulator.core.concurrency import Concurrency, ScaleOutLimit
from emulator.core.deadlines import Deadlines
from emulator.core.host_capacity import HostRoom
from emulator.core.messages import (
    Command,
    Dispatch,
    Event,
    Fail,
    FreezeSandbox,
    InitBegan,
    InitFailed,
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
    StartSandbox,
    StopSandbox,
    Throttle,
    TimePassed,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import (
    Failure,
    FunctionVersion,
    Sandbox,
    SandboxState,
    Seconds,
    StartKind,
    StopReason,
    ThrottleReason,
)
from emulator.core.policy import Binding, Chance, IdlePool, SchedulerSettings, idle_pool
from emulator.core.provisioning import Provisioning

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnknownVersionError(Exception):
    """A request named a version that is not deployed; the driver checks before it asks."""


_NEVER = float("inf")


class Scheduler:
    """`handle` is the only mutator. `now` must never go back from one call to the next."""

    def __init__(self, settings: SchedulerSettings, chance: Chance) -> None:
        self._settings = settings
        self._chance = chance
        self._versions: dict[str, FunctionVersion] = {}
        self._concurrency = Concurrency(settings)
        self._scale_out = ScaleOutLimit(settings.scale_out)
        self._provisioning = Provisioning()
        self._sandboxes: dict[int, Sandbox] = {}
        self._last_id = 0
        self._pools: dict[str, IdlePool] = {}
        self._provisioned_pools: dict[str, IdlePool] = {}
        self._idle: OrderedDict[int, Sandbox] = OrderedDict()
        """Those that may be evicted, the longest idle first."""
        self._room = HostRoom(settings.host_memory_mb, settings.start_width)
        self._waiting: dict[str, OrderedDict[str, Sandbox]] = {}
        self._deadlines: Deadlines[int] = Deadlines()
        self._commands: list[Command] = []

    @property
    def sandboxes(self) -> Mapping[int, Sandbox]:
        """Every sandbox that is not gone, by id; to be read, never changed."""
        return self._sandboxes

    @property
    def versions(self) -> Mapping[str, FunctionVersion]:
        return self._versions

    def has_idle(self, key: str) -> bool:
        """Whether a request for this version would find a sandbox now."""
        return bool(self._pools.get(key) or self._provisioned_pools.get(key))

    def next_deadline(self) -> Seconds | None:
        """When `TimePassed` is wanted at the latest; None: not before the next event."""
        return self._deadlines.next()

    def handle(self, event: Event, now: Seconds) -> list[Command]:
        if isinstance(event, InvokeRequested) and event.key not in self._versions:
            raise UnknownVersionError(event.key)
        commands: list[Command] = []
        self._commands = commands
        while (due := self._deadlines.pop_due(now)) is not None:
            self._expire(self._sandboxes[due], now)
        match event:
            case InvokeRequested():
                self._on_request(event, now)
            case InvocationFinished():
                self._on_finished(event, now)
            case VersionDeployed(function):
                self._retire(function.key)
                self._versions[function.key] = function
            case VersionRetired(key):
                self._retire(key)
                self._versions.pop(key, None)
            case ReservedConcurrencySet(name, limit):
                self._concurrency.reserve(name, limit)
            case ProvisionedSet():
                self._on_provisioned(event)
            case TimePassed():
                pass
            case _:
                self._on_change(event, now)
        self._top_up(now)
        self._start_queued(now)
        return commands

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
                self._broke_down(sandbox, Failure.INIT_ERROR, None, now)
            case RuntimeExited():
                failure = Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
                self._broke_down(sandbox, failure, event.exit_code, now)
            case SandboxReset():
                self._on_reset(sandbox, now)
            case SandboxGone():
                self._on_gone(sandbox, event)
            case _:
                assert_never(event)

    # requests

    def _on_request(self, event: InvokeRequested, now: Seconds) -> None:
        function = self._versions[event.key]
        reason = self._concurrency.rate_met(function.name, now)
        sandbox = None if reason else self._pick(self._provisioned_pools, event.key)
        if sandbox is not None:
            self._dispatch(sandbox, event.invocation, _later_kind(sandbox), now)
            return
        reason = reason or self._concurrency.limit_met(function.name)
        sandbox = None if reason else self._pick(self._pools, event.key)
        if sandbox is not None:
            del self._idle[sandbox.id]
            self._concurrency.count(function.name, 1)
            self._dispatch(sandbox, event.invocation, _later_kind(sandbox), now)
            return
        reason = reason or self._no_new_one(function, now)
        if reason is not None:
            self._commands.append(Throttle(event.invocation, reason))
            return
        self._concurrency.count(function.name, 1)
        self._scale_out.take(function.name)
        self._create(function, event.invocation, now)

    def _pick(self, pools: Mapping[str, IdlePool], key: str) -> Sandbox | None:
        pool = pools.get(key)
        return pool.pick() if pool is not None else None

    def _no_new_one(self, function: FunctionVersion, now: Seconds) -> ThrottleReason | None:
        """Why no sandbox may be started for a request; None when there is room for it now."""
        if not self._scale_out.allows(function.name, now):
            return ThrottleReason.SCALE_OUT
        return None if self._make_room(function.memory_mb) else ThrottleReason.HOST_MEMORY

    def _dispatch(self, sandbox: Sandbox, invocation: str, start: StartKind, now: Seconds) -> None:
        sandbox.move(SandboxState.BUSY)
        sandbox.invocation = invocation
        self._deadlines.set(sandbox.id, now + sandbox.function.timeout)
        self._commands.append(Dispatch(sandbox.id, invocation, start))

    # room, and the start queue

    def _make_room(self, memory_mb: int) -> bool:
        """Evicts the longest idle until one more fits; evicts none when even all would not do."""
        missing = self._room.missing_mb(memory_mb)
        if missing <= 0:
            return True
        victims: list[Sandbox] = []
        for sandbox in self._idle.values():
            victims.append(sandbox)
            missing -= sandbox.function.memory_mb
            if missing <= 0:
                break
        else:
            return False
        for sandbox in victims:
            self._stop_idle(sandbox, StopReason.EVICTED)
        return True

    def _create(self, function: FunctionVersion, invocation: str | None, now: Seconds) -> Sandbox:
        """For an invocation, or as one of provisioned concurrency, which none evicts or ends."""
        self._last_id += 1
        speedup = self._settings.idle_speedup
        keep_alive = recycle_at = _NEVER
        if invocation is not None:
            keep_alive = self._settings.keep_alive.draw(self._chance) / speedup
        if self._settings.recycle_age is not None:
            recycle_at = now + self._settings.recycle_age.draw(self._chance) / speedup
        sandbox = Sandbox(
            self._last_id,
            function,
            now,
            keep_alive,
            invocation=invocation,
            recycle_at=recycle_at,
            provisioned=invocation is None,
        )
        self._sandboxes[sandbox.id] = sandbox
        self._room.enqueue(sandbox)
        if invocation is not None and self._settings.binding is Binding.LATE:
            self._waiting.setdefault(function.key, OrderedDict())[invocation] = sandbox
        return sandbox

    def _start_queued(self, now: Seconds) -> None:
        while (sandbox := self._room.next_to_start()) is not None:
            sandbox.move(SandboxState.STARTING)
            self._deadlines.set(sandbox.id, now + self._settings.start_timeout)
            self._commands.append(
                StartSandbox(sandbox.id, sandbox.function.key, sandbox.invocation)
            )

    # provisioned concurrency

    def _on_provisioned(self, event: ProvisionedSet) -> None:
        function = self._versions.get(event.key)
        if function is None:
            return
        self._provisioning.set(event.key, event.count)
        self._concurrency.provision(function.name, self._provisioning.total(function.name))
        for number in self._provisioning.members(event.key):
            sandbox = self._sandboxes[number]
            if self._provisioning.surplus(event.key) == 0:
                return
            if sandbox.state is SandboxState.QUEUED:
                self._drop_queued(sandbox)
            elif sandbox.state is SandboxState.IDLE:
                self._stop_idle(sandbox, StopReason.DEPROVISIONED)

    def _top_up(self, now: Seconds) -> None:
        """Starts what is missing as far as there is room; nobody is evicted for it."""
        for key in self._provisioning.short():
            function = self._versions[key]
            for _ in range(self._provisioning.missing(key)):
                if self._room.missing_mb(function.memory_mb) > 0:
                    return
                self._provisioning.add(key, self._create(function, None, now).id)

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
        if sandbox.state is SandboxState.BUSY:
            sandbox.initialized = True  # again, within the invocation that it has
        if sandbox.state is not SandboxState.STARTING:
            return
        sandbox.initialized = True
        self._room.start_is_over()
        self._deadlines.cancel(sandbox.id)
        self._serve_its_own(sandbox, now)

    def _serve_its_own(self, sandbox: Sandbox, now: Seconds) -> None:
        """Its start is over: it takes the request that it was started for, or rests."""
        if sandbox.invocation is None or self._waits(sandbox):
            self._take_waiting_or_rest(sandbox, StartKind.COLD, now)
        else:
            self._dispatch(sandbox, sandbox.invocation, StartKind.COLD, now)

    def _on_finished(self, event: InvocationFinished, now: Seconds) -> None:
        sandbox = self._sandboxes.get(event.sandbox)
        if (
            sandbox is None
            or sandbox.state is not SandboxState.BUSY
            or sandbox.invocation != event.invocation
        ):
            return
        self._release(sandbox)
        self._deadlines.cancel(sandbox.id)
        self._take_waiting_or_rest(sandbox, _later_kind(sandbox), now)

    def _release(self, sandbox: Sandbox) -> None:
        sandbox.invocation = None
        if not sandbox.provisioned:
            self._concurrency.count(sandbox.function.name, -1)

    def _take_waiting_or_rest(self, sandbox: Sandbox, start: StartKind, now: Seconds) -> None:
        waiting = self._waiting.get(sandbox.function.key)
        reason = self._end_of(sandbox, now)
        if waiting and not sandbox.retired and not sandbox.provisioned:
            invocation, started_for_it = waiting.popitem(last=False)
            if started_for_it is not sandbox:
                self._exchange(started_for_it, sandbox.invocation)
            self._dispatch(sandbox, invocation, start, now)
        elif reason is not None:
            self._stop(sandbox, reason)
        else:
            self._rest(sandbox, now)

    def _end_of(self, sandbox: Sandbox, now: Seconds) -> StopReason | None:
        """Why a sandbox that has nothing more to do is not kept."""
        if sandbox.retired:
            return StopReason.RETIRED
        if sandbox.provisioned and self._provisioning.surplus(sandbox.function.key) > 0:
            return StopReason.DEPROVISIONED
        if sandbox.keep_alive <= 0:
            return StopReason.KEEP_ALIVE_ENDED
        return StopReason.RECYCLED if sandbox.recycle_at <= now else None

    def _rest(self, sandbox: Sandbox, now: Seconds) -> None:
        sandbox.move(SandboxState.IDLE)
        sandbox.invocation = None
        sandbox.idle_since = now
        pools = self._provisioned_pools if sandbox.provisioned else self._pools
        key = sandbox.function.key
        if key not in pools:
            pools[key] = idle_pool(self._settings.pick_order)
        pools[key].add(sandbox)
        if not sandbox.provisioned:
            self._idle[sandbox.id] = sandbox
        until = min(now + sandbox.keep_alive, sandbox.recycle_at)
        if until < _NEVER:
            self._deadlines.set(sandbox.id, until)
        self._commands.append(FreezeSandbox(sandbox.id))

    def _waits(self, sandbox: Sandbox) -> bool:
        """Whether the request that it was started for may be served by another.

        Late binding ends when the version is retired: each request that still waits stays with
        the sandbox that was started for it, and none that comes later is served by old code.
        """
        late = self._settings.binding is Binding.LATE
        return late and not sandbox.retired and not sandbox.provisioned

    def _exchange(self, sandbox: Sandbox, invocation: str | None) -> None:
        """Another took its request and gives its own, if it had one that waits.

        So every waiting request has a sandbox that will serve it or fail it.
        """
        sandbox.invocation = invocation
        if invocation is not None:
            self._waiting[sandbox.function.key][invocation] = sandbox
        elif sandbox.state is SandboxState.QUEUED:
            self._drop_queued(sandbox)

    def _drop_queued(self, sandbox: Sandbox) -> None:
        self._room.dequeue(sandbox)
        sandbox.move(SandboxState.GONE)
        self._provisioning.remove(sandbox.function.key, sandbox.id, failed=False)
        del self._sandboxes[sandbox.id]

    # failures

    def _expire(self, sandbox: Sandbox, now: Seconds) -> None:
        match sandbox.state:
            case SandboxState.IDLE:
                old = sandbox.recycle_at < sandbox.idle_since + sandbox.keep_alive
                reason = StopReason.RECYCLED if old else StopReason.KEEP_ALIVE_ENDED
                self._stop_idle(sandbox, reason)
            case SandboxState.BUSY:
                self._fail(sandbox, Failure.TIMEOUT)
                self._reset(sandbox, Failure.TIMEOUT, now)
            case SandboxState.STARTING if sandbox.init_began:
                self._init_again(sandbox, Failure.INIT_TIMEOUT, now)
            case SandboxState.STARTING:
                self._fail(sandbox, Failure.START_FAILED)
                self._room.start_is_over()
                self._stop(sandbox, StopReason.START_TIMED_OUT, failed=True)
            case (
                SandboxState.QUEUED
                | SandboxState.RESETTING
                | SandboxState.STOPPING
                | SandboxState.GONE
            ):
                raise AssertionError(f"sandbox {sandbox.id} has a deadline in {sandbox.state}")
            case _:
                assert_never(sandbox.state)

    def _broke_down(
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
        """Its request waits for the reset, and has the next init within its own time."""
        self._room.start_is_over()
        if sandbox.invocation is not None:
            self._reset(sandbox, failure, now)
            return
        timed_out = failure is Failure.INIT_TIMEOUT
        reason = StopReason.INIT_TIMED_OUT if timed_out else StopReason.INIT_FAILED
        self._stop(sandbox, reason, failed=True)

    def _reset(self, sandbox: Sandbox, failure: Failure, now: Seconds) -> None:
        reason = self._end_of(sandbox, now) if sandbox.invocation is None else None
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
            self._serve_its_own(sandbox, now)
        else:
            self._take_waiting_or_rest(sandbox, StartKind.SUPPRESSED, now)

    def _fail(self, sandbox: Sandbox, failure: Failure, exit_code: int | None = None) -> None:
        """Fails what the sandbox runs, or what it was started for if that still waits."""
        invocation = sandbox.invocation
        if invocation is None:
            return
        if sandbox.state is not SandboxState.BUSY and self._waits(sandbox):
            del self._waiting[sandbox.function.key][invocation]
        self._release(sandbox)
        self._commands.append(Fail(invocation, failure, sandbox.id, exit_code))

    # endings

    def _on_gone(self, sandbox: Sandbox, event: SandboxGone) -> None:
        if sandbox.state is SandboxState.QUEUED:
            return
        if sandbox.state is SandboxState.STARTING:
            self._room.start_is_over()
        if sandbox.state is SandboxState.IDLE:
            self._forget_idle(sandbox)
        if sandbox.state is not SandboxState.STOPPING:
            self._fail(sandbox, _failure(event), event.exit_code)
            failed = sandbox.state is SandboxState.STARTING
            self._provisioning.remove(sandbox.function.key, sandbox.id, failed=failed)
            self._room.stops(sandbox)
        self._deadlines.cancel(sandbox.id)
        sandbox.move(SandboxState.GONE)
        self._room.gone(sandbox)
        del self._sandboxes[sandbox.id]

    def _stop_idle(self, sandbox: Sandbox, reason: StopReason) -> None:
        self._forget_idle(sandbox)
        self._stop(sandbox, reason)

    def _forget_idle(self, sandbox: Sandbox) -> None:
        key = sandbox.function.key
        if sandbox.provisioned:
            self._provisioned_pools[key].remove(sandbox)
        else:
            self._pools[key].remove(sandbox)
            del self._idle[sandbox.id]

    def _stop(self, sandbox: Sandbox, reason: StopReason, *, failed: bool = False) -> None:
        sandbox.move(SandboxState.STOPPING)
        sandbox.invocation = None
        self._deadlines.cancel(sandbox.id)
        self._room.stops(sandbox)
        self._provisioning.remove(sandbox.function.key, sandbox.id, failed=failed)
        self._commands.append(StopSandbox(sandbox.id, reason))

    def _retire(self, key: str) -> None:
        self._waiting.pop(key, None)
        self._provisioning.forget(key)
        name = key.partition(":")[0]
        self._concurrency.provision(name, self._provisioning.total(name))
        for sandbox in list(self._sandboxes.values()):
            if sandbox.function.key != key or sandbox.retired:
                continue
            sandbox.retired = True
            if sandbox.state is SandboxState.IDLE:
                self._stop_idle(sandbox, StopReason.RETIRED)
            elif sandbox.provisioned and sandbox.state is SandboxState.QUEUED:
                self._drop_queued(sandbox)


def _later_kind(sandbox: Sandbox) -> StartKind:
    """Of an invocation on a sandbox whose start is over."""
    if not sandbox.initialized:
        return StartKind.SUPPRESSED
    return StartKind.PROVISIONED if sandbox.provisioned else StartKind.WARM


def _failure(event: SandboxGone) -> Failure:
    if event.exit_code is None:
        return Failure.START_FAILED
    return Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
