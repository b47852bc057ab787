"""What a sandbox does when it is asked: how long each phase takes, and how it ends.

Every answer depends on the seed and on the id of the sandbox or the invocation, never on the order
of the questions, so that drivers which ask in another order are told the same. Lengths of time are
whole numbers of `TICK`, a power of two: sums of them are exact, in whatever order they are added.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from emulator.core.messages import Anatomy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.model import Seconds

TICK = 2.0**-20


class Distribution(Protocol):
    """A length of time."""

    def draw(self, chance: random.Random) -> Seconds: ...


@dataclass(frozen=True, slots=True)
class Constant:
    seconds: Seconds

    def draw(self, chance: random.Random) -> Seconds:  # noqa: ARG002  # the others' signature
        return self.seconds


@dataclass(frozen=True, slots=True)
class Uniform:
    least: Seconds
    most: Seconds

    def draw(self, chance: random.Random) -> Seconds:
        return chance.uniform(self.least, self.most)


@dataclass(frozen=True, slots=True)
class Exponential:
    mean: Seconds

    def draw(self, chance: random.Random) -> Seconds:
        return chance.expovariate(1.0) * self.mean


@dataclass(frozen=True, slots=True)
class LogNormal:
    """`spread` is the standard deviation of the logarithm."""

    median: Seconds
    spread: float

    def draw(self, chance: random.Random) -> Seconds:
        return chance.lognormvariate(math.log(self.median), self.spread)


@dataclass(frozen=True, slots=True)
class Measured:
    """Draws from what was seen, each value as likely as the next."""

    seconds: tuple[Seconds, ...]

    def draw(self, chance: random.Random) -> Seconds:
        return chance.choice(self.seconds)


class Outcome(StrEnum):
    """How an init or an invocation ends."""

    OK = "ok"
    ERROR = "error"
    """The runtime reports an error, of its init or of its handler, and goes on or exits."""
    EXIT = "exit"
    OUT_OF_MEMORY = "out of memory"
    START_FAILED = "start failed"
    """The sandbox could not be made; of an init only."""
    NEVER = "never"
    """No answer comes; only a timeout ends it."""


Shares = tuple[tuple[Outcome, float], ...]
"""The probability of each outcome that is not OK; OK has the rest."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Of one function: the phases of a start, the handler warm and cold, and its mishaps."""

    warm: Distribution
    cold: Distribution | None = None
    """The first handler call of a sandbox, its init not counted; None: as `warm`."""
    create: Distribution = Constant(0.0)
    start: Distribution = Constant(0.0)
    connect: Distribution = Constant(0.0)
    init: Distribution = Constant(0.0)
    ask: Distribution | None = None
    """From the answer to the request for the next work; None: no time, and no event of its own."""
    stop: Distribution = Constant(0.0)
    reset: Distribution = Constant(0.0)
    init_mishaps: Shares = ()
    mishaps: Shares = ()
    error_type: str = "Simulated"
    exit_code: int = 1
    max_memory_mb: int = 0


_KILLED = 137
"""The exit code of a process that the kernel killed."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a sandbox: its phases, the last of which ends in `outcome`.

    A sandbox that cannot be made fails when `create` is over.
    """

    outcome: Outcome
    anatomy: Anatomy
    error_type: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes of one invocation, `duration` after its dispatch."""

    outcome: Outcome
    duration: Seconds
    error_type: str = ""
    exit_code: int = 0
    max_memory_mb: int = 0
    ask: Seconds | None = None
    """How long after its answer the runtime asks for its next work."""


@dataclass(slots=True)
class ServiceModel:
    """Answers for every function; `others` is the behaviour of those that are not named."""

    seed: int
    others: Behaviour
    named: Mapping[str, Behaviour] = field(default_factory=dict)
    _chance: random.Random = field(default_factory=random.Random, init=False, repr=False)

    def start(self, function: str, sandbox: int) -> Start:
        behaviour, chance = self._seeded(function, f"start:{sandbox}")
        anatomy = Anatomy(
            _whole(behaviour.create.draw(chance)),
            _whole(behaviour.start.draw(chance)),
            _whole(behaviour.connect.draw(chance)),
            _whole(behaviour.init.draw(chance)),
        )
        return _start(behaviour, anatomy, _outcome(behaviour.init_mishaps, chance))

    def restart(self, function: str, sandbox: int, number: int) -> Start:
        """The init of a runtime within a sandbox that was reset for the `number`-th time."""
        behaviour, chance = self._seeded(function, f"restart:{sandbox}:{number}")
        connect = _whole(behaviour.connect.draw(chance))
        anatomy = Anatomy(connect=connect, init=_whole(behaviour.init.draw(chance)))
        mishaps = tuple(m for m in behaviour.init_mishaps if m[0] is not Outcome.START_FAILED)
        return _start(behaviour, anatomy, _outcome(mishaps, chance))

    def reset(self, function: str, sandbox: int, number: int) -> Seconds:
        """How long the processes of a sandbox take to be gone."""
        behaviour, chance = self._seeded(function, f"reset:{sandbox}:{number}")
        return _whole(behaviour.reset.draw(chance))

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """`first`: the sandbox has not been called before."""
        behaviour, chance = self._seeded(function, f"answer:{invocation}")
        cold = behaviour.cold if first else None
        duration = _whole((cold or behaviour.warm).draw(chance))
        outcome = _outcome(behaviour.mishaps, chance)
        error = behaviour.error_type if outcome is Outcome.ERROR else ""
        code = _exit_code(outcome, behaviour)
        ask = None if behaviour.ask is None else _whole(behaviour.ask.draw(chance))
        return Answer(outcome, duration, error, code, behaviour.max_memory_mb, ask)

    def stop(self, function: str, sandbox: int) -> Seconds:
        """How long a stopping sandbox holds its memory."""
        behaviour, chance = self._seeded(function, f"stop:{sandbox}")
        return _whole(behaviour.stop.draw(chance))

    def _seeded(self, function: str, question: str) -> tuple[Behaviour, random.Random]:
        self._chance.seed(f"{self.seed}:{question}")
        return self.named.get(function, self.others), self._chance


def _start(behaviour: Behaviour, anatomy: Anatomy, outcome: Outcome) -> Start:
    error = behaviour.error_type if outcome is Outcome.ERROR else ""
    return Start(outcome, anatomy, error, _exit_code(outcome, behaviour))


def _whole(seconds: Seconds) -> Seconds:
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
