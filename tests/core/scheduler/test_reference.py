from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    StartKind,
    StopReason,
    ThrottleReason,
    VersionKey,
)
from emulator.core.network_path import Trust
from emulator.core.placement import Placement
from emulator.core.policies.interface import PolicyChoice
from emulator.core.policy import (
    Admission,
    Binding,
    FixedKeepAlive,
    PickOrder,
    RecycleAge,
    ScaleOut,
    SchedulerSettings,
    SurvivalCurve,
)
from emulator.core.scheduler import Scheduler
from emulator.core.stem_cells import StemCells
from tests.core.policies.everything import Everything
from tests.core.policies.small import SMALL
from tests.core.scheduler.reference_scheduler import Box, ReferenceScheduler

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("small", "middle", "large")
TENANTS = ("blue", "green", "red")
MEMORY = {"small": 128, "middle": 256, "large": 512}
KEEP_ALIVES = (
    FixedKeepAlive(0.0),
    FixedKeepAlive(8.0),
    FixedKeepAlive(float("inf")),
    SurvivalCurve(((0.0, 1.0), (2.0, 1.0), (6.0, 0.4), (20.0, 0.0))),
)
STEM_CELLS = (
    None,
    StemCells(2, pace=0.25, pause=3.0, memory_mb=100),
    StemCells(1, (("java", 2), ("none", 3)), pace=2.0, pause=8.0),
    StemCells(0, (("java", 1),), pace=0.0),
)
PLACEMENT = Placement(((0.0, 0.0), (10.0, 0.5), (30.0, 4.0)), Trust.LOW, "made up")
CHOICES = (
    None,
    None,
    PolicyChoice("everything", Everything),
    PolicyChoice("everything", Everything),
    PolicyChoice("everything", Everything),
    *SMALL,
)
HOOKS = (
    "deployed",
    "created",
    "began",
    "ended",
    "idle",
    "expired",
    "lost",
    "gone",
    "woken",
    "victims",
)
LIVING = (
    SandboxState.STARTING,
    SandboxState.BUSY,
    SandboxState.IDLE,
    SandboxState.RESETTING,
)


@dataclass
class Seen:
    """What the streams contained: a stream without throttles says nothing about throttles."""

    events: Counter[str] = field(default_factory=Counter)
    commands: Counter[object] = field(default_factory=Counter)
    hooks: Counter[str] = field(default_factory=Counter)

    def add(self, event: Event, commands: list[Command]) -> None:
        self.events[type(event).__name__] += 1
        if isinstance(event, InvocationFinished) and any(
            isinstance(command, Dispatch) and command.sandbox == event.sandbox
            for command in commands
        ):
            self.events["handed over"] += 1
        for command in commands:
            self.commands["pre-warmed"] += isinstance(command, StartSandbox) and command.prewarmed
            self.commands["fetched"] += isinstance(command, StartSandbox) and command.download > 0
            self.commands["of a cell"] += isinstance(command, StartSandbox) and command.cell > 0
            match command:
                case Throttle(_, kind) | StopSandbox(_, kind) | Dispatch(_, _, kind):
                    self.commands[kind] += 1
                case Fail(_, kind, _, _):
                    self.commands[kind] += 1
                case ResetSandbox(_, kind):
                    self.commands[kind] += 1
                case StartSandbox() | FreezeSandbox() | MakeStemCell() | StopStemCell():
                    self.commands[type(command)] += 1


