"""The live engine on a fake backend and the simulator write the same journal.

One scenario is played twice: on the real engine, on a loop whose time jumps, with callers of whom
some leave early; and in the simulator, which has no callers at all.
"""

from __future__ import annotations

import asyncio
import io
import logging
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from emulator.core.catalog import FunctionConfiguration
from emulator.core.journal import Entry, decode, replay
from emulator.core.messages import (
    Dispatch,
    Fail,
    InvocationFinished,
    InvokeRequested,
    ReservedConcurrencySet,
    StopSandbox,
    Throttle,
    VersionDeployed,
)
from emulator.core.model import Failure, StartKind, StopReason, ThrottleReason
from emulator.core.policy import (
    Binding,
    FixedKeepAlive,
    KeepAlive,
    PickOrder,
    SchedulerSettings,
    SurvivalCurve,
)
from emulator.core.profile import AWS_2025
from emulator.core.records import Status, fold
from emulator.core.scheduler import Scheduler
from emulator.live.clock import LoopClock
from emulator.live.engine import Engine, Outcome
from emulator.live.recorder import Recorder
from emulator.sim import service
from emulator.sim.engine import Simulation
from emulator.sim.service import TICK, Behaviour, Constant, Exponential, ServiceModel, Uniform
from emulator.telemetry.logs import Logs
from tests.live.fake_backend import FakeBackend, FakeRuntimeApi
from tests.live.jumping_loop import run

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.sim.workload import Stimulus

SEEDS = range(300)
HORIZON = 600.0
"""Seconds; by then everything has ended."""


class Coarse(random.Random):
    """Its numbers are multiples of 2^-10, so that lifetimes drawn from a curve are whole ticks."""

    def random(self) -> float:
        return int(super().random() * 1024) / 1024


CURVE = SurvivalCurve(((0.0, 1.0), (2.0, 1.0), (10.0, 0.0)))
KEEP_ALIVES: tuple[KeepAlive, ...] = (
    FixedKeepAlive(0.0),
    FixedKeepAlive(3.0),
    FixedKeepAlive(40.0),
    CURVE,
)


@dataclass(frozen=True)
class Deploy:
    at: Seconds
    configuration: FunctionConfiguration
    revision: int


@dataclass(frozen=True)
class Call:
    at: Seconds
    key: str
    leaves_after: Seconds | None
    """None: the caller stays until it has its answer."""


class Scenario:
    """Everything that one seed decides."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        chance = self.chance = random.Random(seed)
        self.settings = SchedulerSettings(
            keep_alive=chance.choice(KEEP_ALIVES),
            pick_order=chance.choice(list(PickOrder)),
            binding=chance.choice(list(Binding)),
            host_memory_mb=chance.choice((512, 768, 1024, 8192)),
            start_width=chance.choice((1, 2, 4)),
            account_concurrency=chance.choice((3, 6, 100)),
            init_timeout=2.0,
            idle_speedup=chance.choice((1.0, 2.0)),
        )
        self.behaviour = Behaviour(
            warm=Exponential(chance.choice((0.1, 1.0))),
            cold=Exponential(1.0),
            create=Uniform(0.0, 0.3),
            start=Uniform(0.0, 0.3),
            connect=Uniform(0.0, 0.3),
            init=Exponential(0.5),
            stop=Exponential(0.3),
            init_mishaps=tuple((outcome, 0.04) for outcome in service.Outcome if outcome != "ok"),
            mishaps=tuple(
                (outcome, 0.04)
                for outcome in service.Outcome
                if outcome not in ("ok", service.Outcome.START_FAILED)
            ),
            max_memory_mb=36,
        )
        self.deploys = self._deploys()
        self.calls = self._calls()

    def ticks(self, seconds: Seconds) -> Seconds:
        return round(seconds / TICK) * TICK

    def _deploys(self) -> list[Deploy]:
        deploys = []
        for name, memory_mb in (("small", 128), ("middle", 256), ("large", 512)):
            configuration = FunctionConfiguration(
                name, "python3.12", "app.handler", memory_mb=memory_mb, timeout=2
            )
            reserved = self.chance.choice((None, None, None, 0, 1, 2))
            first = replace(configuration, reserved_concurrency=reserved)
            deploys.append(Deploy(0.0, first, 0))
            if self.chance.random() < 0.4:
                at = self.ticks(self.chance.uniform(5.0, 30.0))
                deploys.append(Deploy(at, replace(configuration, memory_mb=192), 1))
        return sorted(deploys, key=lambda deploy: deploy.at)

    def _calls(self) -> list[Call]:
        chance, calls, at = self.chance, [], 1.0
        for _ in range(40):
            gap = chance.expovariate(2.0) if chance.random() < 0.9 else chance.uniform(2.0, 12.0)
            at += self.ticks(gap) + TICK  # no two at once: what is first then is not decided
            key = chance.choice(("small", "small", "middle", "large")) + ":$LATEST"
            leaves_after = self.ticks(chance.expovariate(1.0)) if chance.random() < 0.4 else None
            calls.append(Call(at, key, leaves_after))
        return calls

    def scheduler(self) -> Scheduler:
        return Scheduler(self.settings, Coarse(self.seed))

    def service(self) -> ServiceModel:
        return ServiceModel(self.seed, self.behaviour)

    def stimuli(self) -> list[Stimulus]:
        told: list[Stimulus] = []
        for deploy in self.deploys:
            configuration = deploy.configuration
            told.append((deploy.at, VersionDeployed(configuration.scheduled(deploy.revision))))
            limit = configuration.reserved_concurrency
            if limit is not None or deploy.revision > 0:
                told.append((deploy.at, ReservedConcurrencySet(configuration.name, limit)))
        for number, call in enumerate(self.calls, 1):
            told.append((call.at, InvokeRequested(f"i{number}", call.key)))
        return sorted(told, key=lambda stimulus: stimulus[0])

    def simulated(self) -> list[Entry]:
        return list(Simulation(self.scheduler(), self.service()).run(self.stimuli(), HORIZON))


class LiveRun:
    """The scenario on the real engine; `outcomes` has those of the callers who stayed."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.outcomes: dict[str, Outcome] = {}
        self.left = 0
        self.journal = io.StringIO()
        run(self._play())
        self.entries = [decode(line) for line in self.journal.getvalue().splitlines()]

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        clock = LoopClock(loop)
        recorder = Recorder(
            journal=self.journal,
            sinks=(),
            logs=Logs("matching"),
            clock=clock,
            profile=AWS_2025,
            origin=1.6e9,
        )
        runtime_api = FakeRuntimeApi()
        backend = FakeBackend(self.scenario.service(), runtime_api)
        numbers = iter(range(1, 1000))
        engine = Engine(
            scheduler=self.scenario.scheduler(),
            backend=backend,
            runtime_api=runtime_api,
            clock=clock,
            recorder=recorder,
            profile=AWS_2025,
            new_request_id=lambda: f"i{next(numbers)}",
        )
        async with asyncio.TaskGroup() as tasks:
            for deploy in self.scenario.deploys:
                tasks.create_task(self._deploy(engine, deploy))
            for call in self.scenario.calls:
                tasks.create_task(self._call(engine, call))
        await asyncio.sleep(HORIZON - loop.time())
        assert not engine._calls
        assert not engine._tasks
        assert not engine.sandboxes
        assert not engine._sandboxes
        assert not runtime_api.endpoints
        assert all(process.exited.done() for process in backend.processes)
        await engine.close()
        recorder.close()

    async def _deploy(self, engine: Engine, deploy: Deploy) -> None:
        await asyncio.sleep(deploy.at)
        await engine.deploy(deploy.configuration, lambda _: None)

    async def _call(self, engine: Engine, call: Call) -> None:
        await asyncio.sleep(call.at)
        try:
            async with asyncio.timeout(call.leaves_after):  # cancels the caller
                outcome = await engine.invoke(call.key, b"{}")
        except TimeoutError:
            self.left += 1
        else:
            self.outcomes[outcome.request_id] = outcome


