"""A policy that makes use of every hook and of every order, at random.

What it was told is a part of what it decides next, so that a scheduler which calls a hook at
another time, in another order or not at all soon decides otherwise.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Policy, PreWarm, Provision, Wake

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emulator.core.model import FunctionVersion, Sandbox, Seconds
    from emulator.core.policy import Chance


@dataclass(eq=False)
class Everything(Policy):
    told: int = 0
    """A number that every call changes."""
    calls: Counter[str] = field(default_factory=Counter)
    running: set[int] = field(default_factory=set)

    def hear(self, hook: str, number: int, now: Seconds) -> int:
        self.calls[hook] += 1
        self.told = (self.told * 31 + number * 7 + int(now * 8) + len(hook)) % 10_007
        return self.told

    def deployed(self, function: FunctionVersion, now: Seconds) -> None:
        self.hear("deployed", function.memory_mb, now)
        self.orders.append(Wake(function.key, now + 2.0 + 2**-10))  # with nothing else

    def created(self, sandbox: Sandbox, now: Seconds) -> None:
        kind = 3 * sandbox.prewarmed + 5 * sandbox.provisioned + len(sandbox.invocation or "")
        self.hear("created", sandbox.id + 1000 * kind, now)

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        assert sandbox.id not in self.running
        self.running.add(sandbox.id)
        heard = self.hear("began", sandbox.id + 1000 * sandbox.prewarmed, now)
        if heard % 4 == 0:
            self.orders.append(PreWarm(sandbox.function.key, heard % 3))

    def ended(self, sandbox: Sandbox, now: Seconds) -> None:
        self.running.remove(sandbox.id)
        self.hear("ended", sandbox.id, now)

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds | None:
        heard = self.hear("idle", sandbox.id + 1000 * sandbox.prewarmed, now)
        choices = (None, None, 0.0, 1.0, 4.0, 8.0 + int(chance.random() * 8), float("inf"))
        return choices[heard % len(choices)]

    def expired(self, sandbox: Sandbox, now: Seconds) -> Seconds:
        return (0.0, 0.0, 2.0, float("inf"))[self.hear("expired", sandbox.id, now) % 4]

    def lost(self, sandbox: Sandbox, now: Seconds, *, evicted: bool) -> None:
        self.hear("lost", sandbox.id + 1000 * evicted, now)

    def gone(self, sandbox: Sandbox, now: Seconds) -> None:
        self.hear("gone", sandbox.id, now)

    def victims(self, idle: Sequence[Sandbox]) -> Iterable[Sandbox]:
        self.calls["victims"] += 1  # how often it is asked is the scheduler's affair
        return sorted(idle, key=lambda each: (each.id * 7919 + self.told) % 101)

    def woken(self, name: str, now: Seconds) -> None:
        heard = self.hear("woken", len(name), now)
        self.orders.append(Wake(name, now + 1.0 + heard % 7))
        key = next(iter({name}))
        if heard % 5 == 0:
            self.orders.append(Provision(key, heard % 3))  # type: ignore[arg-type]
        if heard % 5 == 1:
            self.orders.append(PreWarm(key, 1))  # type: ignore[arg-type]