def random_settings(chance: random.Random, binding: Binding, order: PickOrder) -> SchedulerSettings:
    return SchedulerSettings(
        keep_alive=chance.choice(KEEP_ALIVES),
        policy=chance.choice(CHOICES),
        pick_order=order,
        binding=binding,
        host_memory_mb=chance.choice((384, 768, 1024, 4096)),
        admission=chance.choice(list(Admission)),
        host_reserve_mb=chance.choice((0, 64)),
        start_width=chance.choice((1, 2, 4)),
        account_concurrency=chance.choice((4, 8, 100)),
        requests_per_concurrency=chance.choice((None, None, 0.5)),
        scale_out=chance.choice(
            (None, None, ScaleOut(2, 0.25, per_function=True), ScaleOut(3, 0.5, per_function=False))
        ),
        tenant_sandboxes_per_concurrency=chance.choice((None, 0.5, 2.5)),
        recycle_age=chance.choice((None, RecycleAge(5.0, 40.0))),
        placement=chance.choice((None, None, PLACEMENT)),
        stem_cells=chance.choice(STEM_CELLS),
        queue_patience=chance.choice((0.5, 2.0, 10.0)),
        hand_over_patience=chance.choice((0.75, 3.0)),
        hand_over_preference=0.125,
        init_timeout=4.0,
        provisioned_init_timeout=4.5,
        start_timeout=6.0,
        idle_speedup=chance.choice((1.0, 2.0)),
    )


