"""Simulates one policy on the calls of a trace, and adds up what papers compare policies by.

A trace tells neither how long a cold start takes nor how much memory a function has, so both are
assumed, the same for all policies. Everything is counted until the trace's last call has ended.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.billing import billed_ms, dollars
from emulator.core.messages.commands import Dispatch, FreezeSandbox, StartSandbox, StopSandbox
from emulator.core.messages.events import SandboxGone
from emulator.core.model import COLD_STARTS, FunctionVersion, StartKind, VersionKey
from emulator.core.policies.interface import PolicyChoice
from emulator.core.policies.oracle import Oracle
from emulator.core.policy import Admission
from emulator.core.profiles import PROFILES
from emulator.core.record_fold import RecordFold
from emulator.core.records import Status
from emulator.core.scheduler import Scheduler
from emulator.core.scheduling import scheduling
from emulator.sim.behaviour import Behaviour
from emulator.sim.distributions import Constant
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.traces.trace import isolated
from emulator.sim.workload import Arrival, stimuli

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.core.journal import Entry
    from emulator.core.model import Seconds
    from emulator.core.records import InvocationRecord
    from emulator.sim.traces.trace import Call

ENDLESS_MEMORY_MB = 1 << 40
"""MB of a host that no trace fills."""
_TIMEOUT = 86_400.0
"""Seconds: no call of a trace is cut off."""
_LEAST = 0.001
"""Seconds that a call counts as at least, where its slowdown is told."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Holds what a trace does not tell."""

    profile: str = "aws-2026"
    memory_mb: int = 256
    cold_start: Seconds = 1.0
    duration: Seconds = 0.1
    """Of calls that have no time of their own."""
    host_memory_mb: int = ENDLESS_MEMORY_MB
    cpu: float = 0.25
    """Share of a vCPU that a request uses, where many share a sandbox."""
    seed: int = 0


@dataclass(slots=True)
class PolicyRun:
    """Holds what one policy came to on a trace."""

    policy: str
    calls: Counter[str] = field(default_factory=Counter)
    cold: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    slowdowns: list[float] = field(default_factory=list)
    """Latency over the handler's own time, of every call that was served."""
    wasted_mb_s: float = 0.0
    """MB of idle sandboxes, times the seconds."""
    provisioned_mb_s: float = 0.0
    dollars: float = 0.0
    series: list[tuple[Seconds, float, float]] = field(default_factory=list)
    """Time, sandboxes and their MB, whenever that changed."""

    @property
    def cold_share(self) -> float:
        """Returns the share of all calls that were cold starts."""
        return sum(self.cold.values()) / max(1, sum(self.calls.values()))

    @property
    def most_sandboxes(self) -> int:
        """Returns how many sandboxes there were at most."""
        return int(max((count for _, count, _ in self.series), default=0))

    def cold_shares(self) -> list[float]:
        """Returns each function's share of cold starts, sorted."""
        return sorted(self.cold[name] / count for name, count in self.calls.items())

    def cold_share_of(self, share: float) -> float:
        """Returns the share of cold starts that a share of the functions do not exceed."""
        shares = self.cold_shares()
        places = [(number + 1) / len(shares) for number in range(len(shares))]
        return shares[min(bisect_left(places, share - 1e-9), len(shares) - 1)]


def oracle(calls: Sequence[Call], assumed: Assumptions) -> PolicyChoice:
    """Returns the policy that knows the trace."""
    arrivals: dict[str, list[Seconds]] = {}
    for call in calls:
        arrivals.setdefault(VersionKey.of(call.function), []).append(call.at)
    return PolicyChoice("oracle", lambda: Oracle(arrivals, assumed.cold_start))


