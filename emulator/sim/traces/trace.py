"""Defines a trace: functions, and the calls to them in time order; cuts, samples and scales traces.

Knows no file format. Times count from the trace's beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from random import Random

    from emulator.core.model import Seconds
    from emulator.sim.distributions import Distribution


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """Holds one invocation of a trace."""

    at: Seconds
    """Time of the request."""
    function: str
    duration: Seconds | None = field(default=None, compare=False)
    """Time in the handler; None where the trace tells of its function alone."""


@dataclass(frozen=True, slots=True)
class TracedFunction:
    """Holds what a trace tells of one function."""

    name: str
    memory_mb: float | None = None
    """Memory that the function used, as measured; None where the trace does not tell."""
    durations: Distribution | None = None
    """Time in the handler, for calls without a time of their own."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Holds the functions of a trace and draws the calls to them."""

    functions: Mapping[str, TracedFunction]
    draw: Callable[[Random], Iterator[Call]]
    """Yields all calls in time order; where a trace counts calls by the minute, chance spreads
    each minute's evenly over the minute."""

    def sample(self, number: int, chance: Random) -> Trace:
        """Returns the trace of `number` functions drawn without regard to how often they are used.

        All functions where there are no more.
        """
        names = sorted(self.functions)
        if number < len(names):
            names = chance.sample(names, number)
        kept = {name: self.functions[name] for name in sorted(names)}
        return Trace(
            kept, lambda chance: (call for call in self.draw(chance) if call.function in kept)
        )

    def window(self, first: Seconds, last: Seconds) -> Trace:
        """Returns the calls from `first` until before `last`, as a trace that begins at `first`."""

        def draw(chance: Random) -> Iterator[Call]:
            for call in self.draw(chance):
                if call.at >= last:
                    return
                if call.at >= first:
                    yield replace(call, at=call.at - first)

        return Trace(self.functions, draw)

    def scale(self, factor: float) -> Trace:
        """Returns the trace with `factor` times as many calls, their times as they were.

        Each call comes as often as the factor says, the fraction by chance; copies of a call come
        at the same time.
        """

        def draw(chance: Random) -> Iterator[Call]:
            whole, part = int(factor), factor - int(factor)
            for call in self.draw(chance):
                for _ in range(whole + (chance.random() < part)):
                    yield call

        return Trace(self.functions, draw)


def spread(
    counts: Mapping[str, int], begin: Seconds, length: Seconds, chance: Random
) -> list[Call]:
    """Returns the calls of one stretch of time, in order, from each function's number of calls."""
    return sorted(
        Call(begin + chance.random() * length, function)
        for function, number in counts.items()
        for _ in range(number)
    )
