"""Answers for the sandboxes of a machine that was measured: with its CPU quota and its clients.

Owns what depends on other calls: a sandbox's quota may be used up by the call before (quota_law),
and requests of one turn take what those of a measured turn took (turns). All else is the service
model's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.experiments.simulation.quota_law import Machine, QuotaLaw, run_call
from emulator.experiments.simulation.turns import NEVER
from emulator.sim.behaviour import Answer, Outcome
from emulator.sim.chance import AnswerChance

if TYPE_CHECKING:
    from emulator.experiments.simulation.turns import Parts, Turns
    from emulator.sim.behaviour import Start
    from emulator.sim.clients import Request
    from emulator.sim.cpu_share import QuotaClock
    from emulator.sim.service import ServiceModel


@dataclass(frozen=True, slots=True)
class Quota:
    """Holds the law of a cell's handler calls, and the machine that holds them back."""

    machine: Machine
    warm: QuotaLaw
    cold: QuotaLaw


@dataclass(frozen=True, slots=True)
class Measured:
    """Holds what a calibration knows beyond the phases' times; None: nothing of the kind."""

    quota: Quota | None = None
    turns: Turns | None = None


@dataclass(slots=True)
class _Turn:
    """Holds the requests that are sent at one time, and what they take by a measured turn."""

    invocations: list[str] = field(default_factory=list)
    drawn: tuple[Parts, ...] = ()


@dataclass(slots=True)
class MeasuredService:
    """Answers as the service model does, but for what `measured` tells."""

    model: ServiceModel
    measured: Measured
    _at: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Sandbox and time of the dispatches that have no answer yet."""
    _clocks: dict[int, QuotaClock] = field(default_factory=dict)
    _turns: dict[float, _Turn] = field(default_factory=dict)
    _turn_of: dict[str, float] = field(default_factory=dict)
    _late: dict[str, float] = field(default_factory=dict)
    _over: float = NEVER
    """When the last answer to the turns so far is there."""
    _chance: AnswerChance = field(default_factory=AnswerChance)

    def start(self, function: str, sandbox: int) -> Start:
        """Returns the course of a new sandbox's start."""
        return self.model.start(function, sandbox)

    def restart(self, function: str, sandbox: int, number: int) -> Start:
        """Returns the course of the init that follows a sandbox's `number`-th reset."""
        return self.model.restart(function, sandbox, number)

    def reset(self, function: str, sandbox: int, number: int) -> float:
        """Returns the seconds until nothing runs in a sandbox that is reset."""
        return self.model.reset(function, sandbox, number)

    def stop(self, function: str, sandbox: int) -> float:
        """Returns the seconds for which a stopping sandbox holds its memory."""
        return self.model.stop(function, sandbox)

    def dispatched(self, sandbox: int, invocation: str, at: float) -> None:
        """Notes which sandbox gets an invocation, and when."""
        self._at[invocation] = sandbox, at

    def planned(self, invocation: str, request: Request) -> None:
        """Notes a request of the load before it is sent."""
        if self.measured.turns is not None:
            self._turns.setdefault(request.at, _Turn()).invocations.append(invocation)
            self._turn_of[invocation] = request.at

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """Returns the course of an invocation; `first` where the sandbox was not called before."""
        answer = self.model.answer(function, invocation, first=first)
        sandbox, at = self._at.pop(invocation)
        if answer.outcome not in (Outcome.OK, Outcome.ERROR):
            return answer
        quota = self.measured.quota
        if quota is not None:
            law = quota.cold if first else quota.warm
            return _with_duration(answer, *self._held(quota, law, sandbox, invocation, at))
        parts = self._parts(invocation)
        if first or parts is None or parts.handler is None:
            return answer
        return _with_duration(answer, parts.handler, parts.handler * self.model.others.withheld)

    def overhead(self, function: str, invocation: str) -> float:
        """Returns the seconds between gateway and client that an answer takes, both ways."""
        parts = self._parts(invocation)
        self._forget(invocation)
        if parts is not None:
            self._late[invocation] = parts.sent
        return self.model.overhead(function, invocation) if parts is None else parts.overhead

    def sent_late(self, invocation: str) -> float:
        """Returns the seconds from the begin of a request's turn until it was sent."""
        return self._late.get(invocation, 0.0)

    def _held(
        self, quota: Quota, law: QuotaLaw, sandbox: int, invocation: str, at: float
    ) -> tuple[float, float]:
        clock = self._clocks.get(sandbox)
        if clock is None:
            self._chance.ask(f"{self.model.seed}:quota:{sandbox}")
            clock = self._clocks[sandbox] = quota.machine.clock(self._chance)
        self._chance.ask(f"{self.model.seed}:work:{invocation}")
        return run_call(clock, quota.machine, at, *law.parts(self._chance.random()))

    def _parts(self, invocation: str) -> Parts | None:
        """Returns what a request takes by its turn; None where no turn tells of any."""
        at = self._turn_of.get(invocation)
        turns = self.measured.turns
        if at is None or turns is None:
            return None
        turn = self._turns[at]
        if not turn.drawn:
            turn.drawn = self._drawn(turns, at, len(turn.invocations))
        return turn.drawn[turn.invocations.index(invocation) % len(turn.drawn)]

    def _drawn(self, turns: Turns, at: float, count: int) -> tuple[Parts, ...]:
        self._chance.ask(f"{self.model.seed}:turn:{at}")
        drawn = self._chance.chosen(turns.nearest(count, self._over - at))
        if not turns.handlers:
            return drawn
        took = (one.handler + one.overhead for one in drawn if one.handler is not None)
        self._over = max(self._over, at + max(took, default=0.0))
        return drawn

    def _forget(self, invocation: str) -> None:
        at = self._turn_of.pop(invocation, None)
        if at is not None and not any(one in self._turn_of for one in self._turns[at].invocations):
            del self._turns[at]


def _with_duration(answer: Answer, seconds: float, throttled: float) -> Answer:
    return Answer(
        *(answer.outcome, seconds, answer.error_type, answer.exit_code, answer.max_memory_mb),
        ask=answer.ask,
        throttled=throttled,
    )