def run_policy(
    calls: Sequence[Call], choice: PolicyChoice | None, name: str, assumed: Assumptions
) -> PolicyRun:
    """Simulates a policy; None leaves all to the profile's lifetimes."""
    settings = scheduling(
        PROFILES[assumed.profile],
        host_memory_mb=assumed.host_memory_mb,
        policy=choice,
        start_width=1 << 20,
        admission=Admission.NOMINAL,
    )
    durations = [assumed.duration if c.duration is None else c.duration for c in calls]
    behaviour = Behaviour(warm=Constant(0.0), init=Constant(assumed.cold_start))
    told = {f"i{number}": took for number, took in enumerate(durations, 1)}
    service = ServiceModel(assumed.seed, behaviour, durations=told)
    names = sorted({call.function for call in calls})
    apart = isolated(calls)
    functions = [
        FunctionVersion(each, assumed.memory_mb, _TIMEOUT, per_tenant=each in apart)
        for each in names
    ]
    arrivals = [
        Arrival(call.at, VersionKey.of(call.function), tenant=call.tenant) for call in calls
    ]
    chance = random.Random(assumed.seed)  # noqa: S311  # lifetimes are no secret
    simulation = Simulation(Scheduler(settings, chance), service)
    account = _Account(PolicyRun(name), assumed, durations)
    end = max((call.at + took for call, took in zip(calls, durations, strict=True)), default=0.0)
    for entry in simulation.run(stimuli(functions, arrivals), end + assumed.cold_start):
        account.take(entry)
    return account.close(end + assumed.cold_start)


@dataclass(slots=True)
class _Account:
    """Adds up a run's journal, entry by entry."""

    run: PolicyRun
    assumed: Assumptions
    durations: Sequence[Seconds]
    _fold: RecordFold = field(default_factory=RecordFold)
    _at: Seconds = 0.0
    _alive: set[int] = field(default_factory=set)
    _idle: set[int] = field(default_factory=set)
    _provisioned: set[int] = field(default_factory=set)

    def take(self, entry: Entry) -> None:
        self._pass(entry.at)
        if isinstance(entry.event, SandboxGone):
            self._alive.discard(entry.event.sandbox)
        for command in entry.commands:
            match command:
                case StartSandbox(number, _, invocation, prewarmed):
                    self._alive.add(number)
                    if invocation is None and not prewarmed:
                        self._provisioned.add(number)
                case FreezeSandbox(number):
                    self._idle.add(number)
                case Dispatch(number, _, _):
                    self._idle.discard(number)
                case StopSandbox(number, _):
                    self._idle.discard(number)
                    self._provisioned.discard(number)
                case _:
                    pass
        count = len(self._alive)
        if not self.run.series or self.run.series[-1][1] != count:
            self.run.series.append((entry.at, count, count * self.assumed.memory_mb))
        for record in self._fold.feed(entry):
            self._count(record)

    def _pass(self, now: Seconds) -> None:
        passed, self._at = now - self._at, now
        self.run.wasted_mb_s += passed * len(self._idle) * self.assumed.memory_mb
        self.run.provisioned_mb_s += passed * len(self._provisioned) * self.assumed.memory_mb

    def _count(self, record: InvocationRecord) -> None:
        run, prices = self.run, PROFILES[self.assumed.profile].prices
        run.calls[record.function] += 1
        if record.status is Status.THROTTLED:
            run.throttled += 1
            return
        cold = record.start in COLD_STARTS
        run.cold[record.function] += cold
        lasted = self.durations[int(record.invocation[1:]) - 1]
        run.slowdowns.append(max(record.latency, _LEAST) / max(lasted, _LEAST))
        init = self.assumed.cold_start if cold else 0.0
        run.dollars += dollars(
            prices,
            self.assumed.memory_mb,
            billed_ms(prices, record.duration, init),
            provisioned=record.start is StartKind.PROVISIONED,
        )

    def close(self, end: Seconds) -> PolicyRun:
        """Returns the run, counted until its end, with the price of what was held ready."""
        self._pass(end)
        held = PROFILES[self.assumed.profile].prices.x86_64.provisioned_held or 0.0
        self.run.dollars += self.run.provisioned_mb_s / 1024 * held
        self.run.slowdowns.sort()
        return self.run
