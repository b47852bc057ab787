"""FaasCache's formula, worked by hand: priority = clock + frequency * cost / size."""

from __future__ import annotations

import random

from emulator.core.messages.commands import Dispatch, StartSandbox, StopSandbox
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    SandboxGone,
    SandboxReady,
    VersionDeployed,
)
from emulator.core.model import FunctionVersion, StartKind, StopReason, VersionKey
from emulator.core.policies.greedy_dual import GreedyDual
from emulator.core.policies.interface import Policy, PolicyChoice
from emulator.core.policies.lru import LeastRecentlyUsed
from emulator.core.policy import SchedulerSettings
from emulator.core.scheduler import Scheduler

A, B, C, D = map(VersionKey.of, "abcd")
COST = {A: 16.0, B: 16.0, C: 4.0, D: 2.0}
SIZE = {"a": 128, "b": 256, "c": 128, "d": 128}


class Cache:
    """Functions of these sizes in a host's memory; each request takes no time but its init."""

    def __init__(self, policy: Policy, sizes: dict[str, int], memory_mb: int) -> None:
        choice = PolicyChoice("test", lambda: policy)
        self.scheduler = Scheduler(
            SchedulerSettings(policy=choice, host_memory_mb=memory_mb), random.Random(0)
        )
        self.now, self.uses = 0.0, 0
        for name, size in sizes.items():
            self.scheduler.handle(VersionDeployed(FunctionVersion(name, size, 900.0)), 0.0)

    def use(self, key: VersionKey, cost: float) -> str:
        """Returns the names of the functions of which a sandbox is evicted for the use."""
        self.now, self.uses = self.now + 1, self.uses + 1
        request, boxes = f"r{self.uses}", dict(self.scheduler.sandboxes)
        commands = self.scheduler.handle(InvokeRequested(request, key), self.now)
        stopped = [each for each in commands if isinstance(each, StopSandbox)]
        assert all(each.reason is StopReason.EVICTED for each in stopped)
        for each in stopped:
            commands += self.scheduler.handle(SandboxGone(each.sandbox), self.now)
        started = [each.sandbox for each in commands if isinstance(each, StartSandbox)]
        for number in started:
            self.now += cost
            commands = self.scheduler.handle(SandboxReady(number), self.now)
        (dispatch,) = [each for each in commands if isinstance(each, Dispatch)]
        assert (dispatch.start is StartKind.COLD) is bool(started)
        self.scheduler.handle(InvocationFinished(dispatch.sandbox, request), self.now)
        self.scheduler.check()
        return "".join(boxes[each.sandbox].function.name for each in stopped)


def test_priorities_and_victims_are_those_worked_by_hand() -> None:
    policy = GreedyDual()
    cache = Cache(policy, SIZE, memory_mb=512)
    steps = [
        # use, evicted for it, clock, and the priority of what was used
        (A, "", 0.0, 1 * 16 / 128),
        (B, "", 0.0, 1 * 16 / 256),
        (C, "", 0.0, 1 * 4 / 128),
        (C, "", 0.0, 2 * 4 / 128),  # now as much as b, which is idle for longer
        (D, "b", 0.0625, 0.0625 + 1 * 2 / 128),
        (B, "c", 0.0625, 0.0625 + 1 * 16 / 256),  # all of b were gone: its frequency is 1 again
        (D, "", 0.0625, 0.0625 + 2 * 2 / 128),
        (C, "d", 0.09375, 0.09375 + 1 * 4 / 128),
        (A, "", 0.09375, 0.09375 + 2 * 16 / 128),
        (D, "b", 0.125, 0.125 + 1 * 2 / 128),  # b and c have .125; b is idle for longer
    ]
    for number, (key, evicted, clock, priority) in enumerate(steps, 1):
        assert cache.use(key, COST[key]) == evicted, number
        assert (policy.clock, policy.priority(key)) == (clock, priority), number


def test_cost_is_the_mean_wait_for_a_new_sandbox() -> None:
    policy = GreedyDual()
    cache = Cache(policy, {"a": 128, "b": 128}, memory_mb=128)
    cache.use(A, 16.0)
    cache.use(B, 1.0)
    cache.use(A, 4.0)
    assert policy.priority(A) == policy.clock + 1 * (16 + 4) / 2 / 128


def test_equal_size_cost_and_frequency_make_it_lru() -> None:
    names = "abcdefghijkl"
    sizes = dict.fromkeys(names, 128)
    caches = [Cache(each, sizes, memory_mb=4 * 128) for each in (GreedyDual(), LeastRecentlyUsed())]
    evicted = [[cache.use(VersionKey.of(name), 2.0) for name in names * 5] for cache in caches]
    assert evicted[0] == evicted[1]
    assert "".join(evicted[0]).startswith("abcdefgh")