class Stream:
    """Tells both schedulers of the same random events, and compares what they answer.

    Most events are such as a world of sandboxes could send; some come too late or name what
    was never there.
    """

    def __init__(self, chance: random.Random, settings: SchedulerSettings, seen: Seen) -> None:
        seed = chance.randrange(2**32)
        self.chance = chance
        self.settings = settings
        self.seen = seen
        self.core = Scheduler(settings, random.Random(seed))
        self.reference = ReferenceScheduler(settings, random.Random(seed))
        self.now = 0.0
        self.revisions: Counter[str] = Counter()
        self.per_tenant: dict[str, bool] = {}
        self.requested = 0
        self.ends: Counter[str] = Counter()
        for name in NAMES:
            self.deploy(name)

    # one step

    def tell(self, event: Event) -> None:
        commands = self.core.handle(event, self.now)
        assert commands == self.reference.handle(event, self.now), (self.now, event)
        assert self.core.next_deadline() == self.reference.next_deadline()
        self.seen.add(event, commands)
        if isinstance(event, InvocationFinished) and self.finishing == event.invocation:
            self.ends[event.invocation] += 1
        for command in commands:
            if isinstance(command, Throttle | Fail):
                self.ends[command.invocation] += 1
        self.check_invariants()

    finishing: str | None = None

    def check_invariants(self) -> None:
        self.core.check()
        assert {box.id: (box.state, box.tenant) for box in self.reference.boxes} == {
            number: (sandbox.state, sandbox.pool.tenant)
            for number, sandbox in self.core.sandboxes.items()
        }

    # what may happen

    def deploy(self, name: str) -> None:
        self.revisions[name] += 1
        memory_mb = self.chance.choice((MEMORY[name], MEMORY[name], 384))
        function = FunctionVersion(
            name,
            memory_mb,
            5.0,
            revision=self.revisions[name],
            package_mb=self.chance.choice((0.0, 5.0, 20.0)),
            per_tenant=name != "middle" and self.chance.random() < 0.3,
            snapshot=self.revisions[name] % 3 == 2,
            snapshot_mb=self.revisions[name] % 2 * 90,
            stem=self.chance.choice(("python", "") if name == "small" else ("java", "")),
        )
        self.per_tenant[name] = function.per_tenant
        self.tell(VersionDeployed(function))

    def step(self) -> None:
        self.pass_time()
        kinds: list[tuple[int, Callable[[], None]]] = [
            (35, self.invoke),
            (35, self.begin_init),
            (35, self.make_ready),
            (25, self.answer),
            (35, self.finish),
            (2, self.stay_busy),
            (6, self.leave),
            (15, self.end_stopping),
            (15, self.end_reset),
            (4, self.fail_init),
            (3, self.exit_runtime),
            (2, self.crash),
            (4, self.time_passes),
            (3, self.late_event),
            (2, self.redeploy),
            (1, self.reserve),
            (1, self.recycle),
            (9, self.provision),
            (2, self.measure),
            (8, self.make_cell_ready),
            (2, self.lose_cell),
        ]
        weights = [weight for weight, _ in kinds]
        self.chance.choices([act for _, act in kinds], weights)[0]()

    def pass_time(self) -> None:
        deadline = self.reference.next_deadline()
        kind = self.chance.random()
        if kind < 0.05 and deadline is not None and deadline < float("inf"):
            self.now = deadline
        elif kind < 0.8:
            # dyadic, so that what is refilled in steps equals what is refilled at once
            self.now += self.chance.choice((0.0, 0.0, 0.125, 0.25, 0.5))
        elif kind < 0.81:
            self.now += 7.0

    def one_of(self, *states: SandboxState) -> Box | None:
        boxes = [box for box in self.reference.boxes if box.state in states]
        return self.chance.choice(boxes) if boxes else None

    def invoke(self) -> None:
        self.ask(self.chance.choice(NAMES))

    def ask(self, name: str) -> None:
        self.requested += 1
        tenant = self.chance.choice(TENANTS) if self.per_tenant[name] else ""
        self.seen.events["of a tenant"] += bool(tenant)
        self.tell(InvokeRequested(f"i{self.requested}", VersionKey.of(name), tenant=tenant))

    def begin_init(self) -> None:
        starting = self.reference.in_state(SandboxState.STARTING)
        boxes = [box for box in starting if not box.init_began]
        if boxes:
            self.tell(InitBegan(self.chance.choice(boxes).id))

    def make_ready(self) -> None:
        boxes = self.reference.in_state(SandboxState.STARTING)
        boxes = [box for box in boxes if box.init_began]
        boxes += [b for b in self.reference.in_state(SandboxState.BUSY) if not b.initialized]
        if boxes:
            self.tell(SandboxReady(self.chance.choice(boxes).id))

    def peak(self) -> int:
        return self.chance.choice((0, 20, 40, 90, 200))

    def answer(self) -> None:
        boxes = self.reference.in_state(SandboxState.BUSY)
        if boxes and (box := self.chance.choice(boxes)).request is not None:
            self.tell(InvocationAnswered(box.id, box.request))
            if self.chance.random() < 0.5:
                self.ask(box.function.name)

    def stay_busy(self) -> None:
        if box := self.one_of(*SandboxState):
            self.tell(StayedBusy(box.id))

    def leave(self) -> None:
        """Mostly callers of queued requests, as others change nothing."""
        queued = [box.request for box in self.reference.in_state(SandboxState.QUEUED)]
        known = [each for each in queued if each is not None]
        name = self.chance.choice(known or [f"i{self.chance.randint(0, self.requested)}"])
        self.seen.events["left while queued"] += bool(known)
        self.tell(CallerLeft(name))

    def finish(self) -> None:
        box = self.one_of(SandboxState.BUSY)
        if box is None:
            return
        assert box.request is not None
        assert box.deadline is not None
        # one that comes with its timeout is late
        self.finishing = box.request if box.deadline > self.now else None
        self.tell(
            InvocationFinished(box.id, box.request, self.chance.choice(("", "Oops")), self.peak())
        )
        self.finishing = None

    def end_stopping(self) -> None:
        if box := self.one_of(SandboxState.STOPPING):
            self.tell(SandboxGone(box.id))

    def end_reset(self) -> None:
        if box := self.one_of(SandboxState.RESETTING):
            self.tell(SandboxReset(box.id, 36))

    def fail_init(self) -> None:
        boxes = self.reference.in_state(SandboxState.STARTING)
        boxes += [b for b in self.reference.in_state(SandboxState.BUSY) if not b.initialized]
        if boxes:
            box = self.chance.choice(boxes)
            self.tell(InitFailed(box.id, "Runtime.ImportModuleError"))

    def exit_runtime(self) -> None:
        if box := self.one_of(*LIVING):
            code = self.chance.choice((0, 1, 137))
            self.tell(RuntimeExited(box.id, code, out_of_memory=code == 137))

    def crash(self) -> None:
        if box := self.one_of(*LIVING):
            code = self.chance.choice((None, 1, 137))
            self.tell(SandboxGone(box.id, code, out_of_memory=code == 137))

    def time_passes(self) -> None:
        self.tell(TimePassed())

    def late_event(self) -> None:
        number = self.chance.randint(0, self.reference.boxes_ever + 1)
        box = self.reference.box(number)
        request = f"i{self.chance.randint(0, self.requested)}"
        kind = self.chance.randrange(6)
        if kind == 0 and (box is None or box.state is not SandboxState.STARTING):
            self.tell(SandboxReady(number))
        elif kind == 1 and (box is None or box.state is not SandboxState.STARTING):
            self.tell(InitFailed(number))
        elif kind == 2 and (box is None or box.state is SandboxState.QUEUED):
            self.tell(SandboxGone(number, 1))
        elif kind == 4 and (box is None or box.state is not SandboxState.RESETTING):
            self.tell(SandboxReset(number))
        elif kind == 5 and (box is None or box.state is SandboxState.STOPPING):
            self.tell(RuntimeExited(number, 1))
        elif kind == 3 and (box is None or box.request != request):
            self.tell(InvocationFinished(number, request))
        else:
            return
        self.seen.events["late"] += 1

    def redeploy(self) -> None:
        name = self.chance.choice(NAMES)
        if self.chance.random() < 0.3:
            self.tell(VersionRetired(VersionKey.of(name)))
        self.deploy(name)

    def reserve(self) -> None:
        limit = self.chance.choice((None, None, 0, 1, 3))
        self.tell(ReservedConcurrencySet(self.chance.choice(NAMES), limit))

    def recycle(self) -> None:
        self.tell(FunctionRecycled(self.chance.choice(NAMES)))

    def provision(self) -> None:
        count = self.chance.choice((0, 1, 2))
        self.tell(ProvisionedSet(VersionKey.of(self.chance.choice(NAMES)), count))

    def measure(self) -> None:
        self.tell(HostMemoryMeasured(self.chance.choice((64, 300, 4096, 4096))))

    def make_cell_ready(self) -> None:
        making = [cell.id for cell in self.reference.cells if not cell.ready]
        late = self.chance.randint(0, self.reference.cells_ever + 1)
        cell = self.chance.choice(making) if making else late
        self.tell(StemCellReady(cell, self.chance.choice((0, 0, 5, 150))))

    def lose_cell(self) -> None:
        self.tell(StemCellGone(self.chance.randint(0, self.reference.cells_ever + 1)))

    def drain(self) -> None:
        """Lets everything that is under way end well."""
        while self.reference.requests or self.reference.held or self.one_of(SandboxState.STOPPING):
            held = self.reference.held and not self.reference.in_state(SandboxState.BUSY)
            queued = self.reference.in_state(SandboxState.QUEUED)
            if held or any(not box.placed_number for box in queued):
                self.now += 0.125
                self.time_passes()
            self.end_stopping()
            self.end_reset()
            self.begin_init()
            self.make_ready()
            self.finish()

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
        self.drain()
        assert self.ends == Counter(f"i{number}" for number in range(1, self.requested + 1))
        if self.core._policy and isinstance(self.core._policy.policy, Everything):
            self.seen.hooks += self.core._policy.policy.calls


