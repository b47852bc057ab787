"""Answers for the sandboxes of a machine that was measured, with its CPU quota.

Owns what depends on other calls: a sandbox's quota may be used up by the call before (quota_law).
All else is the service model's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.experiments.simulation.quota_law import Machine, QuotaLaw, run_call
from emulator.sim.behaviour import Answer, Outcome
from emulator.sim.chance import AnswerChance

if TYPE_CHECKING:
    from emulator.sim.behaviour import Start
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


@dataclass(slots=True)
class MeasuredService:
    """Answers as the service model does, but for what `measured` tells."""

    model: ServiceModel
    measured: Measured
    _at: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Sandbox and time of the dispatches that have no answer yet."""
    _clocks: dict[int, QuotaClock] = field(default_factory=dict)
    _chance: AnswerChance = field(default_factory=AnswerChance)

    def start(self, function: str, sandbox: int, *, specialised: bool = False) -> Start:
        """Returns the course of a new sandbox's start; `specialised` where it was a stem cell."""
        return self.model.start(function, sandbox, specialised=specialised)

    def stem_cell(self, cell: int) -> float:
        """Returns the seconds until a stem cell that is begun waits for its function."""
        return self.model.stem_cell(cell)

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

    def answer(self, function: str, invocation: str, *, first: bool) -> Answer:
        """Returns the course of an invocation; `first` where the sandbox was not called before."""
        answer = self.model.answer(function, invocation, first=first)
        sandbox, at = self._at.pop(invocation)
        if answer.outcome not in (Outcome.OK, Outcome.ERROR):
            return answer
        quota = self.measured.quota
        if quota is None:
            return answer
        law = quota.cold if first else quota.warm
        return _with_duration(answer, *self._held(quota, law, sandbox, invocation, at))

    def overhead(self, function: str, invocation: str) -> float:
        """Returns the seconds between gateway and client that an answer takes, both ways."""
        return self.model.overhead(function, invocation)

    def _held(
        self, quota: Quota, law: QuotaLaw, sandbox: int, invocation: str, at: float
    ) -> tuple[float, float]:
        clock = self._clocks.get(sandbox)
        if clock is None:
            self._chance.ask(f"{self.model.seed}:quota:{sandbox}")
            clock = self._clocks[sandbox] = quota.machine.clock(self._chance)
        self._chance.ask(f"{self.model.seed}:work:{invocation}")
        return run_call(clock, quota.machine, at, *law.parts(self._chance.random()))


def _with_duration(answer: Answer, seconds: float, throttled: float) -> Answer:
    return Answer(
        *(answer.outcome, seconds, answer.error_type, answer.exit_code, answer.max_memory_mb),
        ask=answer.ask,
        throttled=throttled,
    )
