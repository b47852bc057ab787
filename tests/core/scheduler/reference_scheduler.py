"""A naive scheduler to compare the real one with: plain lists, scans and sorting, no indexes.

It is written from the specification and shares with the core the nouns (model, messages) and the
settings (policy), nothing else. What the core keeps an index, a counter or a heap for is found
here by looking at everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

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
from emulator.core.messages.events import (
    CallerLeft,
    Event,
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
    SandboxGone,
    SandboxReady,
    SandboxReset,
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
    SandboxState,
    Seconds,
    StartKind,
    StopReason,
    ThrottleReason,
)
from emulator.core.policies.interface import PreWarm, Provision, Wake
from emulator.core.policy import Admission, Binding, Chance, PickOrder, SchedulerSettings
from emulator.core.stem_cells import StemCells

if TYPE_CHECKING:
    from emulator.core.model import Sandbox

QUEUED, STARTING, BUSY, IDLE, RESETTING, STOPPING, _ = SandboxState
FOREVER = float("inf")


@dataclass(eq=False)
class Box:
    """A sandbox; `request` is what it runs, or what fails with it if its start does."""

    id: int
    function: FunctionVersion
    keep_alive: Seconds
    request: str | None
    tenant: str = ""
    state: SandboxState = QUEUED
    download: Seconds = 0.0
    placed_number: int = 0
    """When its code came, among all that happened; 0 as long as it waits for that."""
    provisioned: bool = False
    prewarmed: bool = False
    recycle_at: Seconds = FOREVER
    initialized: bool = False
    init_began: bool = False
    retired: bool = False
    invocation: str | None = None
    """As `request` at its creation, for a policy."""
    idle_number: int = 0
    idle_since: Seconds = 0.0
    deadline: Seconds | None = None
    deadline_number: int = 0
    free_by: Seconds | None = None
    """It has answered, and is counted on until then."""
    placed_at: Seconds = 0.0
    """Until when its code came at the latest."""
    left_number: int = 0
    """When the caller of its request left while it was queued; 0 where that did not happen."""


@dataclass(eq=False)
class Request:
    """One that was accepted and has not ended."""

    id: str
    function: FunctionVersion
    tenant: str = ""
    running: bool = False
    on_demand: bool = True


@dataclass(eq=False)
class Held:
    """A request that waits for a sandbox which has answered."""

    id: str
    key: str
    tenant: str
    latest: Seconds
    deadline: Seconds
    deadline_number: int


@dataclass(eq=False)
class Cell:
    """A sandbox of no function yet."""

    id: int
    runtime: str
    memory_mb: int
    ready: bool = False


@dataclass(eq=False)
class Alarm:
    """A policy wants to be woken."""

    name: str
    deadline: Seconds
    deadline_number: int


def first_start(box: Box) -> StartKind:
    return StartKind.RESTORED if box.function.snapshot else StartKind.COLD


def seen_by_a_policy(box: Box) -> Sandbox:
    """A policy reads of a sandbox what a box has too."""
    return cast("Sandbox", box)


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
        self.provisioned: dict[str, int] = {}
        """Of each version: how many are wanted, but for those whose start failed."""
        self.asked: dict[str, int] = {}
        self.taken: list[tuple[object, Seconds]] = []
        """Of each bucket: when a token was taken."""
        self.commands: list[Command] = []
        self.peaks: list[tuple[FunctionVersion, int]] = []
        self.available_mb: int | None = None
        self.held: list[Held] = []
        self.let_down: list[tuple[str, str]] = []
        self.policy = settings.policy.make() if settings.policy else None
        self.alarms: list[Alarm] = []
        self.fetched: list[tuple[FunctionVersion, Seconds]] = []
        """Of each deployment: when its code was there for the first time."""
        self.now = 0.0
        self.cells: list[Cell] = []
        self.cells_ever = 0
        self.cell_sizes: list[tuple[str, int]] = []
        self.cells_resume_at = -FOREVER

    # looking

    def next_deadline(self) -> Seconds | None:
        ends = [box.deadline for box in self.boxes if box.deadline is not None]
        ends += [each.deadline for each in [*self.held, *self.alarms]]
        if self.cell_to_make() is not None:
            ends.append(self.cells_resume_at)
        return min(ends, default=None)

    def box(self, number: int) -> Box | None:
        return next((box for box in self.boxes if box.id == number), None)

    def committed_mb(self) -> int:
        return sum(self.charge(box) for box in self.boxes if box.state is not STOPPING)

    def held_mb(self) -> int:
        return sum(self.charge(box) for box in self.boxes if box.state is not QUEUED)

    def charge(self, box: Box) -> int:
        return self.charge_of(box.function)

    def charge_of(self, function: FunctionVersion) -> int:
        """What one sandbox counts with, worked out from all peaks that were told."""
        if self.settings.admission is Admission.NOMINAL:
            return function.memory_mb
        peaks = [peak for of, peak in self.peaks if of is function and peak > 0]
        seen = math.ceil(max(peaks) * 1.25) + 32 if peaks else 256
        return min(function.memory_mb, seen)

    def for_sandboxes_mb(self) -> int:
        """What snapshots, with two forks each, and cells leave."""
        kept = sum(self.kept_for_snapshot(each) for each in self.versions if each.snapshot)
        cells = sum(cell.memory_mb for cell in self.cells)
        return self.settings.host_memory_mb - kept - cells

    def kept_for_snapshot(self, function: FunctionVersion) -> int:
        if self.settings.admission is Admission.NOMINAL:
            return function.memory_mb + 32 + 2 * 5
        if function.snapshot_mb:
            return function.snapshot_mb + 2 * 5
        return min(function.memory_mb, 256) + 2 * 5

    def excess_with(self, more: int, freed: int = 0) -> int:
        excess = self.committed_mb() - freed + more - self.for_sandboxes_mb()
        if self.available_mb is None:
            return excess
        more += sum(cell.memory_mb for cell in self.cells if not cell.ready)
        starting = sum(map(self.charge, self.in_state(QUEUED) + self.in_state(STARTING)))
        short = self.settings.host_reserve_mb + starting + more - self.available_mb - freed
        return max(excess, short)

    def in_state(self, state: SandboxState) -> list[Box]:
        return [box for box in self.boxes if box.state is state]

    def waiting_for(self, function: FunctionVersion, tenant: str) -> list[Request]:
        """Accepted requests of one deployment that run nowhere, the oldest first."""
        here = [each for each in self.requests if each.function is function]
        return [each for each in here if each.tenant == tenant and not each.running]

    def limit_met(self, name: str) -> ThrottleReason | None:
        reserved = dict(self.reserved)
        on_demand = [each.function.name for each in self.requests if each.on_demand]
        provisioned = {
            other: sum(self.asked.get(each.key, 0) for each in self.versions if each.name == other)
            for other in {each.name for each in self.versions}
        }
        if name in reserved:
            met = on_demand.count(name) >= reserved[name] - provisioned.get(name, 0)
            return ThrottleReason.RESERVED_CONCURRENCY if met else None
        taken = sum(reserved.values())
        taken += sum(count for other, count in provisioned.items() if other not in reserved)
        running = [other for other in on_demand if other not in reserved]
        met = len(running) >= self.settings.account_concurrency - taken
        return ThrottleReason.ACCOUNT_CONCURRENCY if met else None

    def tokens(self, bucket: object, capacity: float, refill: float, now: Seconds) -> float:
        """Worked out from the beginning each time."""
        left, before = capacity, 0.0
        for at in [at for of, at in self.taken if of == bucket] + [now]:
            left = min(capacity, left + (at - before) * refill) - 1
            before = at
        return left + 1

    def rate_met(self, name: str, now: Seconds) -> ThrottleReason | None:
        rate, reserved = self.settings.requests_per_concurrency, dict(self.reserved)
        if rate is None or reserved.get(name) == 0:
            return None
        limit = rate * reserved.get(name, self.settings.account_concurrency)
        bucket = ("rate", name if name in reserved else "")
        if self.tokens(bucket, limit, limit, now) < 1:
            if name in reserved:
                return ThrottleReason.RESERVED_RATE
            return ThrottleReason.ACCOUNT_RATE
        self.taken.append((bucket, now))
        return None

    def scale_out_met(self, name: str, now: Seconds) -> bool:
        rule = self.settings.scale_out
        if rule is None:
            return False
        bucket = ("scale", name if rule.per_function else "")
        return self.tokens(bucket, rule.burst, rule.refill_per_second, now) < 1

    def tenant_limit_met(self, function: FunctionVersion) -> bool:
        ratio = self.settings.tenant_sandboxes_per_concurrency
        if not function.per_tenant or ratio is None:
            return False
        most = dict(self.reserved).get(function.name, self.settings.account_concurrency)
        boxes = [box for box in self.boxes if box.tenant and box.function.name == function.name]
        return len(boxes) >= int(most * ratio)

    # the one entrance

    def handle(self, event: Event, now: Seconds) -> list[Command]:
        self.commands = []
        self.now = now
        self.expire_due(now)
        self.place_let_down(now)
        self.take(event, now)
        self.place_let_down(now)
        self.relieve(now)
        self.obey(now)
        self.top_up(now)
        self.start_queued(now)
        self.make_cell(now)
        return self.commands

    def take(  # noqa: C901, PLR0912, PLR0915  # one case an event
        self, event: Event, now: Seconds
    ) -> None:
        match event:
            case InvokeRequested():
                self.request(event, now)
            case InitBegan(number):
                self.init_began(number, now)
            case SandboxReady():
                self.ready(event, now)
            case InvocationAnswered(number, invocation):
                self.answered(number, invocation, now)
            case StayedBusy(number):
                if (box := self.box(number)) is not None:
                    self.give_up_on(box)
            case InvocationFinished():
                self.finished(event, now)
            case InitFailed(number):
                self.broke_down(number, Failure.INIT_ERROR, None, now)
            case RuntimeExited(number, code, starved):
                self.observe(number, event.max_memory_mb)
                failure = Failure.OUT_OF_MEMORY if starved else Failure.EXITED
                self.broke_down(number, failure, code, now)
            case SandboxReset(number):
                self.observe(number, event.max_memory_mb)
                self.was_reset(number, now)
            case SandboxGone():
                self.gone(event)
            case VersionDeployed(function):
                self.retire(function.key, now)
                self.versions.append(function)
                if self.policy:
                    self.policy.deployed(function, self.policy_time())
                self.end_cells()
            case VersionRetired(key):
                self.retire(key, now)
                self.end_cells()
            case StemCellReady(number, memory_mb):
                for cell in [each for each in self.cells if each.id == number]:
                    if memory_mb and not cell.ready:
                        cell.memory_mb = memory_mb
                        self.cell_sizes.append((cell.runtime, memory_mb))
                    cell.ready = True
            case StemCellGone(number):
                for cell in [each for each in self.cells if each.id == number]:
                    self.cells.remove(cell)
                    if not cell.ready:
                        self.cells_resume_at = now + self.stem_rule().pause
            case ReservedConcurrencySet(name, limit):
                if limit is None or name not in dict(self.reserved) or limit >= 0:
                    self.taken = [pair for pair in self.taken if pair[0] != ("rate", name)]
                others = [pair for pair in self.reserved if pair[0] != name]
                self.reserved = others if limit is None else [*others, (name, limit)]
            case ProvisionedSet(key, count):
                self.provision(key, count)
            case FunctionRecycled(name):
                for box in list(self.boxes):
                    if box.function.name == name and box.state in (STARTING, BUSY, RESETTING, IDLE):
                        box.recycle_at = now
                        if box.state is IDLE:
                            self.stop(box, StopReason.RECYCLED)
            case HostMemoryMeasured(available_mb):
                self.available_mb = available_mb
            case CallerLeft(invocation):
                self.caller_left(invocation)
            case TimePassed():
                pass

    # stem cells

    def stem_rule(self) -> StemCells:
        return self.settings.stem_cells or StemCells()

    def wanted_runtimes(self) -> list[str]:
        runtimes = {function.stem for function in self.versions if function.stem}
        return sorted(each for each in runtimes if self.stem_rule().wanted(each) > 0)

    def end_cells(self) -> None:
        for cell in list(self.cells):
            if cell.runtime not in self.wanted_runtimes():
                self.cells.remove(cell)
                self.commands.append(StopStemCell(cell.id))

    def missing_cell(self) -> str | None:
        """The runtime of which a cell is made next, while nothing is made or waits to be."""
        if self.in_state(STARTING) or any(box.placed_number for box in self.in_state(QUEUED)):
            return None
        if any(not cell.ready for cell in self.cells):
            return None
        for runtime in self.wanted_runtimes():
            have = [cell for cell in self.cells if cell.runtime == runtime]
            if len(have) < self.stem_rule().wanted(runtime):
                return runtime
        return None

    def cells_to_give_up(self, runtime: str) -> list[Cell]:
        """In this order, for a sandbox of a runtime: the one that it would take is the last."""
        others = [cell for cell in self.cells if cell.runtime != runtime]
        return [*others, *reversed([cell for cell in self.cells if cell.runtime == runtime])]

    def give_up_cell(self, cell: Cell, now: Seconds) -> None:
        self.cells.remove(cell)
        self.cells_resume_at = now + self.stem_rule().pause
        self.commands.append(StopStemCell(cell.id))

    def size_of_a_cell(self, runtime: str) -> int:
        seen = [size for of, size in self.cell_sizes if of == runtime]
        return seen[-1] if seen else self.stem_rule().memory_mb

    def cell_to_make(self) -> str | None:
        runtime = self.missing_cell()
        fits = runtime is not None and self.excess_with(self.size_of_a_cell(runtime)) <= 0
        return runtime if fits else None

    def make_cell(self, now: Seconds) -> None:
        runtime = self.cell_to_make()
        if runtime is not None and now >= self.cells_resume_at:
            self.cells_ever += 1
            self.cells.append(Cell(self.cells_ever, runtime, self.size_of_a_cell(runtime)))
            self.cells_resume_at = now + self.stem_rule().pace
            self.commands.append(MakeStemCell(self.cells_ever, runtime))

    def take_cell(self, box: Box) -> int:
        fit = [cell for cell in self.cells if cell.ready and cell.runtime == box.function.stem]
        if box.request is None or box.function.snapshot or not fit:
            return 0
        self.cells.remove(fit[0])
        return fit[0].id

    # callers that have left

    def caller_left(self, invocation: str) -> None:
        if self.settings.binding is Binding.LATE:
            return
        for box in self.in_state(QUEUED):
            if box.request == invocation and not box.left_number:
                self.numbers += 1
                box.left_number = self.numbers
                if box.placed_number:
                    box.placed_number = box.left_number

    def take_overdue(self, box: Box, start: StartKind, now: Seconds) -> bool:
        """Early binding: what comes free runs what has waited too long for a start to begin."""
        since = now - self.settings.queue_patience
        same = [each for each in self.in_state(QUEUED) if each.request and not each.retired]
        same = [each for each in same if (each.function, each.tenant) == (box.function, box.tenant)]
        same = [each for each in same if each.placed_number and not each.left_number]
        same = [each for each in same if each.placed_at <= since]
        late = self.settings.binding is Binding.LATE
        if late or not same or box.provisioned or self.end_of(box, now) is not None:
            return False
        first = min(same, key=lambda each: each.placed_number)
        assert first.request is not None
        self.remove(first)
        self.dispatch(box, first.request, start, now)
        return True

    def take_left(self, box: Box, start: StartKind, now: Seconds) -> bool:
        """Early binding: what comes free runs what nobody waits for, in the place of another."""
        same = (box.function, box.tenant)
        left = [each for each in self.in_state(QUEUED) if each.left_number and not each.retired]
        left = [each for each in left if (each.function, each.tenant) == same]
        held = self.held_for(box.function.key, box.tenant)
        if not left or held or box.provisioned or self.end_of(box, now) is not None:
            return False
        first = min(left, key=lambda each: each.left_number)
        assert first.request is not None
        request = first.request
        self.remove(first)
        self.dispatch(box, request, start, now)
        return True

    # the policy

    def policy_time(self) -> Seconds:
        return self.now * self.settings.idle_speedup

    def obey(self, now: Seconds) -> None:
        if not self.policy:
            return
        orders, self.policy.orders = self.policy.orders, []
        for order in orders:
            match order:
                case Wake(name, at):
                    self.alarms = [each for each in self.alarms if each.name != name]
                    self.numbers += 1
                    at = max(at / self.settings.idle_speedup, now)
                    self.alarms.append(Alarm(name, at, self.numbers))
                case Provision(key, count):
                    self.provision(key, count)
                case PreWarm(key, count):
                    found = [each for each in self.versions if each.key == key]
                    for function in [each for each in found if not each.per_tenant]:
                        while len(self.ready_ahead(function)) < count:
                            if not self.make_room(function, now, evicting=False):
                                break
                            self.create(function, None, now, prewarmed=True)

    def ready_ahead(self, function: FunctionVersion) -> list[Box]:
        boxes = [box for box in self.boxes if box.function is function and not box.provisioned]
        return [
            box
            for box in boxes
            if box.state is IDLE or (box.prewarmed and box.state in (QUEUED, STARTING))
        ]

    def in_order_of_eviction(self) -> list[Box]:
        idle = [box for box in self.in_state(IDLE) if not box.provisioned]
        idle = sorted(idle, key=lambda box: box.idle_number)
        if not self.policy:
            return idle
        return cast("list[Box]", list(self.policy.victims([seen_by_a_policy(b) for b in idle])))

    # requests

    def request(self, event: InvokeRequested, now: Seconds) -> None:
        function = next(each for each in self.versions if each.key == event.key)
        reason = self.rate_met(function.name, now)
        if reason is not None:
            self.commands.append(Throttle(event.invocation, reason))
        elif not self.hold(function, event.tenant, event.invocation, now):
            self.place(function, event.tenant, event.invocation, now)

    def place(self, function: FunctionVersion, tenant: str, invocation: str, now: Seconds) -> None:
        reason = None
        box = self.pick(function, tenant, provisioned=True)
        if box is None:
            reason = self.limit_met(function.name)
            box = None if reason else self.pick(function, tenant, provisioned=False)
        if reason is None and box is None:
            if self.scale_out_met(function.name, now):
                reason = ThrottleReason.SCALE_OUT
            elif self.tenant_limit_met(function):
                reason = ThrottleReason.TENANT_SANDBOXES
            elif not self.make_room(function, now):
                reason = ThrottleReason.HOST_MEMORY
        if reason is not None:
            self.commands.append(Throttle(invocation, reason))
            return
        on_demand = box is None or not box.provisioned
        self.requests.append(Request(invocation, function, tenant, on_demand=on_demand))
        if box is not None:
            self.dispatch(box, invocation, self.later_kind(box), now)
            return
        if self.settings.scale_out is not None:
            per_function = self.settings.scale_out.per_function
            self.taken.append((("scale", function.name if per_function else ""), now))
        self.create(function, invocation, now, tenant=tenant)

    # hand-overs

    def idle_of(self, key: str, tenant: str) -> list[Box]:
        boxes = [box for box in self.in_state(IDLE) if box.function.key == key]
        return [box for box in boxes if box.tenant == tenant]

    def held_for(self, key: str, tenant: str) -> list[Held]:
        return [each for each in self.held if (each.key, each.tenant) == (key, tenant)]

    def counted_on(self, key: str, tenant: str, now: Seconds) -> int:
        boxes = [box for box in self.boxes if box.function.key == key and not box.retired]
        boxes = [box for box in boxes if box.tenant == tenant]
        return len([box for box in boxes if box.free_by is not None and box.free_by > now])

    def hold(self, function: FunctionVersion, tenant: str, invocation: str, now: Seconds) -> bool:
        key = function.key
        ahead = len(self.held_for(key, tenant)) + len(self.late_waiting(function, tenant))
        if ahead >= self.counted_on(key, tenant, now):
            return False
        wait = patience = self.settings.hand_over_patience
        if self.idle_of(key, tenant):
            if self.settings.pick_order is not PickOrder.MOST_RECENTLY_USED:
                return False
            wait = self.settings.hand_over_preference
        self.numbers += 1
        self.held.append(Held(invocation, key, tenant, now + patience, now + wait, self.numbers))
        return True

    def late_waiting(self, function: FunctionVersion, tenant: str) -> list[Request]:
        late = self.settings.binding is Binding.LATE
        return self.waiting_for(function, tenant) if late else []

    def place_held(self, first: Held, now: Seconds) -> None:
        self.held.remove(first)
        function = next(each for each in self.versions if each.key == first.key)
        self.place(function, first.tenant, first.id, now)

    def held_long(self, each: Held, now: Seconds) -> None:
        if each.latest > now and not self.idle_of(each.key, each.tenant):
            self.numbers += 1
            each.deadline, each.deadline_number = each.latest, self.numbers
            return
        self.place_held(each, now)

    def give_up_on(self, box: Box) -> None:
        key, tenant = box.function.key, box.tenant
        if box.free_by is not None and not box.retired and self.held_for(key, tenant):
            self.let_down.append((key, tenant))
        box.free_by = None

    def place_let_down(self, now: Seconds) -> None:
        for key, tenant in self.let_down:
            while len(self.held_for(key, tenant)) > self.counted_on(key, tenant, now):
                self.place_held(self.held_for(key, tenant)[0], now)
        self.let_down = []

    def answered(self, number: int, invocation: str, now: Seconds) -> None:
        box = self.box(number)
        runs = box is not None and box.state is BUSY and box.request == invocation
        if box is not None and runs and self.end_of(box, now) is None:
            box.free_by = now + self.settings.hand_over_patience

    def create(
        self,
        function: FunctionVersion,
        request: str | None,
        now: Seconds,
        *,
        prewarmed: bool = False,
        tenant: str = "",
    ) -> None:
        self.boxes_ever += 1
        speedup = self.settings.idle_speedup
        keep_alive = recycle_at = FOREVER
        if request is not None or prewarmed:
            keep_alive = self.settings.keep_alive.draw(self.chance) / speedup
        if self.settings.recycle_age is not None:
            recycle_at = now + self.settings.recycle_age.draw(self.chance) / speedup
        box = Box(self.boxes_ever, function, keep_alive, request, tenant)
        box.provisioned = request is None and not prewarmed
        box.prewarmed, box.recycle_at, box.invocation = prewarmed, recycle_at, request
        self.boxes.append(box)
        if self.policy:
            self.policy.created(seen_by_a_policy(box), self.policy_time())
        box.download = self.download(function, now)
        box.placed_at = now + box.download
        if box.download > 0:
            self.set_deadline(box, now + box.download)
        else:
            self.numbers += 1
            box.placed_number = self.numbers

    def download(self, function: FunctionVersion, now: Seconds) -> Seconds:
        rule = self.settings.placement
        if rule is None:
            return 0.0
        first = [at for of, at in self.fetched if of is function]
        if any(at <= now for at in first):
            return 0.0
        if not first:
            self.fetched.append((function, now + rule.seconds(function.package_mb)))
        return rule.seconds(function.package_mb)

    def later_kind(self, box: Box) -> StartKind:
        if not box.initialized:
            return StartKind.SUPPRESSED
        return StartKind.PROVISIONED if box.provisioned else StartKind.WARM

    def pick(self, function: FunctionVersion, tenant: str, *, provisioned: bool) -> Box | None:
        idle = [box for box in self.in_state(IDLE) if box.function is function]
        idle = [box for box in idle if box.tenant == tenant]
        idle = [box for box in idle if box.provisioned is provisioned]
        match self.settings.pick_order:
            case PickOrder.MOST_RECENTLY_USED:
                return max(idle, key=lambda box: box.idle_number, default=None)
            case PickOrder.LEAST_RECENTLY_USED:
                return min(idle, key=lambda box: box.idle_number, default=None)
            case PickOrder.OLDEST_FIRST:
                return min(idle, key=lambda box: box.id, default=None)

    def make_room(self, function: FunctionVersion, now: Seconds, *, evicting: bool = True) -> bool:
        order: list[Cell | Box] = list(self.cells_to_give_up(function.stem))
        order += self.in_order_of_eviction() if evicting else []
        for count in range(len(order) + 1):
            freed = sum(map(self.freed_by, order[:count]))
            if self.excess_with(self.charge_of(function), freed) <= 0:
                for each in order[:count]:
                    self.end_early(each, now)
                return True
        return False

    def freed_by(self, each: Cell | Box) -> int:
        return each.memory_mb if isinstance(each, Cell) else self.charge(each)

    def end_early(self, each: Cell | Box, now: Seconds) -> None:
        if isinstance(each, Cell):
            self.give_up_cell(each, now)
        else:
            self.stop(each, StopReason.EVICTED)

    def relieve(self, now: Seconds) -> None:
        while self.excess_with(0) > 0:
            order: list[Cell | Box] = list(self.cells_to_give_up(""))
            if self.settings.admission is Admission.ACTUAL:
                order += self.in_order_of_eviction()
            if not order:
                return
            self.end_early(order[0], now)

    def observe(self, number: int, peak_mb: int) -> None:
        if (box := self.box(number)) is not None:
            self.peaks.append((box.function, peak_mb))

    def start_queued(self, now: Seconds) -> None:
        placed = [box for box in self.in_state(QUEUED) if box.placed_number]
        for box in sorted(placed, key=lambda box: (box.left_number > 0, box.placed_number)):
            room = self.held_mb() + self.charge(box) <= self.for_sandboxes_mb()
            room = room or not self.in_state(STOPPING)
            if len(self.in_state(STARTING)) >= self.settings.start_width or not room:
                return
            box.state = STARTING
            self.set_deadline(box, now + self.settings.start_timeout)
            key, request = box.function.key, box.request
            cell = self.take_cell(box)
            command = StartSandbox(box.id, key, request, box.prewarmed, box.download, cell)
            self.commands.append(command)

    # provisioned concurrency

    def members(self, key: str) -> list[Box]:
        return [
            box
            for box in self.boxes
            if box.provisioned
            and box.function.key == key
            and not box.retired
            and box.state is not STOPPING
        ]

    def provision(self, key: str, count: int) -> None:
        if all(each.key != key or each.per_tenant for each in self.versions):
            return
        self.asked[key] = self.provisioned[key] = count
        for box in self.members(key):
            if len(self.members(key)) <= count:
                return
            if box.state is QUEUED:
                self.remove(box)
            elif box.state is IDLE:
                self.stop(box, StopReason.DEPROVISIONED)

    def top_up(self, now: Seconds) -> None:
        for function in sorted(self.versions, key=lambda each: each.key):
            while len(self.members(function.key)) < self.provisioned.get(function.key, 0):
                if not self.make_room(function, now, evicting=False):
                    return
                self.create(function, None, now)

    # the life of a sandbox

    def init_began(self, number: int, now: Seconds) -> None:
        box = self.box(number)
        if box is not None and box.state is STARTING:
            box.init_began = True
            limit = self.settings.init_timeout
            if box.provisioned:
                limit = max(self.settings.provisioned_init_timeout, box.function.timeout)
            self.set_deadline(box, now + limit)

    def ready(self, event: SandboxReady, now: Seconds) -> None:
        box = self.box(event.sandbox)
        if box is not None and box.state in (STARTING, BUSY):
            box.initialized = True
        if box is not None and box.state is STARTING:
            self.serve_its_own(box, now)

    def is_late(self, box: Box) -> bool:
        late = self.settings.binding is Binding.LATE
        return late and not box.retired and not box.provisioned

    def serve_its_own(self, box: Box, now: Seconds) -> None:
        if self.is_late(box) and self.waiting_for(box.function, box.tenant):
            self.take_oldest(box, first_start(box), now)
        elif box.request is not None:
            self.dispatch(box, box.request, first_start(box), now)
        elif not (
            self.take_overdue(box, first_start(box), now)
            or self.take_left(box, first_start(box), now)
        ):
            self.rest(box, now)

    def finished(self, event: InvocationFinished, now: Seconds) -> None:
        box = self.box(event.sandbox)
        if box is None or box.state is not BUSY or box.request != event.invocation:
            return
        self.observe(box.id, event.max_memory_mb)
        self.requests = [each for each in self.requests if each.id != event.invocation]
        box.request = None
        if self.policy:
            self.policy.ended(seen_by_a_policy(box), self.policy_time())
        self.give_up_on(box)
        late = self.is_late(box) and self.late_waiting(box.function, box.tenant)
        kept = self.end_of(box, now) is None
        if kept and not late and self.take_overdue(box, self.later_kind(box), now):
            return
        if late or not kept or not self.take_held(box, now):
            self.serve_or_rest(box, self.later_kind(box), now)

    def take_held(self, box: Box, now: Seconds) -> bool:
        while held := self.held_for(box.function.key, box.tenant):
            self.held.remove(held[0])
            reason = None if box.provisioned else self.limit_met(box.function.name)
            if reason is None:
                on_demand = not box.provisioned
                self.requests.append(
                    Request(held[0].id, box.function, box.tenant, on_demand=on_demand)
                )
                self.dispatch(box, held[0].id, self.later_kind(box), now)
                return True
            self.commands.append(Throttle(held[0].id, reason))
        return False

    def serve_or_rest(self, box: Box, start: StartKind, now: Seconds) -> None:
        if self.is_late(box) and self.waiting_for(box.function, box.tenant):
            self.take_oldest(box, start, now)
        elif not (self.take_overdue(box, start, now) or self.take_left(box, start, now)):
            self.rest(box, now)

    def take_oldest(self, box: Box, start: StartKind, now: Seconds) -> None:
        """Late binding: whoever comes free takes the oldest, and gives its own in exchange.

        The one whose request was taken goes on starting, for another request or for none;
        for none, it is not started if it has not been yet.
        """
        request = self.waiting_for(box.function, box.tenant)[0]
        other = next(each for each in self.boxes if each.request == request.id)
        other.request = box.request
        if other.state is QUEUED and other.request is None:
            self.remove(other)
        self.dispatch(box, request.id, start, now)

    def end_of(self, box: Box, now: Seconds) -> StopReason | None:
        if box.retired:
            return StopReason.RETIRED
        key = box.function.key
        if box.provisioned and len(self.members(key)) > self.asked[key]:
            return StopReason.DEPROVISIONED
        if box.keep_alive <= 0:
            return StopReason.KEEP_ALIVE_ENDED
        return StopReason.RECYCLED if box.recycle_at <= now else None

    def rest(self, box: Box, now: Seconds) -> None:
        reason = self.end_of(box, now)
        if reason is not None:
            self.stop(box, reason)
            return
        if self.policy and not box.provisioned:
            keep = self.policy.idle(seen_by_a_policy(box), self.policy_time(), self.chance)
            if keep is not None:
                box.keep_alive = keep / self.settings.idle_speedup
                if keep <= 0:
                    self.stop(box, StopReason.KEEP_ALIVE_ENDED)
                    return
        box.state = IDLE
        self.numbers += 1
        box.idle_number, box.idle_since = self.numbers, now
        until = min(now + box.keep_alive, box.recycle_at)
        box.deadline = None
        if until < FOREVER:
            self.set_deadline(box, until)
        self.commands.append(FreezeSandbox(box.id))
        if held := self.held_for(box.function.key, box.tenant):
            self.place_held(held[0], now)

    def dispatch(self, box: Box, request: str, start: StartKind, now: Seconds) -> None:
        box.state = BUSY
        box.request = request
        next(each for each in self.requests if each.id == request).running = True
        self.set_deadline(box, now + box.function.timeout)
        if self.policy:
            self.policy.began(seen_by_a_policy(box), self.policy_time())
        box.prewarmed = False
        self.commands.append(Dispatch(box.id, request, start))

    def set_deadline(self, box: Box, at: Seconds) -> None:
        self.numbers += 1
        box.deadline, box.deadline_number = at, self.numbers

    # endings

    def expire_due(self, now: Seconds) -> None:
        while True:
            due: list[Box | Held | Alarm] = [box for box in self.boxes if box.deadline is not None]
            due = [*due, *self.held, *self.alarms]
            due = [each for each in due if (each.deadline or 0.0) <= now]
            if not due:
                return
            first = min(due, key=lambda each: (each.deadline, each.deadline_number))
            if isinstance(first, Held):
                self.held_long(first, now)
            elif isinstance(first, Alarm):
                self.alarms.remove(first)
                if self.policy:
                    self.policy.woken(first.name, self.policy_time())
            else:
                self.expire(first, now)

    def expire(self, box: Box, now: Seconds) -> None:
        if box.state is IDLE:
            old = box.recycle_at < box.idle_since + box.keep_alive
            more = 0.0
            if self.policy and not old:
                more = self.policy.expired(seen_by_a_policy(box), self.policy_time())
                more /= self.settings.idle_speedup
            if more > 0:
                box.keep_alive, box.deadline = now - box.idle_since + more, None
                until = min(now + more, box.recycle_at)
                if until < FOREVER:
                    self.set_deadline(box, until)
                return
            self.stop(box, StopReason.RECYCLED if old else StopReason.KEEP_ALIVE_ENDED)
        elif box.state is QUEUED:
            self.numbers += 1
            box.placed_number, box.deadline = self.numbers, None
        elif box.state is BUSY:
            self.fail(box, Failure.TIMEOUT)
            self.reset(box, Failure.TIMEOUT, now)
        elif box.init_began:
            self.init_again(box, Failure.INIT_TIMEOUT, now)
        else:
            self.fail(box, Failure.START_FAILED)
            self.give_up(box)
            self.stop(box, StopReason.START_TIMED_OUT)

    def broke_down(self, number: int, failure: Failure, code: int | None, now: Seconds) -> None:
        box = self.box(number)
        if box is None:
            return
        if box.state is STARTING:
            self.init_again(box, failure, now)
        elif box.state is BUSY:
            self.fail(box, failure, code)
            self.reset(box, failure, now)
        elif box.state is IDLE:
            self.reset(box, failure, now)

    def init_again(self, box: Box, failure: Failure, now: Seconds) -> None:
        if box.request is not None:
            self.reset(box, failure, now)
            return
        self.give_up(box)
        timed_out = failure is Failure.INIT_TIMEOUT
        self.stop(box, StopReason.INIT_TIMED_OUT if timed_out else StopReason.INIT_FAILED)

    def give_up(self, box: Box) -> None:
        """The place of one whose start failed stays empty."""
        if box in self.members(box.function.key):
            self.provisioned[box.function.key] -= 1

    def reset(self, box: Box, failure: Failure, now: Seconds) -> None:
        reason = self.end_of(box, now) if box.request is None else None
        if reason is not None:
            self.stop(box, reason)
            return
        self.lose(box)
        box.state, box.deadline, box.initialized = RESETTING, None, False
        self.commands.append(ResetSandbox(box.id, failure))

    def was_reset(self, number: int, now: Seconds) -> None:
        box = self.box(number)
        if box is None or box.state is not RESETTING:
            return
        if box.request is not None:
            self.serve_its_own(box, now)
        else:
            self.serve_or_rest(box, StartKind.SUPPRESSED, now)

    def gone(self, event: SandboxGone) -> None:
        box = self.box(event.sandbox)
        if box is None or box.state is QUEUED:
            return
        ran = Failure.OUT_OF_MEMORY if event.out_of_memory else Failure.EXITED
        failure = Failure.START_FAILED if event.exit_code is None else ran
        self.lose(box)
        self.fail(box, failure, event.exit_code)
        if box.state is STARTING:
            self.give_up(box)
        self.remove(box)

    def fail(self, box: Box, failure: Failure, exit_code: int | None = None) -> None:
        if box.request is not None:
            if self.policy and box.state is BUSY:
                self.policy.ended(seen_by_a_policy(box), self.policy_time())
            self.give_up_on(box)
            self.requests = [each for each in self.requests if each.id != box.request]
            self.commands.append(Fail(box.request, failure, box.id, exit_code))
            box.request = None

    def lose(self, box: Box, *, evicted: bool = False) -> None:
        if self.policy and box.state is IDLE and not box.provisioned:
            self.policy.lost(seen_by_a_policy(box), self.policy_time(), evicted=evicted)

    def remove(self, box: Box) -> None:
        self.boxes.remove(box)
        if self.policy and box.state is not STOPPING:
            self.policy.gone(seen_by_a_policy(box), self.policy_time())

    def stop(self, box: Box, reason: StopReason) -> None:
        self.lose(box, evicted=reason is StopReason.EVICTED)
        box.state, box.request, box.deadline = STOPPING, None, None
        if self.policy:
            self.policy.gone(seen_by_a_policy(box), self.policy_time())
        self.commands.append(StopSandbox(box.id, reason))

    def retire(self, key: str, now: Seconds) -> None:
        for held in [each for each in self.held if each.key == key]:
            self.place_held(held, now)
        self.versions = [each for each in self.versions if each.key != key]
        self.provisioned.pop(key, None)
        self.asked.pop(key, None)
        for box in list(self.boxes):
            if box.function.key == key and not box.retired:
                box.retired, box.free_by = True, None
                if box.state is IDLE:
                    self.stop(box, StopReason.RETIRED)
                elif (box.provisioned or box.prewarmed) and box.state is QUEUED:
                    self.remove(box)
