"""Answers how long each phase of a simulated sandbox takes, and how each phase ends.

Every answer depends on the seed and on the id of the sandbox or the invocation, never on the order
of the questions, so that drivers which ask in another order are told the same. Lengths of time are
whole numbers of `TICK`, a power of two: sums of them are exact, in whatever order they are added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003  # the compiled module resolves its fields
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from emulator.core.messages import Anatomy
from emulator.sim.chance import AnswerChance

if TYPE_CHECKING:
    import random

    from emulator.core.model import Seconds

TICK = 2.0**-20
"""Seconds; about a microsecond."""


class Distribution(Protocol):
    """Draws lengths of time."""

    def draw(self, chance: random.Random) -> Seconds:
        """Returns a length of time in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Draws the same length each time."""

    seconds: Seconds

    def draw(self, chance: random.Random) -> Seconds:  # noqa: ARG002  # the others' signature
        return self.seconds


@dataclass(frozen=True, slots=True)
class Uniform:
    """Draws every length between two ends with the same probability."""

    least: Seconds
    most: Seconds

    def draw(self, chance: random.Random) -> Seconds:
        return chance.uniform(self.least, self.most)


@dataclass(frozen=True, slots=True)
class Exponential:
    """Draws lengths from an exponential distribution."""

    mean: Seconds

    def draw(self, chance: random.Random) -> Seconds:
        return chance.expovariate(1.0) * self.mean


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Draws lengths from a log-normal distribution; `spread` is the logarithm's deviation."""

    median: Seconds
    spread: float

    def draw(self, chance: random.Random) -> Seconds:
        return chance.lognormvariate(math.log(self.median), self.spread)


@dataclass(frozen=True, slots=True)
class Measured:
    """Draws from measured lengths, each as likely as the next."""

    seconds: tuple[Seconds, ...]

    def draw(self, chance: random.Random) -> Seconds:
        return chance.choice(self.seconds)


@dataclass(frozen=True, slots=True)
class Normal:
    """Draws lengths from a normal distribution, of which what is below `least` is cut off."""

    mean: Seconds
    deviation: Seconds
    least: Seconds = 0.0

    def __post_init__(self) -> None:
        if self.least > self.mean:
            raise ValueError("a truncated normal distribution's least value is below its mean")

    def draw(self, chance: random.Random) -> Seconds:
        while (drawn := chance.normalvariate(self.mean, self.deviation)) < self.least:
            pass
        return drawn


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Draws from a distribution of which equally spaced quantiles are known, least and most too.

    Between two quantiles all lengths have the same probability.
    """

    seconds: tuple[Seconds, ...]

    def __post_init__(self) -> None:
        if not self.seconds or list(self.seconds) != sorted(self.seconds):
            raise ValueError("quantiles are at least one, and rise")

    def draw(self, chance: random.Random) -> Seconds:
        place = chance.random() * (len(self.seconds) - 1)
        below = int(place)
        if below + 1 == len(self.seconds):  # there is but one
            return self.seconds[below]
        least, most = self.seconds[below], self.seconds[below + 1]
        return least + (most - least) * (place - below)


@dataclass(frozen=True, slots=True)
class Stretched:
    """Draws lengths of a CPU's work as they take with a share of a CPU, after a wait for others."""

    wait: Distribution
    work: Distribution
    share: float
    """Share of a CPU, above 0 and at most 1."""

    def draw(self, chance: random.Random) -> Seconds:
        return self.wait.draw(chance) + self.work.draw(chance) / self.share


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Draws from known percentiles, evenly between each two.

    `points` are (share, seconds), both rising, from share 0 to share 1.
    """

    points: tuple[tuple[float, Seconds], ...]

    def draw(self, chance: random.Random) -> Seconds:
        share = chance.random()
        for (share0, seconds0), (share1, seconds1) in pairwise(self.points):
            if share < share1:
                return seconds0 + (seconds1 - seconds0) * (share - share0) / (share1 - share0)
        return self.points[-1][1]


class Outcome(StrEnum):
    """Says how an init or an invocation ends."""

    OK = "ok"
    ERROR = "error"
    """The runtime reports an error, of its init or of its handler, and goes on or exits."""
    EXIT = "exit"
    OUT_OF_MEMORY = "out of memory"
    START_FAILED = "start failed"
    """The sandbox could not be made; an outcome of starts only."""
    NEVER = "never"
    """No answer comes; only a timeout ends the wait."""


Shares = tuple[tuple[Outcome, float], ...]
"""Probability of each outcome that is not OK; OK has the rest."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Describes one function: the phases of a start, the handler warm and cold, the mishaps."""

    warm: Distribution
    cold: Distribution | None = None
    """Length of a sandbox's first handler call, without the init; None: as `warm`."""
    create: Distribution = Constant(0.0)
    start: Distribution = Constant(0.0)
    connect: Distribution = Constant(0.0)
    init: Distribution = Constant(0.0)
    ask: Distribution | None = None
    """Time from the answer to the request for the next work; None: no time, and no event."""
    stop: Distribution = Constant(0.0)
    reset: Distribution = Constant(0.0)
    overhead: Distribution = Constant(0.0)
    """Time that an answer takes on top of the emulator's own, as its client sees it."""
    init_mishaps: Shares = ()
    mishaps: Shares = ()
    error_type: str = "Simulated"
    exit_code: int = 1
    max_memory_mb: int = 0
    withheld: float = 0.0
    """Share of a handler call's time in which the CPU quota is used up; only records tell it."""


