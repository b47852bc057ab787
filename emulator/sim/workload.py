"""Makes streams of requests that arrive: when, and for which version; all in time order.

Chance is passed in; a stream is drawn as it is read, so that a long one takes no memory.
"""

from __future__ import annotations

import csv
import heapq
from itertools import count
from typing import TYPE_CHECKING

from emulator.core.messages.events import Event, InvokeRequested, VersionDeployed
from emulator.core.model import VersionKey
from emulator.sim.arrival import Arrival as Arrival  # noqa: PLC0414  # it is asked for here

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Mapping

    from emulator.core.model import FunctionVersion, Seconds
    from emulator.sim.traces.trace import Call


Stimulus = tuple["Seconds", Event]
"""Time and event that the simulator is told of from outside."""


class TraceError(Exception):
    """Reports a line of a trace file that is not as it should be."""


def constant(key: VersionKey, period: Seconds, *, first: Seconds = 0.0) -> Iterator[Arrival]:
    """Yields an arrival every `period` seconds, without end."""
    for number in count():
        yield Arrival(first + number * period, key)


def poisson(key: VersionKey, rate: float, chance: random.Random) -> Iterator[Arrival]:
    """Yields independent arrivals, `rate` a second on average, without end."""
    at = 0.0
    while True:
        at += chance.expovariate(rate)
        yield Arrival(at, key)


def at_times(key: VersionKey, times: Iterable[Seconds]) -> Iterator[Arrival]:
    """Yields an arrival at each of some times, which need not be sorted."""
    for at in sorted(times):
        yield Arrival(at, key)


def trace(lines: Iterable[str]) -> Iterator[Arrival]:
    """Reads arrivals from a CSV file with the columns `at` (seconds, rising) and `function`.

    A function is written as `name:version`; a column `tenant` may be there as well.

    Raises:
        TraceError: a line is wrong; the message has its number.
    """
    rows = csv.DictReader(lines)
    if not {"at", "function"} <= set(rows.fieldnames or ()):
        raise TraceError("line 1: a trace has the columns at and function")
    last = 0.0
    for row in rows:
        try:
            at = float(row["at"])
        except (TypeError, ValueError):
            at = -1.0
        if not at >= last or not row["function"]:
            raise TraceError(
                f"line {rows.line_num}: wanted a time not before {last} and a function, got {row}"
            )
        last = at
        yield Arrival(at, VersionKey(row["function"]), tenant=row.get("tenant") or "")


def before(end: Seconds, arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
    """Yields the arrivals that come earlier than `end`."""
    for arrival in arrivals:
        if arrival.at >= end:
            return
        yield arrival


def merge(*streams: Iterable[Arrival]) -> Iterator[Arrival]:
    """Yields the arrivals of all streams in time order."""
    return heapq.merge(*streams)


def stimuli(
    functions: Iterable[FunctionVersion], arrivals: Iterable[Arrival]
) -> Iterator[Stimulus]:
    """Deploys the functions at time 0, then sends a numbered request for each arrival."""
    for function in functions:
        yield 0.0, VersionDeployed(function)
    for number, arrival in enumerate(arrivals, 1):
        yield arrival.at, InvokeRequested(f"i{number}", arrival.key, tenant=arrival.tenant)


def requests(
    calls: Iterable[Call], keys: Mapping[str, VersionKey], told: dict[str, Seconds]
) -> Iterator[tuple[Seconds, InvokeRequested]]:
    """Sends a numbered request for each call of a trace; `told` gets the duration, where known."""
    for number, call in enumerate(calls, 1):
        invocation, duration = f"i{number}", call.duration
        if duration is not None:
            told[invocation] = duration
        yield call.at, InvokeRequested(invocation, keys[call.function], tenant=call.tenant)
