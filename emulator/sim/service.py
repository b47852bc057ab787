"""Answers how long each phase of a simulated sandbox takes, and how each phase ends.

Every answer depends on the seed and on the id of the sandbox or the invocation, never on the order
of the questions, so that drivers which ask in another order are told the same. Lengths of time are
whole numbers of `TICK`, a power of two: sums of them are exact, in whatever order they are added.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the compiled module resolves its fields
from dataclasses import dataclass, field
from typing import Final, Protocol

from emulator.core.messages.measurements import Anatomy
from emulator.core.model import Seconds  # noqa: TC001  # as above
from emulator.sim.behaviour import Answer, Behaviour, Outcome, Shares, Start
from emulator.sim.chance import AnswerChance

TICK: Final = 2.0**-20
"""Seconds; about a microsecond."""
_COARSE: Final = 1.5 * 2.0**52 * TICK
"""Number so large that the next float is a tick away: a length that is added to it is rounded."""
_OK: Final = Outcome.OK
"""Named here, since a member of an enum is looked up anew at each mention."""

_KILLED: Final = 137
"""Exit code of a process that the kernel killed."""


class Service(Protocol):
    """Answers how long each phase of a sandbox takes, and how the phase ends."""

    def start(self, function: str, sandbox: int, *, specialised: bool = False) -> Start:
        """Returns the course of a new sandbox's start; `specialised` where it was a stem cell."""
        ...

    def stem_cell(self, cell: int) -> Seconds:
        """Returns the seconds until a stem cell that is begun waits for its function."""
        ...

    def restart(self, function: str, sandbox: int, number: int) -> Start:
        """Returns the course of the init that follows a sandbox's `number`-th reset."""
        ...

    def reset(self, function: str, sandbox: int, number: int) -> Seconds:
        """Returns the seconds until nothing runs in a sandbox that is reset."""
        ...

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """Returns the course of an invocation; `first` where the sandbox was not called before."""
        ...

    def stop(self, function: str, sandbox: int) -> Seconds:
        """Returns the seconds for which a stopping sandbox holds its memory."""
        ...


@dataclass(slots=True)
class ServiceModel:
    """Answers for every function; `others` is the behaviour of functions without their own."""

    seed: int
    others: Behaviour
    named: Mapping[str, Behaviour] = field(default_factory=dict)
    durations: Mapping[str, Seconds] = field(default_factory=dict)
    """Durations of the invocations, by id, of which a trace tells; the others' are drawn."""
    _chance: AnswerChance = field(default_factory=AnswerChance, init=False, repr=False)

    def start(self, function: str, sandbox: int, *, specialised: bool = False) -> Start:
        """Returns the course of a new sandbox's start; `specialised` where it was a stem cell.

        All else is drawn alike, so that one seed tells the two courses of the same start.
        """
        behaviour, chance = self._seeded(function, "start", str(sandbox))
        anatomy = Anatomy(
            _whole_ticks(behaviour.create.draw(chance)),
            _whole_ticks(behaviour.start.draw(chance)),
            _whole_ticks(behaviour.connect.draw(chance)),
            _whole_ticks(behaviour.init.draw(chance)),
        )
        outcome = _outcome(behaviour.init_mishaps, chance)
        if specialised:
            connect = anatomy.connect
            if behaviour.specialise is not None:
                connect = _whole_ticks(behaviour.specialise.draw(chance))
            anatomy = Anatomy(connect=connect, init=anatomy.init)
        return _start(behaviour, anatomy, outcome)

    def stem_cell(self, cell: int) -> Seconds:
        """Returns the seconds until a stem cell that is begun waits for its function."""
        self._chance.ask(f"{self.seed}:stem:{cell}")
        behaviour = self.others
        phases = (behaviour.create, behaviour.start, behaviour.connect)
        return sum(_whole_ticks(phase.draw(self._chance)) for phase in phases)

    def restart(self, function: str, sandbox: int, number: int) -> Start:
        """Returns the course of the init that follows a sandbox's `number`-th reset."""
        behaviour, chance = self._seeded(function, "restart", f"{sandbox}:{number}")
        connect = _whole_ticks(behaviour.connect.draw(chance))
        anatomy = Anatomy(connect=connect, init=_whole_ticks(behaviour.init.draw(chance)))
        mishaps = tuple(m for m in behaviour.init_mishaps if m[0] is not Outcome.START_FAILED)
        return _start(behaviour, anatomy, _outcome(mishaps, chance))

    def reset(self, function: str, sandbox: int, number: int) -> Seconds:
        """Returns the seconds until all processes of a sandbox that is reset are gone."""
        behaviour, chance = self._seeded(function, "reset", f"{sandbox}:{number}")
        return _whole_ticks(behaviour.reset.draw(chance))

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """Returns the course of an invocation; `first` where the sandbox was not called before."""
        behaviour, chance = self._seeded(function, "answer", invocation)
        told = self.durations.get(invocation) if self.durations else None
        drawn = behaviour.cold if first and behaviour.cold is not None else behaviour.warm
        # drawn though a trace tells: what is drawn after it does not depend on the trace
        duration = _whole_ticks(drawn.draw(chance))
        if told is not None:
            duration = told
        outcome = _outcome(behaviour.mishaps, chance)
        ask = None if behaviour.ask is None else _whole_ticks(behaviour.ask.draw(chance))
        throttled = duration * behaviour.withheld
        memory = behaviour.max_memory_mb
        if outcome is _OK:
            return Answer(outcome, duration, max_memory_mb=memory, ask=ask, throttled=throttled)
        error = behaviour.error_type if outcome is Outcome.ERROR else ""
        code = _exit_code(outcome, behaviour)
        return Answer(outcome, duration, error, code, memory, ask, throttled)

    def overhead(self, function: str, invocation: str) -> Seconds:
        """Returns the seconds between gateway and client that an answer takes, both ways."""
        behaviour, chance = self._seeded(function, "overhead", invocation)
        return _whole_ticks(behaviour.overhead.draw(chance))

    def stop(self, function: str, sandbox: int) -> Seconds:
        """Returns the seconds for which a stopping sandbox holds its memory."""
        behaviour, chance = self._seeded(function, "stop", str(sandbox))
        return _whole_ticks(behaviour.stop.draw(chance))

    def _seeded(self, function: str, kind: str, name: str) -> tuple[Behaviour, AnswerChance]:
        self._chance.ask(f"{self.seed}:{kind}:{name}")
        named = self.named.get(function) if self.named else None
        return self.others if named is None else named, self._chance


def _start(behaviour: Behaviour, anatomy: Anatomy, outcome: Outcome) -> Start:
    error = behaviour.error_type if outcome is Outcome.ERROR else ""
    return Start(outcome, anatomy, error, _exit_code(outcome, behaviour))


def _whole_ticks(seconds: Seconds) -> Seconds:
    """Returns what `round(seconds / TICK) * TICK` does, up to 68 years, in a tenth of the time."""
    return seconds + _COARSE - _COARSE if seconds > 0.0 else 0.0


def _outcome(mishaps: Shares, chance: AnswerChance) -> Outcome:
    if not mishaps:
        return _OK
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
