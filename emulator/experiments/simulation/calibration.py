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

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from emulator.core.profiles import PROFILES
from emulator.core.records import Status
from emulator.errors import SettingsError
from emulator.experiments.records.fit_file import PhaseFit
from emulator.experiments.simulation.fit import Law, errors, fit, quantiles, split
from emulator.experiments.simulation.measured_service import Measured, Quota
from emulator.experiments.simulation.quota_law import Machine, QuotaLaw, fit_quota
from emulator.experiments.simulation.samples import HANDLER, Phase
from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.distributions import Constant, Quantiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.simulation.quota_law import HandlerCall
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


Sample = TypeVar("Sample")


class _Take(Protocol):
    """Chooses which of a cell's samples count."""

    def __call__(self, samples: list[Sample], /) -> list[Sample]: ...


def _all(samples: list[Sample], /) -> list[Sample]:
    return samples


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Holds the quantiles of a phase and what they are from."""

    quantiles: tuple[float, ...]
    source: str
    samples: int
    law: Law | None = None
    quota: QuotaLaw | None = None
    withheld: float = 0.0
    """Share of the time in which the quota is used up, where the law of the quota tells."""


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
            quota = Quota(_machine(cell, known), warm.quota, first)
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
        take: _Take = _all,
    ) -> _Drawn | None:
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
        take: _Take,
    ) -> Iterator[_Drawn | None]:
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
                yield _Drawn(quantiles(own), source, len(own))
            if sizes and phase not in HANDLER:
                taken = list(chain(*sizes.values()))
                yield _Drawn(quantiles(taken), f"all sizes {words}", len(taken))
            if sizes and phase in HANDLER and self._tells_quota:
                yield _by_quota(
                    [s for s in group if s.memory_mb in sizes], phase, cell, words, take
                )
            if len(sizes) > 1 and phase in HANDLER:
                yield _by_law(sizes, cell, words)
        if phase in HANDLER:
            yield _by_split(known, phase, cell)

    def _judged(
        self, known: list[CellSamples], phase: Phase, cell: PlannedCell, drawn: _Drawn
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


def _by_size(group: list[CellSamples], phase: Phase, take: _Take) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for samples in group:
        if taken := take(samples.seconds[phase]):
            found.setdefault(samples.memory_mb, []).extend(taken)
    return found


def _share(cell: PlannedCell, memory_mb: int) -> float:
    return min(1.0, PROFILES[cell.condition.profile].vcpus(memory_mb))


def _machine(cell: PlannedCell, known: Sequence[CellSamples]) -> Machine:
    """Returns the machine of a cell that is predicted, with the kernel of the measured one."""
    profile = PROFILES[cell.condition.profile]
    return Machine(
        dilation=cell.dilation,
        period=profile.cpu_period_us / 1_000_000 * cell.dilation,
        quota=profile.cpu_quota_us(cell.memory_mb) / 1_000_000,
        tick=known[0].machine.tick,
    )


def _by_quota(
    group: Sequence[CellSamples], phase: Phase, cell: PlannedCell, words: str, take: _Take
) -> _Drawn | None:
    """Fits the law of the CPU quota; where no call was held back, sizes of more CPU are alike."""
    calls: dict[Machine, list[HandlerCall]] = {}
    for samples in group:
        calls.setdefault(samples.machine, []).extend(take(samples.calls[phase]))
    count = sum(map(len, calls.values()))
    there = ", ".join(str(size) for size in sorted({samples.memory_mb for samples in group}))
    if not any(call.periods for taken in calls.values() for call in taken):
        if _share(cell, cell.memory_mb) < min(samples.share for samples in group):
            return None
        seconds = [call.seconds for taken in calls.values() for call in taken]
        return _Drawn(quantiles(seconds), f"{there} MB, never held back, {words}", count)
    law = fit_quota(calls)
    if law is None:
        return None
    times = law.times(_machine(cell, group), 1001)
    withheld = sum(held for _, held in times) / sum(seconds for seconds, _ in times)
    source = f"work and wait under the CPU quota over {there} MB {words}"
    drawn = quantiles([seconds for seconds, _ in times])
    return _Drawn(drawn, source, count, quota=law, withheld=withheld)


def _by_law(sizes: dict[int, list[float]], cell: PlannedCell, words: str) -> _Drawn | None:
    """Fits the law over sizes whose shares differ; sizes of a whole CPU count as one."""
    by_share: dict[float, list[float]] = {}
    for size, taken in sizes.items():
        by_share.setdefault(_share(cell, size), []).extend(taken)
    own = by_share.get(_share(cell, cell.memory_mb))
    there = ", ".join(f"{size}" for size in sorted(sizes))
    count = sum(len(taken) for taken in sizes.values())
    if own:
        return _Drawn(quantiles(own), f"sizes of as much CPU {words}", len(own))
    if len(by_share) == 1:
        return None
    law = fit(by_share)
    times = law.at(_share(cell, cell.memory_mb))
    return _Drawn(times, f"wait + work / share over {there} MB {words}", count, law)


def _by_split(known: list[CellSamples], phase: Phase, cell: PlannedCell) -> _Drawn | None:
    for samples in known:
        taken = samples.seconds[phase]
        if not taken:
            continue
        law = split(taken, float(np.mean(samples.throttled[phase])), samples.share)
        if law is not None:
            times = law.at(_share(cell, cell.memory_mb))
            source = f"throttled time at {samples.memory_mb} MB alone"
            return _Drawn(times, source, len(taken), law)
    return None


def _mishaps(known: list[CellSamples]) -> tuple[tuple[Outcome, float], ...]:
    calls = sum(chain.from_iterable(samples.ends.values() for samples in known))
    return tuple(
        (outcome, count / calls)
        for status, outcome in _ENDS.items()
        if (count := sum(samples.ends.get(status, 0) for samples in known))
    )


def _withheld(known: list[CellSamples], cell: PlannedCell, warm: _Drawn) -> float:
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
    share = _share(cell, cell.memory_mb)
    return sum(warm.law.work) * (1 / share - 1) / sum(warm.quantiles)


def _maybe(drawn: _Drawn | None) -> Distribution | None:
    return None if drawn is None else Quantiles(drawn.quantiles)


def _or_nothing(drawn: _Drawn | None) -> Distribution:
    return Constant(0.0) if drawn is None else Quantiles(drawn.quantiles)
