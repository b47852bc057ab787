"""Calls a policy by the clock of idle time, and turns its times back into the scheduler's.

`idle_speedup` makes idle time run faster than the clock of events; a policy sees nothing but idle
time, and the scheduler nothing but its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.core.policies.interface import Wake

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from emulator.core.model import FunctionVersion, Sandbox, Seconds
    from emulator.core.policies.interface import Order, Policy
    from emulator.core.policy import Chance


class ClockedPolicy:
    """Passes each hook on, at the time of the present event."""

    def __init__(self, policy: Policy, speedup: float, chance: Chance) -> None:
        self.policy = policy
        self._speedup = speedup
        self._chance = chance
        self._now = 0.0
        """Time of the present event, in idle time."""

    def tell_time(self, now: Seconds) -> None:
        """Sets the time of the event that is handled now."""
        self._now = now * self._speedup

    # what the policy hears

    def deployed(self, function: FunctionVersion) -> None:
        """Tells of a version that can be asked for."""
        self.policy.deployed(function, self._now)

    def created(self, sandbox: Sandbox) -> None:
        """Tells of a sandbox that is to be started."""
        self.policy.created(sandbox, self._now)

    def began(self, sandbox: Sandbox) -> None:
        """Tells of a sandbox that takes a request; with its first, what is ahead of need ends."""
        self.policy.began(sandbox, self._now)
        sandbox.prewarmed = False

    def ended(self, sandbox: Sandbox) -> None:
        """Tells that a sandbox's request ended."""
        self.policy.ended(sandbox, self._now)

    def lost(self, sandbox: Sandbox, *, evicted: bool) -> None:
        """Tells of an idle sandbox that goes unused."""
        self.policy.lost(sandbox, self._now, evicted=evicted)

    def gone(self, sandbox: Sandbox) -> None:
        """Tells of a sandbox that ends."""
        self.policy.gone(sandbox, self._now)

    def woken(self, name: str) -> None:
        """Tells that the time of an ordered `Wake` has come."""
        self.policy.woken(name, self._now)

    # what the policy decides

    def keep_alive(self, sandbox: Sandbox) -> Seconds | None:
        """Asks for how long a sandbox without work is kept; None: as long as last time."""
        keep = self.policy.idle(sandbox, self._now, self._chance)
        return None if keep is None else keep / self._speedup

    def extension(self, sandbox: Sandbox) -> Seconds:
        """Asks for how much longer an idle sandbox stays whose time is over."""
        return self.policy.expired(sandbox, self._now) / self._speedup

    def victims(self, idle: Collection[Sandbox]) -> Iterable[Sandbox]:
        """Asks in which order idle sandboxes are evicted."""
        return self.policy.victims(tuple(idle))

    def has_orders(self) -> bool:
        """Returns whether the policy ordered anything during the present event."""
        return bool(self.policy.orders)

    def take_orders(self) -> list[Order]:
        """Takes what was ordered; the time of a wake is the scheduler's."""
        orders = [self._clocked(order) for order in self.policy.orders]
        self.policy.orders.clear()
        return orders

    def _clocked(self, order: Order) -> Order:
        return replace(order, at=order.at / self._speedup) if isinstance(order, Wake) else order
