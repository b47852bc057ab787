"""Reads the trace of Azure Functions of 2021: a row an invocation, with its end and its duration.

Source: Azure/AzurePublicDataset, AzureFunctionsInvocationTrace2021 (Zhang et al., SOSP'21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.sim.traces.rows import amount, cells
from emulator.sim.traces.trace import Call, Trace, TracedFunction
from emulator.sim.workload import TraceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from random import Random

_COLUMNS = ("app", "func", "end_timestamp", "duration")
_LETTERS = 12
"""Letters of a hash that are kept; the hashes of two functions do not begin alike."""


def read(path: Path) -> Trace:
    """Reads a whole trace; calls are sorted by their beginning, which the rows are not.

    Raises:
        TraceError: the file cannot be read, or a line is wrong.
    """
    names: dict[tuple[str, str], str] = {}
    """Names by both hashes: a trace of millions of calls has some hundred."""
    times: dict[str, list[tuple[float, float]]] = {}
    """Beginnings and durations of each function's calls."""
    for line, (app, function, end, lasted) in cells(path, _COLUMNS):
        name = names.get((app, function))
        if name is None:
            name = names[app, function] = f"{app[:_LETTERS]}-{function[:_LETTERS]}"
            times[name] = []
        try:
            duration = amount(lasted)
            times[name].append((float(end) - duration, duration))
        except ValueError as error:
            raise TraceError(f"{path.name}, line {line}: {error}") from None
    begin = min((at for own in times.values() for at, _ in own), default=0.0)

    def calls(_: Random, wanted: Collection[str]) -> Iterator[Call]:
        rows = [(at, name, lasted) for name in wanted for at, lasted in times[name]]
        rows.sort()
        for at, name, lasted in rows:
            yield Call(at - begin, name, lasted)

    def count(wanted: Collection[str]) -> int:
        return sum(len(times[name]) for name in wanted)

    return Trace({name: TracedFunction(name) for name in times}, calls, count=count)
