"""Makes behaviours out of a run's samples: `--calibrate RUN`.

Owns which samples a phase of a cell is drawn from. How many sandboxes run at once belongs to the
scenario, and they share the CPUs of one machine, which no law here models: so samples of the same
kind of load come first. In this order, the first that can:

1. the same size under the same kind of load, if there are ten samples or more;
2. for handlers, the law of the CPU quota (quota_law) over the sizes under the same kind of load,
   if the run's records tell in which periods a quota held calls back; where it never did, and no
   size that was measured has less of a CPU than the cell, all sizes are alike;
   for all else, which has a whole CPU at every size, all sizes under the same kind of load;
3. for handlers, the law of the CPU share (fit) over two or more sizes under the same kind of load,
   each with ten samples or more;
4. the same size under any load;
5. the laws over the sizes, or all sizes, under any load;
6. for handlers, one other size, if its records tell for how long the CPU was held back.

What a call leaves of its sandbox's quota to the next is simulated too, under the law of the quota.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from emulator.core.records import Status
from emulator.errors import SettingsError
from emulator.experiments.records.fit_file import PhaseFit
from emulator.experiments.simulation.fit import errors, quantiles
from emulator.experiments.simulation.measured_service import Measured, Quota
from emulator.experiments.simulation.phase_laws import (
    Drawn,
    Sample,
    Take,
    by_quota,
    by_throttling,
    by_work,
    machine_of,
    share_of,
)
from emulator.experiments.simulation.samples import HANDLER, Phase
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.distributions import Constant, Quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.simulation.samples import CellSamples
    from emulator.sim.distributions import Distribution

ENOUGH = 10
"""Samples from which quantiles are taken where there is a choice."""
_EVERY = 5
"""Of so many requests one is held out, to judge a fit by."""
_ENDS = {
    Status.HANDLER_ERROR: Outcome.ERROR,
    Status.TIMEOUT: Outcome.NEVER,
    Status.EXITED: Outcome.EXIT,
    Status.OUT_OF_MEMORY: Outcome.OUT_OF_MEMORY,
}


def _all(samples: list[Sample], /) -> list[Sample]:
    return samples


class Calibration:
    """Answers with the behaviour of any cell of a plan, from the samples of a run."""

    def __init__(self, samples: Sequence[CellSamples], source: str) -> None:
        self._samples = samples
        self._tells_quota = any(
            call.periods for one in samples for calls in one.calls.values() for call in calls
        )
        """Whether the run's records tell in which periods a CPU quota held calls back."""
        self.source = source

    def behaviour(self, cell: PlannedCell) -> tuple[Behaviour, list[PhaseFit]]:
        """Returns a cell's behaviour, and how well each of its phases is fitted.

        Raises:
            SettingsError: the run does not tell enough.
        """
        known = self._of_function(cell)
        drawn = {phase: self._phase(known, phase, cell) for phase in Phase}
        warm = drawn[Phase.WARM] or drawn[Phase.COLD]
        if warm is None:
            raise SettingsError(
                f"{self.source} has no answer of {cell.condition.function} that {cell.id} could "
                "be predicted from: calibrate with a run in which the function has answered."
            )
        behaviour = Behaviour(
            warm=Quantiles(warm.quantiles),
            cold=_maybe(drawn[Phase.COLD]),
            create=_or_nothing(drawn[Phase.CREATE]),
            start=_or_nothing(drawn[Phase.START]),
            connect=_or_nothing(drawn[Phase.CONNECT]),
            init=_or_nothing(drawn[Phase.INIT]),
            specialise=_maybe(drawn[Phase.SPECIALISE]),
            ask=_maybe(drawn[Phase.ASK]),
            overhead=_or_nothing(drawn[Phase.OVERHEAD]),
            mishaps=_mishaps(known),
            max_memory_mb=max(samples.memory_used_mb for samples in known),
            withheld=_withheld(known, cell, warm),
        )
        return behaviour, [
            self._judged(known, phase, cell, found) for phase, found in drawn.items() if found
        ]

    def measured(self, cell: PlannedCell) -> Measured:
        """Returns what the run tells of a cell's machine, beyond the phases' times."""
        known = self._of_function(cell)
        warm, cold = self._phase(known, Phase.WARM, cell), self._phase(known, Phase.COLD, cell)
        quota = None
        if warm is not None and warm.quota is not None:
            first = warm.quota if cold is None or cold.quota is None else cold.quota
            quota = Quota(machine_of(cell, known), warm.quota, first)
        return Measured(quota)

    def _of_function(self, cell: PlannedCell) -> list[CellSamples]:
        function, loading = cell.condition.function, cell.condition.loading
        known = [samples for samples in self._samples if samples.function == function]
        if not known:
            there = ", ".join(dict.fromkeys(samples.function for samples in self._samples))
            raise SettingsError(
                f"{self.source} has no requests of {function}; it has those of {there or 'none'}. "
                "Calibrate with a run of the plan's functions."
            )
        alike = [samples for samples in known if samples.loading in ("", loading)]
        if not alike:
            raise SettingsError(
                f"{self.source} has {function} only with another loading than {loading}: "
                "calibrate with a run that has this one."
            )
        return alike

    def _phase(
        self,
        known: list[CellSamples],
        phase: Phase,
        cell: PlannedCell,
        take: Take = _all,
    ) -> Drawn | None:
        """Draws a phase by the order at the head of the module; None where nothing tells of it."""
        for found in self._candidates(known, phase, cell, take):
            if found is not None:
                return found
        if phase in HANDLER and any(samples.seconds[phase] for samples in known):
            sizes = sorted({s.memory_mb for s in known if s.seconds[phase]})
            raise SettingsError(
                f"{self.source} has {phase} calls of {cell.condition.function} at "
                f"{sizes[0]} MB alone, and nothing tells work from waiting there: {cell.memory_mb} "
                "MB cannot be predicted. Calibrate with a run of two sizes."
            )
        return None

    def _candidates(
        self,
        known: list[CellSamples],
        phase: Phase,
        cell: PlannedCell,
        take: Take,
    ) -> Iterator[Drawn | None]:
        same_load = [samples for samples in known if samples.scenario == cell.condition.scenario]
        for group, words, least in (
            (same_load, f"under {cell.condition.scenario}", ENOUGH),
            (known, "under any load", 1),
        ):
            sizes = _by_size(group, phase, take)
            sizes = {size: taken for size, taken in sizes.items() if len(taken) >= least}
            own = sizes.get(cell.memory_mb)
            if own:
                source = f"{cell.memory_mb} MB {words}"
                yield Drawn(quantiles(own), source, len(own))
            if sizes and phase not in HANDLER:
                taken = list(chain(*sizes.values()))
                yield Drawn(quantiles(taken), f"all sizes {words}", len(taken))
            if sizes and phase in HANDLER and self._tells_quota:
                yield by_quota([s for s in group if s.memory_mb in sizes], phase, cell, words, take)
            if len(sizes) > 1 and phase in HANDLER:
                yield by_work(sizes, cell, words)
        if phase in HANDLER:
            yield by_throttling(known, phase, cell)

    def _judged(
        self, known: list[CellSamples], phase: Phase, cell: PlannedCell, drawn: Drawn
    ) -> PhaseFit:
        """Fits again without every fifth sample, and judges by those of the cell's own size."""
        fitted = PhaseFit(cell.id, phase, drawn.source, drawn.samples, 0)
        same = [s for s in known if s.scenario == cell.condition.scenario]
        out = _by_size(same, phase, _held_out).get(cell.memory_mb, [])
        if len(out) < ENOUGH:
            return fitted
        again = self._phase(known, phase, cell, _kept)
        if again is None:
            return fitted
        found = errors(again.quantiles, out)
        return PhaseFit(cell.id, phase, drawn.source, drawn.samples, len(out), found)