def summary(outcome: Outcome) -> tuple[object, ...]:
    if outcome.throttle is not None:
        status = Status.THROTTLED
    elif outcome.failure is not None:
        status = Status(outcome.failure.value)
    else:
        status = Status.HANDLER_ERROR if outcome.function_error else Status.OK
    return status, outcome.start, outcome.sandbox


def seen(entries: list[Entry]) -> Counter[object]:
    counts: Counter[object] = Counter()
    for entry in entries:
        for command in entry.commands:
            match command:
                case Throttle(_, kind) | StopSandbox(_, kind) | Dispatch(_, _, kind):
                    counts[kind] += 1
                case Fail(_, kind, _, _):
                    counts[kind] += 1
                case _:
                    pass
        if isinstance(entry.event, InvocationFinished) and entry.event.error_type:
            counts["handler error"] += 1
    return counts


@pytest.fixture(autouse=True)
def _no_warnings_on_the_console() -> None:
    logging.getLogger("emulator").setLevel(logging.CRITICAL)


def test_live_engine_and_simulator_write_the_same_journal() -> None:
    counts: Counter[object] = Counter()
    for seed in SEEDS:
        scenario = Scenario(seed)
        live, simulated = LiveRun(scenario), scenario.simulated()
        for number, (one, other) in enumerate(zip(live.entries, simulated, strict=False)):
            assert one == other, (seed, number)
        assert len(live.entries) == len(simulated), seed
        replay(live.entries, scenario.scheduler())
        records = {record.invocation: record for record in fold(live.entries)[0]}
        assert len(records) == len(scenario.calls)
        for request, outcome in live.outcomes.items():
            record = records[request]
            assert summary(outcome) == (record.status, record.start, record.sandbox)
        assert len(live.outcomes) + live.left == len(scenario.calls)
        counts += seen(live.entries)
        counts["callers who left"] += live.left
    wanted = [*StopReason, *ThrottleReason, *Failure, *StartKind]
    wanted += ["handler error", "callers who left"]
    assert [kind for kind in wanted if counts[kind] < 50] == [], counts


class Punctual(Scenario):
    """Every handler takes exactly as long as its timeout allows."""

    def __init__(self, outcome: service.Outcome) -> None:
        super().__init__(1)
        self.settings = SchedulerSettings()
        mishaps = ((outcome, 1.0),) if outcome is not service.Outcome.OK else ()
        self.behaviour = Behaviour(warm=Constant(2.0), stop=Constant(0.5), mishaps=mishaps)
        configuration = FunctionConfiguration("small", "python3.12", "app.handler", timeout=2)
        self.deploys = [Deploy(0.0, configuration, 0)]
        self.calls = [Call(1.0, "small:$LATEST", None)]


@pytest.mark.parametrize("outcome", [service.Outcome.OK, service.Outcome.EXIT])
def test_what_ends_in_the_moment_of_its_timeout_has_timed_out(outcome: service.Outcome) -> None:
    live = LiveRun(Punctual(outcome))
    assert live.outcomes["i1"].failure is Failure.TIMEOUT
    (record,) = fold(live.entries)[0]
    assert record.status is Status.TIMEOUT
