"""A naive scheduler to compare the real one with: plain lists, scans and sorting, no indexes.

It is written from the specification and shares with the core the nouns (model, messages) and the
settings (policy), nothing else. What the core keeps an index, a counter or a heap for is found
here by looking at everything.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    SandboxState,
    Seconds,
    StartKind,
    StopReason,
    ThrottleReason,
)
from emulator.core.policy import Binding, Chance, PickOrder, SchedulerSettings

QUEUED, STARTING, BUSY, IDLE, STOPPING, _ = SandboxState


@dataclass(eq=False)
class Box:
    """A sandbox; `request` is what it runs, or what fails with it if its start does."""

    id: int
    function: FunctionVersion
    keep_alive: Seconds
    request: str | None
    state: SandboxState = QUEUED
    retired: bool = False
    idle_number: int = 0
    deadline: Seconds | None = None
    deadline_number: int = 0


@dataclass(eq=False)
class Request:
    """One that was accepted and has not ended."""

    id: str
    function: FunctionVersion
    running: bool = False


class ReferenceScheduler:
    def __init__(self, settings: SchedulerSettings, chance: Chance) -> None:
        self.settings = settings
        self.chance = chance
        self.versions: list[FunctionVersion] = []
        self.reserved: list[tuple[str, int]] = []
        self.requests: list[Request] = []
        self.boxes: list[Box] = []
        self.boxes_ever = 0
        self.numbers = 0
        self.commands: list[Command] = []

    # looking

    def next_deadline(self) -> Seconds | None:
        return min((box.deadline for box in self.boxes if box.deadline is not None), default=None)

    def box(self, number: int) -> Box | None:
        return next((box for box in self.boxes if box.id == number), None)

    def committed_mb(self) -> int:
        return sum(box.function.memory_mb for box in self.boxes if box.state is not STOPPING)

    def held_mb(self) -> int:
        return sum(box.function.memory_mb for box in self.boxes if box.state is not QUEUED)

    def in_state(self, state: SandboxState) -> list[Box]:
        return [box for box in self.boxes if box.state is state]

    def waiting_for(self, function: FunctionVersion) -> list[Request]:
        """Accepted requests of one deployment that run nowhere, the oldest first."""
        return [each for each in self.requests if each.function is function and not each.running]

    def limit_met(self, name: str) -> ThrottleReason | None:
        reserved = dict(self.reserved)
        if name in reserved:
            running = [each for each in self.requests if each.function.name == name]
            met = len(running) >= reserved[name]
            return ThrottleReason.RESERVED_CONCURRENCY if met else None
        running = [each for each in self.requests if each.function.name not in reserved]
        met = len(running) >= self.settings.account_concurrency - sum(reserved.values())
        return ThrottleReason.ACCOUNT_CONCURRENCY if met else None

    # the one entrance

    def handle(self, event: Event, now: Seconds) -> list[Command]:
        self.commands = []
        self.expire_due(now)
        match event:
            case InvokeRequested():
                self.request(event, now)
            case SandboxReady():
                self.ready(event, now)
            case InvocationFinished():
                self.finished(event, now)
            case InitFailed():
                self.init_failed(event)
            case SandboxGone():
                self.gone(event)
            case VersionDeployed(function):
                self.retire(function.key)
                self.versions.append(function)
            case VersionRetired(key):
                self.retire(key)
            case ReservedConcurrencySet(name, limit):
                others = [pair for pair in self.reserved if pair[0] != name]
                self.reserved = others if limit is None else [*others, (name, limit)]
            case TimePassed():
                pass
        self.start_queued(now)
        return self.commands

    # requests

    def request(self, event: InvokeRequested, now: Seconds) -> None:
        function = next(each for each in self.versions if each.key == event.key)
        reason = self.limit_met(function.name)
        box = self.pick(function)
        if reason is None and box is None and not self.make_room(function.memory_mb):
            reason = ThrottleReason.HOST_MEMORY
        if reason is not None:
            self.commands.append(Throttle(event.invocation, reason))
            return
        self.requests.append(Request(event.invocation, function))
        if box is not None:
            self.dispatch(box, event.invocation, StartKind.WARM, now)
            return
        self.boxes_ever += 1
        keep_alive = self.settings.keep_alive.draw(self.chance) / self.settings.idle_speedup
        self.boxes.append(Box(self.boxes_ever, function, keep_alive, event.invocation))

    def pick(self, function: FunctionVersion) -> Box | None:
        idle = [box for box in self.in_state(IDLE) if box.function is function]
        match self.settings.pick_order:
            case PickOrder.MOST_RECENTLY_USED:
                return max(idle, key=lambda box: box.idle_number, default=None)
            case PickOrder.LEAST_RECENTLY_USED:
                return min(idle, key=lambda box: box.idle_number, default=None)
            case PickOrder.OLDEST_FIRST:
                return min(idle, key=lambda box: box.id, default=None)

    def make_room(self, memory_mb: int) -> bool:
        victims: list[Box] = []
        idle = sorted(self.in_state(IDLE), key=lambda box: box.idle_number)
        while True:
            freed = sum(box.function.memory_mb for box in victims)
            if self.committed_mb() - freed + memory_mb <= self.settings.host_memory_mb:
                break
            if len(victims) == len(idle):
                return False
            victims.append(idle[len(victims)])
        for box in victims:
            self.stop(box, StopReason.EVICTED)
        return True

    def start_queued(self, now: Seconds) -> None:
        for box in self.in_state(QUEUED):
            room = self.held_mb() + box.function.memory_mb <= self.settings.host_memory_mb
            if len(self.in_state(STARTING)) >= self.settings.start_width or not room:
                return
            box.state = STARTING
            self.set_deadline(box, now + self.settings.init_timeout)
            assert box.request is not None
            self.commands.append(StartSandbox(box.id, box.function.key, box.request))

    # the life of a sandbox

    def ready(self, event: SandboxReady, now: Seconds) -> None:
        box = self.box(event.sandbox)
        if box is None or box.state is not STARTING:
            return
        late = self.settings.binding is Binding.LATE and not box.retired
        if late and self.waiting_for(box.function):
            self.take_oldest(box, StartKind.COLD, now)
        elif box.request is not None:
            self.dispatch(box, box.request, StartKind.COLD, now)
        else:
            self.rest(box, now)

    def finished(self, event: InvocationFinished, now: Seconds) -> None:
        box = self.box(event.sandbox)
        if box is None or box.state is not BUSY or box.request != event.invocation:
            return
        self.requests = [each for each in self.requests if each.id != event.invocation]
        box.request = None
        late = self.settings.binding is Binding.LATE and not box.retired
        if late and self.waiting_for(box.function):
            self.take_oldest(box, StartKind.WARM, now)
        else:
            self.rest(box, now)

    def take_oldest(self, box: Box, start: StartKind, now: Seconds) -> None:
        """Late binding: whoever comes free takes the oldest, and gives its own in exchange.

        The one whose request was taken goes on starting, for another request or for none;
        for none, it is not started if it has not been yet.
        """
        request = self.waiting_for(box.function)[0]
        other = next(each for each in self.boxes if each.request == request.id)
        other.request = box.request
        if other.state is QUEUED and other.request is None:
            self.boxes.remove(other)
        self.dispatch(box, request.id, start, now)

    def rest(self, box: Box, now: Seconds) -> None:
        if box.retired:
            self.stop(box, StopReason.RETIRED)
        elif box.keep_alive <= 0:
            self.stop(box, StopReason.KEEP_ALIVE_ENDED)
        else:
            box.state = IDLE
            self.numbers += 1
            box.idle_number = self.numbers
            self.set_deadline(box, now + box.keep_alive)
            self.commands.append(FreezeSandbox(box.id))

    def dispatch(self, box: Box, request: str, start: StartKind, now: Seconds) -> None:
        box.state = BUSY
        box.request = request
        next(each for each in self.requests if each.id == request).running = True
        self.set_deadline(box, now + box.function.timeout)
        self.commands.append(Dispatch(box.id, request, start))

    def set_deadline(self, box: Box, at: Seconds) -> None:
        self.numbers += 1
        box.deadline, box.deadline_number = at, self.numbers

    # endings

    def expire_due(self, now: Seconds) -> None:
        due = [box for box in self.boxes if box.deadline is not None and box.deadline <= now]
        for box in sorted(due, key=lambda box: (box.deadline, box.deadline_number)):
            if box.state is IDLE:
                self.stop(box, StopReason.KEEP_ALIVE_ENDED)
            elif box.state is BUSY:
                self.fail(box, Failure.TIMEOUT)
                self.stop(box, StopReason.TIMED_OUT)
            else:
                self.fail(box, Failure.INIT_TIMEOUT)
                self.stop(box, StopReason.INIT_TIMED_OUT)

    def init_failed(self, event: InitFailed) -> None:
        box = self.box(event.sandbox)
        if box is not None and box.state is STARTING:
            self.fail(box, Failure.INIT_ERROR)
            self.stop(box, StopReason.INIT_FAILED)

    def gone(self, event: SandboxGone) -> None:
        box = self.box(event.sandbox)
        if box is None or box.state is QUEUED:
            return
        ran = Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
        failure = Failure.START_FAILED if event.exit_code is None else ran
        self.fail(box, failure, event.exit_code)
        self.boxes.remove(box)

    def fail(self, box: Box, failure: Failure, exit_code: int | None = None) -> None:
        if box.request is not None:
            self.requests = [each for each in self.requests if each.id != box.request]
            self.commands.append(Fail(box.request, failure, box.id, exit_code))

    def stop(self, box: Box, reason: StopReason) -> None:
        box.state, box.request, box.deadline = STOPPING, None, None
        self.commands.append(StopSandbox(box.id, reason))

    def retire(self, key: str) -> None:
        self.versions = [each for each in self.versions if each.key != key]
        for box in self.boxes:
            if box.function.key == key and not box.retired:
                box.retired = True
                if box.state is IDLE:
                    self.stop(box, StopReason.RETIRED)