@pytest.mark.parametrize("binding", Binding)
def test_indexed_scheduler_equals_the_reference_on_seeded_runs(binding: Binding) -> None:
    seen = Seen()
    for seed in range(300):
        chance = random.Random(f"{binding}:{seed}")
        order = list(PickOrder)[seed % len(PickOrder)]
        Stream(chance, random_settings(chance, binding, order), seen).run(380)
    wanted = [*ThrottleReason, *StopReason, *Failure, *StartKind, StartSandbox, FreezeSandbox]
    wanted += ["pre-warmed", "fetched", "of a cell", MakeStemCell, StopStemCell]
    assert [kind for kind in wanted if seen.commands[kind] < 50] == []
    assert [hook for hook in HOOKS if seen.hooks[hook] < 50] == [], seen.hooks
    assert seen.events["late"] > 100
    assert seen.events["handed over"] > 100
    assert seen.events["of a tenant"] > 1000
    assert seen.events["left while queued"] > 300
    assert {kind.__name__ for kind in get_args(Event)} <= set(seen.events)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(Binding),
    st.sampled_from(PickOrder),
    st.integers(1, 80),
)
def test_indexed_scheduler_equals_the_reference_on_streams_that_shrink(
    chance: random.Random, binding: Binding, order: PickOrder, steps: int
) -> None:
    Stream(chance, random_settings(chance, binding, order), Seen()).run(steps)
