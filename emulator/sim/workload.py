"""Requests that arrive: when, and for which function version. Every stream is in time order.

Chance is passed in; a stream is drawn as it is read, so that a long one takes no memory.
"""

from __future__ import annotations

import csv
import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from emulator.core.messages import Event, InvokeRequested, VersionDeployed
from emulator.core.model import VersionKey

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from emulator.core.model import FunctionVersion, Seconds


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    at: Seconds
    key: VersionKey
    """The function version, as `FunctionVersion.key` spells it."""


Stimulus = tuple["Seconds", Event]
"""What the simulator is told from outside, and when."""


class TraceError(Exception):
    """A line of a trace file is not what it should be."""


def constant(key: VersionKey, period: Seconds, *, first: Seconds = 0.0) -> Iterator[Arrival]:
    """One every `period`, without end."""
    return (Arrival(first + number * period, key) for number in count())


def poisson(key: VersionKey, rate: float, chance: random.Random) -> Iterator[Arrival]:
    """`rate` a second on average, independent of one another, without end."""
    at = 0.0
    while True:
        at += chance.expovariate(rate)
        yield Arrival(at, key)


def at_times(key: VersionKey, times: Iterable[Seconds]) -> Iterator[Arrival]:
    return (Arrival(at, key) for at in sorted(times))


def trace(lines: Iterable[str]) -> Iterator[Arrival]:
    """A CSV file with the columns `at` (seconds, rising) and `function` (name:version).

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
        yield Arrival(at, VersionKey(row["function"]))


def before(end: Seconds, arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
    """Those that come earlier than `end`."""
    for arrival in arrivals:
        if arrival.at >= end:
            return
        yield arrival


def merge(*streams: Iterable[Arrival]) -> Iterator[Arrival]:
    return heapq.merge(*streams)


def stimuli(
    functions: Iterable[FunctionVersion], arrivals: Iterable[Arrival]
) -> Iterator[Stimulus]:
    """Deploys the functions at time 0, then sends a numbered request for each arrival."""
    for function in functions:
        yield 0.0, VersionDeployed(function)
    for number, arrival in enumerate(arrivals, 1):
        yield arrival.at, InvokeRequested(f"i{number}", arrival.key)
