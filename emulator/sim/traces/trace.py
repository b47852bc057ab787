"""Defines a trace: functions, and the calls to them in time order; cuts, samples and scales traces.

Knows no file format. Times count from the trace's beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec import Struct, structs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from emulator.core.model import Seconds
    from emulator.sim.distributions import Distribution


class Call(Struct, frozen=True, gc=False):
    """Holds one invocation of a trace."""

    at: Seconds
    """Time of the request."""
    function: str
    duration: Seconds | None = None
    """Time in the handler; None where the trace tells of its function alone."""
    tenant: str = ""
    """Tenant for whom the function was called, where it tells tenants apart."""


@dataclass(frozen=True, slots=True)
class TracedFunction:
    """Holds what a trace tells of one function."""

    name: str
    memory_mb: float | None = None
    """Memory that the function used, as measured; None where the trace does not tell."""
    durations: Distribution | None = None
    """Time in the handler, for calls without a time of their own."""
    per_tenant: bool = False
    """Whether its calls are each for a tenant, whom a sandbox serves alone."""


Calls = Callable[["Random", Collection[str]], Iterator["Call"]]
"""Yields the calls to some functions in time order.

Where a trace counts calls by the minute, chance spreads each minute's evenly over the minute."""


def _nothing(_: Collection[str]) -> None:
    """Reads nothing: all that there is was read."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Holds the functions of a trace, and where the calls to them come from."""

    functions: Mapping[str, TracedFunction]
    calls: Calls
    read: Callable[[Collection[str]], None] = _nothing
    """Reads what the calls to some functions need, where `calls` would do that at each drawing."""
    count: Callable[[Collection[str]], int] = len
    """Returns about how many calls some functions have; as many as functions where nobody knows."""

    def load(self) -> None:
        """Reads all that is needed, so that it is read once, and processes that are forked have it.

        Raises:
            TraceError: a line is wrong.
        """
        self.read(self.functions.keys())

    def draw(self, chance: Random) -> Iterator[Call]:
        """Yields all calls in time order."""
        return self.calls(chance, self.functions.keys())

    def only(self, names: Iterable[str]) -> Trace:
        """Returns the trace of some of its functions."""
        return replace(self, functions={name: self.functions[name] for name in sorted(names)})

    def sample(self, number: int, chance: Random) -> Trace:
        """Returns the trace of `number` functions drawn without regard to how often they are used.

        All functions where there are no more.
        """
        names = sorted(self.functions)
        return self.only(chance.sample(names, number) if number < len(names) else names)

    def window(self, first: Seconds, last: Seconds) -> Trace:
        """Returns the calls from `first` until before `last`, as a trace that begins at `first`."""

        def calls(chance: Random, names: Collection[str]) -> Iterator[Call]:
            for call in self.calls(chance, names):
                if call.at >= last:
                    return
                if call.at >= first:
                    yield structs.replace(call, at=call.at - first)

        return replace(self, calls=calls)

    def scale(self, factor: float) -> Trace:
        """Returns the trace with `factor` times as many calls, their times as they were.

        Each call comes as often as the factor says, the fraction by chance; copies of a call come
        at the same time.
        """

        def calls(chance: Random, names: Collection[str]) -> Iterator[Call]:
            whole, part = int(factor), factor - int(factor)
            for call in self.calls(chance, names):
                for _ in range(whole + (chance.random() < part)):
                    yield call

        return replace(self, calls=calls)


def kept(calls: Sequence[Call]) -> Calls:
    """Returns a source of calls that are all in memory, in time order."""
    return lambda _, names: (call for call in calls if call.function in names)


def isolated(calls: Iterable[Call]) -> set[str]:
    """Returns the functions that tell tenants apart."""
    return {call.function for call in calls if call.tenant}


def spread(
    counts: Mapping[str, int], begin: Seconds, length: Seconds, chance: Random
) -> list[Call]:
    """Returns the calls of one stretch of time, in order, from each function's number of calls."""
    moments = [
        (begin + chance.random() * length, function)
        for function, number in counts.items()
        for _ in range(number)
    ]
    moments.sort()
    return [Call(at, function) for at, function in moments]
