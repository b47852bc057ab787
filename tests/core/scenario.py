"""One seed's functions, workload, mishaps and callers, for the live engine and the simulator."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.messages.commands import Dispatch, Fail, Throttle
from emulator.core.messages.events import (
    CallerLeft,
    InvokeRequested,
    ProvisionedSet,
    ReservedConcurrencySet,
    VersionDeployed,
    VersionRetired,
)
from emulator.core.model import VersionKey
from emulator.core.policy import (
    Binding,
    FixedKeepAlive,
    KeepAlive,
    PickOrder,
    RecycleAge,
    ScaleOut,
    SchedulerSettings,
    SurvivalCurve,
)
from emulator.core.scheduler import Scheduler
from emulator.core.stem_cells import StemCells
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.distributions import Constant, Exponential, Uniform
from emulator.sim.engine import Simulation
from emulator.sim.service import TICK, ServiceModel

if TYPE_CHECKING:
    from emulator.core.journal import Entry
    from emulator.core.model import Seconds
    from emulator.core.policies.interface import PolicyChoice
    from emulator.sim.workload import Stimulus

HORIZON = 600.0
"""Seconds; by then everything has ended."""
DEPROVISIONED = 400.0
"""When the last provisioned concurrency ends."""


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
class Retire:
    at: Seconds
    key: VersionKey


@dataclass(frozen=True)
class Call:
    at: Seconds
    key: VersionKey
    leaves_after: Seconds | None
    """None: the caller stays until it has its answer."""
    tenant: str = ""


class Scenario:
    """Everything that one seed decides."""

    def __init__(self, seed: int, policy: PolicyChoice | None = None) -> None:
        self.seed = seed
        chance = self.chance = random.Random(seed)
        tenancy = self.tenancy = random.Random(f"tenants of {seed}")
        stems = random.Random(f"stem cells of {seed}")
        self.settings = SchedulerSettings(
            keep_alive=chance.choice(KEEP_ALIVES),
            policy=policy,
            pick_order=chance.choice(list(PickOrder)),
            binding=chance.choice(list(Binding)),
            host_memory_mb=chance.choice((512, 768, 1024, 8192)),
            start_width=chance.choice((1, 2, 4)),
            account_concurrency=chance.choice((3, 6, 100)),
            tenant_sandboxes_per_concurrency=tenancy.choice((None, 0.25, 1.0)),
            requests_per_concurrency=chance.choice((None, None, 0.5)),
            scale_out=chance.choice((None, None, ScaleOut(3, 0.25, per_function=True))),
            recycle_age=chance.choice((None, RecycleAge(4.0, 20.0))),
            init_timeout=2.0,
            provisioned_init_timeout=3.0,
            start_timeout=chance.choice((120.0, 1.0)),
            idle_speedup=chance.choice((1.0, 2.0)),
            # whole ticks, since a sandbox may start when a wait is over
            hand_over_patience=0.1875,
            hand_over_preference=2.0**-8,
            stem_cells=stems.choice(
                (None, StemCells(1, pace=0.125), StemCells(3, pace=0.25, pause=1.0, memory_mb=96))
            ),
        )
        self.behaviour = Behaviour(
            warm=Exponential(chance.choice((0.1, 1.0))),
            cold=Exponential(1.0),
            create=Exponential(0.25),
            start=Exponential(0.25),
            connect=Uniform(0.0, 0.3),
            init=Exponential(0.5),
            specialise=stems.choice((None, Uniform(0.0, 0.1))),
            ask=chance.choice((Constant(0.0), Exponential(0.1), Uniform(0.0, 0.4))),
            stop=Exponential(0.3),
            reset=Exponential(0.1),
            init_mishaps=tuple((outcome, 0.04) for outcome in Outcome if outcome != "ok"),
            mishaps=tuple(
                (outcome, 0.04)
                for outcome in Outcome
                if outcome not in ("ok", Outcome.START_FAILED)
            ),
            max_memory_mb=36,
        )
        self.isolated: set[str] = set()
        """Functions whose every revision is isolated by tenant."""
        self.deploys = self._deploys()
        self.calls = self._calls()
        self.retires = self._retires()

    @property
    def kept(self) -> list[VersionKey]:
        """The versions that are deployed to the end."""
        keys = dict.fromkeys(deploy.configuration.scheduled(0).key for deploy in self.deploys)
        return [key for key in keys if key not in {retire.key for retire in self.retires}]

    def ticks(self, seconds: Seconds) -> Seconds:
        return round(seconds / TICK) * TICK

    def _deploys(self) -> list[Deploy]:
        deploys = []
        for name, memory_mb in (("small", 128), ("middle", 256), ("large", 512)):
            configuration = FunctionConfiguration(
                name, "python3.12", "app.handler", memory_mb=memory_mb, timeout=2
            )
            reserved = self.chance.choice((None, None, None, 0, 1, 2))
            provisioned = self.chance.choice((None, None, None, 1, 2)) if reserved != 0 else None
            isolated = name == "middle" and self.tenancy.random() < 0.5
            if isolated:
                self.isolated.add(name)
                configuration = replace(configuration, tenant_isolation=True)
                provisioned = None
            first = replace(
                configuration,
                reserved_concurrency=reserved,
                provisioned_concurrency=provisioned,
            )
            deploys.append(Deploy(0.0, first, 0))
            if self.chance.random() < 0.4:
                at = self.ticks(self.chance.uniform(5.0, 30.0))
                second = replace(configuration, memory_mb=192)
                if not isolated:
                    second = replace(second, provisioned_concurrency=1)
                deploys.append(Deploy(at, second, 1))
        return sorted(deploys, key=lambda deploy: deploy.at)

    def _calls(self) -> list[Call]:
        chance, calls, at = self.chance, [], 1.0
        for _ in range(40):
            gap = chance.expovariate(2.0) if chance.random() < 0.9 else chance.uniform(2.0, 12.0)
            at += self.ticks(gap) + TICK  # no two at once: what is first then is not decided
            key = VersionKey.of(chance.choice(("small", "small", "middle", "large")))
            leaves_after = self.ticks(chance.expovariate(1.0)) if chance.random() < 0.4 else None
            if leaves_after is not None:
                leaves_after += TICK / 2  # never with anything else
            tenant = self.tenancy.choice(("blue", "green")) if key.name in self.isolated else ""
            calls.append(Call(at, key, leaves_after, tenant))
        return calls

    def _retires(self) -> list[Retire]:
        """Each version just after its last call, while that may still wait."""
        last = {call.key: call.at for call in self.calls}
        retires = [Retire(at + self.ticks(0.1), key) for key, at in last.items()]
        return retires if self.chance.random() < 0.3 else []

    def scheduler(self) -> Scheduler:
        return Scheduler(self.settings, Coarse(self.seed))

    def service(self) -> ServiceModel:
        return ServiceModel(self.seed, self.behaviour)

    def stimuli(self) -> list[Stimulus]:
        told: list[Stimulus] = []
        for deploy in self.deploys:
            configuration = deploy.configuration
            version = configuration.scheduled(deploy.revision, stem=configuration.runtime)
            told.append((deploy.at, VersionDeployed(version)))
            limit = configuration.reserved_concurrency
            if limit is not None or deploy.revision > 0:
                told.append((deploy.at, ReservedConcurrencySet(configuration.name, limit)))
            if configuration.provisioned_concurrency:
                key = configuration.scheduled(0).key
                told.append((deploy.at, ProvisionedSet(key, configuration.provisioned_concurrency)))
        told += [(retire.at, VersionRetired(retire.key)) for retire in self.retires]
        told += [(DEPROVISIONED, ProvisionedSet(key, 0)) for key in self.kept]
        for number, call in enumerate(self.calls, 1):
            told.append((call.at, InvokeRequested(f"i{number}", call.key, tenant=call.tenant)))
        return sorted(told, key=lambda stimulus: stimulus[0])

    def simulated(self) -> list[Entry]:
        simulation = Simulation(self.scheduler(), self.service())
        callers = {f"i{number}": call for number, call in enumerate(self.calls, 1)}
        leaving: dict[str, int] = {}
        entries = []
        for entry in simulation.run(self.stimuli(), HORIZON):
            entries.append(entry)
            if isinstance(entry.event, InvokeRequested):
                name = entry.event.invocation
                if (after := callers[name].leaves_after) is not None:
                    leaving[name] = simulation.agenda.add(entry.at + after, CallerLeft(name))
            for command in entry.commands:  # who has a sandbox or an answer is not asked for
                if (
                    isinstance(command, Dispatch | Throttle | Fail)
                    and command.invocation in leaving
                ):
                    simulation.agenda.withdraw(leaving.pop(command.invocation))
        return entries


class OneCall(Scenario):
    """A single request, whose handler takes as long as its timeout allows if not told else."""

    def __init__(self, outcome: Outcome, takes: Seconds = 2.0) -> None:
        super().__init__(1)
        self.settings = SchedulerSettings(keep_alive=FixedKeepAlive(100.0))
        mishaps = ((outcome, 1.0),) if outcome is not Outcome.OK else ()
        self.behaviour = Behaviour(
            warm=Constant(takes), ask=Constant(0.0), reset=Constant(0.5), mishaps=mishaps
        )
        configuration = FunctionConfiguration("small", "python3.12", "app.handler", timeout=2)
        self.deploys = [Deploy(0.0, configuration, 0)]
        self.calls, self.retires = [Call(1.0, VersionKey.of("small"), None)], []