def _held_out(samples: list[Sample], /) -> list[Sample]:
    return samples[_EVERY - 1 :: _EVERY]


def _kept(samples: list[Sample], /) -> list[Sample]:
    return [value for place, value in enumerate(samples) if place % _EVERY != _EVERY - 1]


def _by_size(group: list[CellSamples], phase: Phase, take: Take) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for samples in group:
        if taken := take(samples.seconds[phase]):
            found.setdefault(samples.memory_mb, []).extend(taken)
    return found


def _mishaps(known: list[CellSamples]) -> tuple[tuple[Outcome, float], ...]:
    calls = sum(chain.from_iterable(samples.ends.values() for samples in known))
    return tuple(
        (outcome, count / calls)
        for status, outcome in _ENDS.items()
        if (count := sum(samples.ends.get(status, 0) for samples in known))
    )


def _withheld(known: list[CellSamples], cell: PlannedCell, warm: Drawn) -> float:
    """Returns the share of a warm call in which the quota is used up: measured, or by the law."""
    own = [samples for samples in known if samples.memory_mb == cell.memory_mb]
    seconds = sum(chain.from_iterable(samples.seconds[Phase.WARM] for samples in own))
    if seconds:
        throttled = chain.from_iterable(samples.throttled[Phase.WARM] for samples in own)
        return min(1.0, sum(throttled) / seconds)
    if warm.quota is not None:
        return warm.withheld
    if warm.law is None or not any(s for one in known for s in one.throttled[Phase.WARM]):
        return 0.0  # nothing of the kind was recorded
    share = share_of(cell, cell.memory_mb)
    return sum(warm.law.work) * (1 / share - 1) / sum(warm.quantiles)


def _maybe(drawn: Drawn | None) -> Distribution | None:
    return None if drawn is None else Quantiles(drawn.quantiles)


def _or_nothing(drawn: Drawn | None) -> Distribution:
    return Constant(0.0) if drawn is None else Quantiles(drawn.quantiles)
