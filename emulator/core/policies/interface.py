"""Defines what a policy is: the hooks that the scheduler calls, and the orders that come back.

A policy decides how long idle sandboxes stay, which are evicted first, and which are started ahead
of need. Time and chance come as arguments; a policy never looks at a clock, and sets no timer: it
orders `Wake`, and the scheduler keeps that beside its own deadlines. Times are seconds of idle
time, which `idle_speedup` makes run faster than the clock by which a sandbox's own times are
written: what a policy wants to know later it notes for itself. Sandboxes are read, never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from emulator.core.model import FunctionVersion, Sandbox, Seconds, VersionKey
    from emulator.core.policy import Chance


@dataclass(frozen=True, slots=True)
class PreWarm:
    """Starts sandboxes of a version until `count` are idle or starting, as far as there is room."""

    key: VersionKey
    count: int = 1


@dataclass(frozen=True, slots=True)
class Provision:
    """Sets the provisioned concurrency of a version; 0 ends that."""

    key: VersionKey
    count: int


@dataclass(frozen=True, slots=True)
class Wake:
    """Has `woken` called with a name at a time, instead of at any earlier order of that name."""

    name: str
    at: Seconds


Order = PreWarm | Provision | Wake


@dataclass(eq=False)
class Policy:
    """Keeps each sandbox for the lifetime that was drawn for it, and evicts the longest idle first.

    The base of all policies: a policy overrides the hooks that it needs. What it wants done beside
    its answers it appends to `orders`, which the scheduler carries out at the end of the event.
    """

    orders: list[Order] = field(default_factory=list, init=False, repr=False)

    def deployed(self, function: FunctionVersion, now: Seconds) -> None:
        """Hears that a version can be asked for, instead of any earlier revision."""

    def created(self, sandbox: Sandbox, now: Seconds) -> None:
        """Hears that a sandbox is to be started.

        For the request in `sandbox.invocation`, which has just come; or `prewarmed`, or
        `provisioned`.
        """

    def began(self, sandbox: Sandbox, now: Seconds) -> None:
        """Hears that a sandbox, idle until now or just started, takes a request.

        `sandbox.prewarmed` tells that the sandbox was started ahead of need and serves its first.
        """

    def ended(self, sandbox: Sandbox, now: Seconds) -> None:
        """Hears that a sandbox's request ended; what becomes of the sandbox is decided next."""

    def idle(self, sandbox: Sandbox, now: Seconds, chance: Chance) -> Seconds | None:
        """Returns how long a sandbox that has nothing to do may be idle, before `expired` is asked.

        0 stops the sandbox at once. None keeps it as long as last time, at first for the lifetime
        that the keep-alive drew. Provisioned sandboxes are not asked about.
        """
        return None

    def expired(self, sandbox: Sandbox, now: Seconds) -> Seconds:
        """Returns for how much longer an idle sandbox stays whose time is over; 0 stops it."""
        return 0.0

    def lost(self, sandbox: Sandbox, now: Seconds, *, evicted: bool) -> None:
        """Hears that an idle sandbox goes unused: evicted, expired, recycled, retired or failed."""

    def gone(self, sandbox: Sandbox, now: Seconds) -> None:
        """Hears that a sandbox, idle or not, is stopped or ended by itself; after `lost`."""

    def victims(self, idle: Sequence[Sandbox]) -> Iterable[Sandbox]:
        """Returns the idle sandboxes in the order of their eviction; given the longest idle first.

        Called only when memory is needed; `lost` tells which were evicted.
        """
        return idle

    def woken(self, name: str, now: Seconds) -> None:
        """Hears that the time of an ordered `Wake` has come."""

    def check(self, idle: Sequence[Sandbox]) -> None:
        """Raises AssertionError where the policy's account disagrees with the idle sandboxes."""


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """Holds a policy that was chosen: how the user wrote it, and how a fresh one is made."""

    text: str
    make: Callable[[], Policy]
    source: str = ""
    """Text of the user's file that the policy comes from; empty for one of ours."""