_KILLED = 137
"""Exit code of a process that the kernel killed."""


@dataclass(frozen=True, slots=True)
class Start:
    """Holds the phases of one start of a sandbox, the last of which ends in `outcome`.

    A sandbox that cannot be made fails when `create` is over.
    """

    outcome: Outcome
    anatomy: Anatomy
    error_type: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """Holds what comes of one invocation, `duration` seconds after its dispatch."""

    outcome: Outcome
    duration: Seconds
    error_type: str = ""
    exit_code: int = 0
    max_memory_mb: int = 0
    ask: Seconds | None = None
    """Seconds from the answer until the runtime asks for its next work."""
    throttled: Seconds = 0.0
    """Seconds of the duration in which the CPU quota is used up."""


@dataclass(slots=True)
class ServiceModel:
    """Answers for every function; `others` is the behaviour of functions without their own."""

    seed: int
    others: Behaviour
    named: Mapping[str, Behaviour] = field(default_factory=dict)
    durations: Mapping[str, Seconds] = field(default_factory=dict)
    """Durations of the invocations, by id, of which a trace tells; the others' are drawn."""
    _chance: AnswerChance = field(default_factory=AnswerChance, init=False, repr=False)

    def start(self, function: str, sandbox: int) -> Start:
        """Returns the course of a new sandbox's start."""
        behaviour, chance = self._seeded(function, f"start:{sandbox}")
        anatomy = Anatomy(
            _whole_ticks(behaviour.create.draw(chance)),
            _whole_ticks(behaviour.start.draw(chance)),
            _whole_ticks(behaviour.connect.draw(chance)),
            _whole_ticks(behaviour.init.draw(chance)),
        )
        return _start(behaviour, anatomy, _outcome(behaviour.init_mishaps, chance))

    def restart(self, function: str, sandbox: int, number: int) -> Start:
        """Returns the course of the init that follows a sandbox's `number`-th reset."""
        behaviour, chance = self._seeded(function, f"restart:{sandbox}:{number}")
        connect = _whole_ticks(behaviour.connect.draw(chance))
        anatomy = Anatomy(connect=connect, init=_whole_ticks(behaviour.init.draw(chance)))
        mishaps = tuple(m for m in behaviour.init_mishaps if m[0] is not Outcome.START_FAILED)
        return _start(behaviour, anatomy, _outcome(mishaps, chance))

    def reset(self, function: str, sandbox: int, number: int) -> Seconds:
        """Returns the seconds until all processes of a sandbox that is reset are gone."""
        behaviour, chance = self._seeded(function, f"reset:{sandbox}:{number}")
        return _whole_ticks(behaviour.reset.draw(chance))

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """Returns the course of an invocation; `first` where the sandbox was not called before."""
        behaviour, chance = self._seeded(function, f"answer:{invocation}")
        cold = behaviour.cold if first else None
        duration = _whole_ticks((cold or behaviour.warm).draw(chance))
        if self.durations:
            duration = self.durations.get(invocation, duration)
        outcome = _outcome(behaviour.mishaps, chance)
        error = behaviour.error_type if outcome is Outcome.ERROR else ""
        code = _exit_code(outcome, behaviour)
        ask = None if behaviour.ask is None else _whole_ticks(behaviour.ask.draw(chance))
        throttled = duration * behaviour.withheld
        return Answer(outcome, duration, error, code, behaviour.max_memory_mb, ask, throttled)

    def overhead(self, function: str, invocation: str) -> Seconds:
        """Returns the seconds between gateway and client that an answer takes, both ways."""
        behaviour, chance = self._seeded(function, f"overhead:{invocation}")
        return _whole_ticks(behaviour.overhead.draw(chance))

    def stop(self, function: str, sandbox: int) -> Seconds:
        """Returns the seconds for which a stopping sandbox holds its memory."""
        behaviour, chance = self._seeded(function, f"stop:{sandbox}")
        return _whole_ticks(behaviour.stop.draw(chance))

    def _seeded(self, function: str, question: str) -> tuple[Behaviour, random.Random]:
        self._chance.ask(f"{self.seed}:{question}")
        return self.named.get(function, self.others), self._chance


def _start(behaviour: Behaviour, anatomy: Anatomy, outcome: Outcome) -> Start:
    error = behaviour.error_type if outcome is Outcome.ERROR else ""
    return Start(outcome, anatomy, error, _exit_code(outcome, behaviour))


def _whole_ticks(seconds: Seconds) -> Seconds:
    return round(max(seconds, 0.0) / TICK) * TICK


def _outcome(mishaps: Shares, chance: random.Random) -> Outcome:
    if not mishaps:
        return Outcome.OK
    left = chance.random()
    for outcome, share in mishaps:
        left -= share
        if left < 0:
            return outcome
    return Outcome.OK


def _exit_code(outcome: Outcome, behaviour: Behaviour) -> int:
    if outcome is Outcome.OUT_OF_MEMORY:
        return _KILLED
    return behaviour.exit_code if outcome is Outcome.EXIT else 0
