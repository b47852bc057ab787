"""The scheduler: which sandbox serves which request, and which start, freeze and stop.

It is told of events and answers with commands; it does nothing else. Whoever drives it applies
the commands and reports back. The same events at the same times with the same chance give the
same commands, whether the driver is the simulator or the live engine.

Written down on purpose:

- Deadlines that are due are handled before the event that comes at or after them, so a late
  timer changes nothing: a response after its timeout is late however slow the driver was.
- An event about a sandbox or an invocation that is no longer there is ignored. A response can
  cross a timeout, and an exit can cross a stop.
- `committed` is the memory of all sandboxes that are not stopping, `held` that of all that have
  been started and are not gone. A new sandbox needs room in `committed` to be decided on, and
  room in `held` to start: it waits, in order, for those that are being evicted for it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, assert_never

from emulator.core.deadlines import Deadlines
from emulator.core.messages import (
    Command,
    Dispatch,
    Event,
    Fail,
    FreezeSandbox,
    InitFailed,
    InvocationFinished,
    InvokeRequested,
    ReservedConcurrencySet,
    SandboxGone,
    SandboxReady,
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

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnknownVersionError(Exception):
    """A request named a version that is not deployed; the driver checks before it asks."""


class Scheduler:
    """`handle` is the only mutator. `now` must never go back from one call to the next."""

    def __init__(self, settings: SchedulerSettings, chance: Chance) -> None:
        self._settings = settings
        self._chance = chance
        self._versions: dict[str, FunctionVersion] = {}
        self._reserved: dict[str, int] = {}
        self._in_flight: dict[str, int] = {}
        self._unreserved_in_flight = 0
        self._sandboxes: dict[int, Sandbox] = {}
        self._last_id = 0
        self._pools: dict[str, IdlePool] = {}
        self._idle: OrderedDict[int, Sandbox] = OrderedDict()
        self._queued: deque[Sandbox] = deque()
        self._waiting: dict[str, OrderedDict[str, Sandbox]] = {}
        self._starting = 0
        self._held_mb = 0
        self._committed_mb = 0
        self._deadlines: Deadlines[int] = Deadlines()
        self._commands: list[Command] = []

    @property
    def sandboxes(self) -> Mapping[int, Sandbox]:
        """Every sandbox that is not gone, by id; to be read, never changed."""
        return self._sandboxes

    @property
    def versions(self) -> Mapping[str, FunctionVersion]:
        return self._versions

    def next_deadline(self) -> Seconds | None:
        """When `TimePassed` is wanted at the latest; None: not before the next event."""
        return self._deadlines.next()

    def handle(self, event: Event, now: Seconds) -> list[Command]:
        if isinstance(event, InvokeRequested) and event.key not in self._versions:
            raise UnknownVersionError(event.key)
        commands: list[Command] = []
        self._commands = commands
        while (due := self._deadlines.pop_due(now)) is not None:
            self._expire(self._sandboxes[due])
        match event:
            case InvokeRequested():
                self._on_request(event, now)
            case InvocationFinished():
                self._on_finished(event, now)
            case SandboxReady():
                self._on_ready(event, now)
            case InitFailed():
                self._on_init_failed(event)
            case SandboxGone():
                self._on_gone(event)
            case VersionDeployed(function):
                self._retire(function.key)
                self._versions[function.key] = function
            case VersionRetired(key):
                self._retire(key)
                self._versions.pop(key, None)
            case ReservedConcurrencySet(name, limit):
                self._reserve(name, limit)
            case TimePassed():
                pass
            case _:
                assert_never(event)
        self._start_queued(now)
        return commands

    # requests

    def _on_request(self, event: InvokeRequested, now: Seconds) -> None:
        function = self._versions[event.key]
        reason = self._concurrency_limit(function.name)
        if reason is not None:
            self._commands.append(Throttle(event.invocation, reason))
            return
        pool = self._pools.get(event.key)
        sandbox = pool.pick() if pool is not None else None
        if sandbox is not None:
            del self._idle[sandbox.id]
            self._count(function.name, 1)
            self._dispatch(sandbox, event.invocation, StartKind.WARM, now)
        elif self._make_room(function.memory_mb):
            self._count(function.name, 1)
            self._create(function, event.invocation, now)
        else:
            self._commands.append(Throttle(event.invocation, ThrottleReason.HOST_MEMORY))

    def _concurrency_limit(self, name: str) -> ThrottleReason | None:
        reserved = self._reserved.get(name)
        if reserved is not None:
            full = self._in_flight.get(name, 0) >= reserved
            return ThrottleReason.RESERVED_CONCURRENCY if full else None
        unreserved = self._settings.account_concurrency - sum(self._reserved.values())
        full = self._unreserved_in_flight >= unreserved
        return ThrottleReason.ACCOUNT_CONCURRENCY if full else None

    def _count(self, name: str, change: int) -> None:
        self._in_flight[name] = self._in_flight.get(name, 0) + change
        if name not in self._reserved:
            self._unreserved_in_flight += change

    def _reserve(self, name: str, limit: int | None) -> None:
        running = self._in_flight.get(name, 0)
        if limit is None:
            if self._reserved.pop(name, None) is not None:
                self._unreserved_in_flight += running
            return
        if name not in self._reserved:
            self._unreserved_in_flight -= running
        self._reserved[name] = limit

    def _dispatch(self, sandbox: Sandbox, invocation: str, start: StartKind, now: Seconds) -> None:
        sandbox.move(SandboxState.BUSY)
        sandbox.invocation = invocation
        self._deadlines.set(sandbox.id, now + sandbox.function.timeout)
        self._commands.append(Dispatch(sandbox.id, invocation, start))

    # room, and the start queue

    def _make_room(self, memory_mb: int) -> bool:
        """Evicts the longest idle until one more fits; evicts none when even all would not do."""
        missing = self._committed_mb + memory_mb - self._settings.host_memory_mb
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

    def _create(self, function: FunctionVersion, invocation: str, now: Seconds) -> None:
        self._last_id += 1
        keep_alive = self._settings.keep_alive.draw(self._chance) / self._settings.idle_speedup
        sandbox = Sandbox(self._last_id, function, now, keep_alive, invocation=invocation)
        self._sandboxes[sandbox.id] = sandbox
        self._committed_mb += function.memory_mb
        self._queued.append(sandbox)
        if self._settings.binding is Binding.LATE:
            self._waiting.setdefault(function.key, OrderedDict())[invocation] = sandbox

    def _start_queued(self, now: Seconds) -> None:
        while self._queued and self._starting < self._settings.start_width:
            sandbox = self._queued[0]
            memory_mb = sandbox.function.memory_mb
            if self._held_mb + memory_mb > self._settings.host_memory_mb:
                return
            self._queued.popleft()
            sandbox.move(SandboxState.STARTING)
            self._starting += 1
            self._held_mb += memory_mb
            self._deadlines.set(sandbox.id, now + self._settings.init_timeout)
            assert sandbox.invocation is not None
            self._commands.append(
                StartSandbox(sandbox.id, sandbox.function.key, sandbox.invocation)
            )

    # the life of a sandbox

    def _on_ready(self, event: SandboxReady, now: Seconds) -> None:
        sandbox = self._sandboxes.get(event.sandbox)
        if sandbox is None or sandbox.state is not SandboxState.STARTING:
            return
        self._starting -= 1
        self._deadlines.cancel(sandbox.id)
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
        self._count(sandbox.function.name, -1)
        self._deadlines.cancel(sandbox.id)
        sandbox.invocation = None
        self._take_waiting_or_rest(sandbox, StartKind.WARM, now)

    def _take_waiting_or_rest(self, sandbox: Sandbox, start: StartKind, now: Seconds) -> None:
        waiting = self._waiting.get(sandbox.function.key)
        if waiting and not sandbox.retired:
            invocation, started_for_it = waiting.popitem(last=False)
            if started_for_it is not sandbox:
                self._exchange(started_for_it, sandbox.invocation)
            self._dispatch(sandbox, invocation, start, now)
        elif sandbox.retired:
            self._stop(sandbox, StopReason.RETIRED)
        elif sandbox.keep_alive <= 0:
            self._stop(sandbox, StopReason.KEEP_ALIVE_ENDED)
        else:
            self._rest(sandbox, now)

    def _rest(self, sandbox: Sandbox, now: Seconds) -> None:
        sandbox.move(SandboxState.IDLE)
        sandbox.invocation = None
        sandbox.idle_since = now
        key = sandbox.function.key
        if key not in self._pools:
            self._pools[key] = idle_pool(self._settings.pick_order)
        self._pools[key].add(sandbox)
        self._idle[sandbox.id] = sandbox
        self._deadlines.set(sandbox.id, now + sandbox.keep_alive)
        self._commands.append(FreezeSandbox(sandbox.id))

    def _waits(self, sandbox: Sandbox) -> bool:
        """Whether the request that it was started for may be served by another.

        Late binding ends when the version is retired: each request that still waits stays with
        the sandbox that was started for it, and none that comes later is served by old code.
        """
        return self._settings.binding is Binding.LATE and not sandbox.retired

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
        self._queued.remove(sandbox)
        sandbox.move(SandboxState.GONE)
        self._committed_mb -= sandbox.function.memory_mb
        del self._sandboxes[sandbox.id]

    # endings

    def _expire(self, sandbox: Sandbox) -> None:
        match sandbox.state:
            case SandboxState.IDLE:
                self._stop_idle(sandbox, StopReason.KEEP_ALIVE_ENDED)
            case SandboxState.BUSY:
                self._fail(sandbox, Failure.TIMEOUT)
                self._stop(sandbox, StopReason.TIMED_OUT)
            case SandboxState.STARTING:
                self._fail(sandbox, Failure.INIT_TIMEOUT)
                self._starting -= 1
                self._stop(sandbox, StopReason.INIT_TIMED_OUT)
            case SandboxState.QUEUED | SandboxState.STOPPING | SandboxState.GONE:
                raise AssertionError(f"sandbox {sandbox.id} has a deadline in {sandbox.state}")
            case _:
                assert_never(sandbox.state)

    def _on_init_failed(self, event: InitFailed) -> None:
        sandbox = self._sandboxes.get(event.sandbox)
        if sandbox is None or sandbox.state is not SandboxState.STARTING:
            return
        self._fail(sandbox, Failure.INIT_ERROR)
        self._starting -= 1
        self._stop(sandbox, StopReason.INIT_FAILED)

    def _on_gone(self, event: SandboxGone) -> None:
        sandbox = self._sandboxes.get(event.sandbox)
        if sandbox is None or sandbox.state is SandboxState.QUEUED:
            return
        match sandbox.state:
            case SandboxState.STARTING:
                self._fail(sandbox, _failure(event), event.exit_code)
                self._starting -= 1
            case SandboxState.BUSY:
                self._fail(sandbox, _failure(event), event.exit_code)
            case SandboxState.IDLE:
                self._forget_idle(sandbox)
            case _:
                pass
        if sandbox.state is not SandboxState.STOPPING:
            self._committed_mb -= sandbox.function.memory_mb
        self._deadlines.cancel(sandbox.id)
        sandbox.move(SandboxState.GONE)
        self._held_mb -= sandbox.function.memory_mb
        del self._sandboxes[sandbox.id]

    def _fail(self, sandbox: Sandbox, failure: Failure, exit_code: int | None = None) -> None:
        """Fails what the sandbox runs, or what it was started for if that still waits."""
        invocation = sandbox.invocation
        if invocation is None:
            return
        if sandbox.state is SandboxState.STARTING and self._waits(sandbox):
            del self._waiting[sandbox.function.key][invocation]
        self._count(sandbox.function.name, -1)
        self._commands.append(Fail(invocation, failure, sandbox.id, exit_code))

    def _stop_idle(self, sandbox: Sandbox, reason: StopReason) -> None:
        self._forget_idle(sandbox)
        self._stop(sandbox, reason)

    def _forget_idle(self, sandbox: Sandbox) -> None:
        self._pools[sandbox.function.key].remove(sandbox)
        del self._idle[sandbox.id]

    def _stop(self, sandbox: Sandbox, reason: StopReason) -> None:
        sandbox.move(SandboxState.STOPPING)
        sandbox.invocation = None
        self._deadlines.cancel(sandbox.id)
        self._committed_mb -= sandbox.function.memory_mb
        self._commands.append(StopSandbox(sandbox.id, reason))

    def _retire(self, key: str) -> None:
        self._waiting.pop(key, None)
        for sandbox in list(self._sandboxes.values()):
            if sandbox.function.key != key or sandbox.retired:
                continue
            sandbox.retired = True
            if sandbox.state is SandboxState.IDLE:
                self._stop_idle(sandbox, StopReason.RETIRED)


def _failure(event: SandboxGone) -> Failure:
    if event.exit_code is None:
        return Failure.START_FAILED
    return Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
