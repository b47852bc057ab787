"""What a simulated run amounts to, counted while it streams by."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.core.messages.commands import Dispatch, Fail, StartSandbox, StopSandbox, Throttle
from emulator.core.messages.events import InvocationFinished, InvokeRequested
from emulator.core.model import FunctionVersion, StartKind
from emulator.core.policy import SchedulerSettings
from emulator.core.scheduler import Scheduler
from emulator.sim.engine import Simulation
from emulator.sim.service import ServiceModel
from emulator.sim.workload import Arrival, before, stimuli

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emulator.core.journal import Entry
    from emulator.core.messages.commands import Command
    from emulator.core.messages.events import Event
    from emulator.core.model import Seconds
    from emulator.sim.behaviour import Behaviour

ECHO = FunctionVersion("echo", 128, math.inf)
UNLIMITED = {
    "host_memory_mb": 10**9,
    "start_width": 10**9,
    "account_concurrency": 10**9,
    "init_timeout": math.inf,
}


def simulated(
    behaviour: Behaviour,
    arrivals: Iterable[Arrival],
    *,
    functions: tuple[FunctionVersion, ...] = (ECHO,),
    seed: int = 1,
    until: Seconds = math.inf,
    **settings: Any,
) -> Iterator[Entry]:
    scheduler = Scheduler(SchedulerSettings(**settings), random.Random(seed))
    simulation = Simulation(scheduler, ServiceModel(seed, behaviour))
    return simulation.run(stimuli(functions, before(until, arrivals)), until)


@dataclass
class Level:
    """A number that changes at times, and its mean and variance over time."""

    value: int = 0
    at: Seconds = 0.0
    sum: float = 0.0
    squares: float = 0.0

    def change(self, now: Seconds, by: int) -> None:
        length = now - self.at
        self.sum += length * self.value
        self.squares += length * self.value * self.value
        self.value += by
        self.at = now

    @property
    def mean(self) -> float:
        return self.sum / self.at

    @property
    def variance(self) -> float:
        return self.squares / self.at - self.mean**2


@dataclass
class Tally:
    busy: Level = field(default_factory=Level)
    """Invocations under way, their cold starts included."""
    sandboxes: Level = field(default_factory=Level)
    requests: int = 0
    cold: int = 0
    throttled: int = 0

    @property
    def cold_share(self) -> float:
        return self.cold / self.requests

    def feed(self, entries: Iterable[Entry]) -> Tally:
        now = 0.0
        for entry in entries:
            now = entry.at
            self._event(entry.event, now)
            for command in entry.commands:
                self._command(command, now)
        self.busy.change(now, 0)
        self.sandboxes.change(now, 0)
        return self

    def _event(self, event: Event, now: Seconds) -> None:
        if isinstance(event, InvokeRequested):
            self.requests += 1
            self.busy.change(now, 1)
        elif isinstance(event, InvocationFinished):
            self.busy.change(now, -1)

    def _command(self, command: Command, now: Seconds) -> None:
        match command:
            case Dispatch(_, _, start):
                self.cold += start is StartKind.COLD
            case StartSandbox():
                self.sandboxes.change(now, 1)
            case StopSandbox():
                self.sandboxes.change(now, -1)
            case Throttle():
                self.throttled += 1
                self.busy.change(now, -1)
            case Fail():
                self.busy.change(now, -1)
            case _:
                pass
