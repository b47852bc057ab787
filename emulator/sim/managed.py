"""Simulates Managed Instances: many requests a sandbox, no cold starts, scaled behind the load.

A scheduler of its own and of the simulator alone. A sandbox has room for as many requests as its
vCPU does at once, and never more than the runtime allows; a request that finds no room in any of
its function's sandboxes is throttled (429). What requests that share a CPU cost each other is not
modelled, nor how many functions' sandboxes an instance holds beyond its vCPUs.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.model import Seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.managed_instances import ManagedInstances
    from emulator.sim.traces.trace import Call


@dataclass(slots=True)
class _Function:
    """Holds one function's sandboxes and what runs in them."""

    sandboxes: int
    running: int = 0
    most: int = 0
    """Most requests at once since the last look."""
    grown: list[tuple[Seconds, int]] = field(default_factory=list)
    """Times of looks, and how many sandboxes there were."""


@dataclass(slots=True)
class ManagedRun:
    """Holds what a run came to."""

    served: int = 0
    throttled: dict[str, int] = field(default_factory=dict)
    """Requests that found no room, by function."""
    series: list[tuple[Seconds, int, int]] = field(default_factory=list)
    """Time, sandboxes and instances, whenever they were looked at."""
    instance_seconds: float = 0.0

    def dollars(self, rules: ManagedInstances) -> float:
        """Returns the price of the instances, the fee and the requests."""
        hours = self.instance_seconds / 3600
        return hours * rules.instance_hour * (1 + rules.fee) + self.served * rules.request


def simulate(
    calls: Iterable[Call],
    functions: Iterable[str],
    rules: ManagedInstances,
    *,
    cpu: float,
    duration: Seconds,
    until: Seconds,
) -> ManagedRun:
    """Runs a trace; `cpu` is the share of a vCPU that a request uses while it runs.

    Args:
        calls: the requests in time order; those without a time of their own take `duration`.
        functions: the names of all functions, each of which has its least number of sandboxes.
        rules: what Managed Instances do at the date.
        cpu: above 0.
        duration: seconds.
        until: seconds; instances are paid until then.
    """
    room = max(1, min(rules.requests_a_sandbox, math.floor(1 / cpu)))
    known = {name: _Function(rules.least_sandboxes) for name in functions}
    run, ends = ManagedRun(), list[tuple[Seconds, str]]()
    looked = 0.0
    _look(run, known, rules, room, 0.0)
    for call in calls:
        while looked + rules.scale_every <= call.at:
            looked += rules.scale_every
            _finish(known, ends, looked)
            _look(run, known, rules, room, looked)
        _finish(known, ends, call.at)
        function = known[call.function]
        if function.running >= function.sandboxes * room:
            run.throttled[call.function] = run.throttled.get(call.function, 0) + 1
            continue
        run.served += 1
        function.running += 1
        function.most = max(function.most, function.running)
        heapq.heappush(ends, (call.at + (call.duration or duration), call.function))
    while looked + rules.scale_every <= until:
        looked += rules.scale_every
        _finish(known, ends, looked)
        _look(run, known, rules, room, looked)
    last, _, instances = run.series[-1]
    run.instance_seconds += (until - last) * instances
    return run


def _finish(known: dict[str, _Function], ends: list[tuple[Seconds, str]], now: Seconds) -> None:
    while ends and ends[0][0] <= now:
        known[heapq.heappop(ends)[1]].running -= 1


def _look(
    run: ManagedRun,
    known: dict[str, _Function],
    rules: ManagedInstances,
    room: int,
    now: Seconds,
) -> None:
    """Scales every function by its peak since the last look, and counts the instances."""
    for function in known.values():
        function.grown = [each for each in function.grown if each[0] >= now - rules.doubling]
        most = 2 * min([count for _, count in function.grown], default=function.sandboxes)
        wanted = math.ceil(function.most / (room * rules.target))
        function.sandboxes = max(rules.least_sandboxes, min(wanted, most))
        function.grown.append((now, function.sandboxes))
        function.most = function.running
    sandboxes = sum(function.sandboxes for function in known.values())
    instances = max(rules.least_instances, math.ceil(sandboxes / rules.instance_vcpus))
    if run.series:
        last, _, before = run.series[-1]
        run.instance_seconds += (now - last) * before
    run.series.append((now, sandboxes, instances))
