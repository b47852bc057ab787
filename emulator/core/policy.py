"""Holds the rules that a user chooses: pick order, binding, keep-alive, age, scale-out, limits.

Also the idle pools that keep the pick order, and the token bucket. Nothing here knows when a rule
is applied: that is the scheduler's.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from emulator.core.model import Sandbox, Seconds
    from emulator.core.placement import Placement
    from emulator.core.policies.interface import PolicyChoice
    from emulator.core.stem_cells import StemCells


class Chance(Protocol):
    """Draws random numbers; `random.Random` has the method."""

    def random(self) -> float:
        """Returns a number in [0, 1)."""
        ...


class PickOrder(StrEnum):
    """Says which idle sandbox of a function takes the next request."""

    MOST_RECENTLY_USED = "most-recently-used"
    LEAST_RECENTLY_USED = "least-recently-used"
    OLDEST_FIRST = "oldest-first"


class Binding(StrEnum):
    """Says which sandbox serves a request that found no idle sandbox."""

    EARLY = "early"
    """The sandbox that was started for the request."""
    LATE = "late"
    """The first sandbox to come free, started for the request or not."""


class InitCpu(StrEnum):
    """Says how much CPU an init has."""

    BOOSTED = "boosted"
    """One vCPU at least, as on AWS."""
    SHARE = "share"
    """The share of the memory size, as an invocation has."""


class Admission(StrEnum):
    """Says how much of the host's memory a sandbox counts with."""

    NOMINAL = "nominal"
    """The memory size of the sandbox's function."""
    ACTUAL = "actual"
    """The memory that sandboxes of the same deployment were seen to use."""


@dataclass(frozen=True, slots=True)
class FixedKeepAlive:
    """Lets every idle sandbox live `seconds`; 0 makes each request a cold start."""

    seconds: Seconds

    def draw(self, chance: Chance) -> Seconds:  # noqa: ARG002  # the curve's signature
        """Returns a sandbox's idle lifetime."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """Lets each sandbox draw its idle lifetime from a measured curve.

    `points` are (idle seconds, share of sandboxes still alive), the share falling from 1 to 0;
    between two points it falls linearly.
    """

    points: tuple[tuple[Seconds, float], ...]

    def __post_init__(self) -> None:
        shares = [share for _, share in self.points]
        times = [at for at, _ in self.points]
        if len(shares) < 2 or shares[0] != 1 or shares[-1] != 0:  # noqa: PLR2004
            raise ValueError("a survival curve falls from share 1 to share 0")
        if shares != sorted(shares, reverse=True) or times != sorted(times):
            raise ValueError("a survival curve's times rise and its shares fall")

    def draw(self, chance: Chance) -> Seconds:
        """Returns a sandbox's idle lifetime."""
        survival = 1.0 - chance.random()
        # chance is below 1, so that the last pair, which ends at share 0, is met at the latest
        (t0, s0), (t1, s1) = next(pair for pair in pairwise(self.points) if pair[1][1] < survival)
        return t0 + (t1 - t0) * (s0 - survival) / (s0 - s1)


KeepAlive = FixedKeepAlive | SurvivalCurve


@dataclass(frozen=True, slots=True)
class RecycleAge:
    """Ends every sandbox at an age between `least` and `most`, however much the sandbox is used."""

    least: Seconds
    most: Seconds

    def draw(self, chance: Chance) -> Seconds:
        """Returns the age at which a sandbox ends."""
        return self.least + (self.most - self.least) * chance.random()


@dataclass(frozen=True, slots=True)
class ScaleOut:
    """Limits new sandboxes: `burst` at once, then `refill_per_second`.

    Unused starts are not saved up beyond the burst.
    """

    burst: int
    refill_per_second: float
    per_function: bool
    """Whether each function has a limit of its own; else all share a limit."""


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """Holds all that the scheduler's decisions depend on, besides events and chance."""

    keep_alive: KeepAlive = FixedKeepAlive(600.0)
    policy: PolicyChoice | None = None
    """Who decides about idle sandboxes; None: each lives for the lifetime that was drawn."""
    pick_order: PickOrder = PickOrder.MOST_RECENTLY_USED
    binding: Binding = Binding.EARLY
    host_memory_mb: int = 8192
    """MB for all sandboxes together."""
    admission: Admission = Admission.NOMINAL
    host_reserve_mb: int = 0
    """MB of the host's available memory that no sandbox is started into."""
    start_width: int = 4
    """Number of sandboxes that may be in creation or init at once; the others wait their turn."""
    account_concurrency: int = 1000
    requests_per_concurrency: float | None = None
    """Requests a second for each unit of concurrency, of a reservation or of the account."""
    scale_out: ScaleOut | None = None
    tenant_sandboxes_per_concurrency: float | None = None
    """Sandboxes of tenants, busy and idle, for each unit of a function's concurrency."""
    recycle_age: RecycleAge | None = None
    placement: Placement | None = None
    """Wait of new sandboxes for their function's code; None: no wait."""
    stem_cells: StemCells | None = None
    """How many stem cells are kept; None: none, as on Lambda."""
    init_timeout: Seconds = 10.0
    provisioned_init_timeout: Seconds = 130.0
    """Limit of a provisioned sandbox's init, or the function's timeout where that is longer."""
    start_timeout: Seconds = 120.0
    """Limit of making a sandbox, before the init begins: a bound, and no behaviour of Lambda's."""
    queue_patience: Seconds = 10.0
    """Time after which a request waits no longer for a start that has not begun. The start queue is
    this host's need and none of Lambda's, where the longest init of a request takes as long."""
    hand_over_patience: Seconds = 0.2
    """Time that a request waits for a sandbox that has answered. A runtime asks for its next work
    within a tenth of a millisecond, or some periods of 20 ms later where its CPU quota is used up;
    a runtime that takes longer is busy with something else."""
    hand_over_preference: Seconds = 0.005
    """Time that a request waits for a sandbox that has answered where another is idle, if the most
    recently used is to serve: under load that sandbox is in the caches, and not frozen."""
    idle_speedup: float = 1.0
    """Factor by which keep-alive and age run faster than the clock; handlers do not."""


class Bucket:
    """Holds tokens that come back with time, `capacity` at most; `now` must not go back."""

    def __init__(self, capacity: float, refill_per_second: float) -> None:
        self._capacity = capacity
        self._refill = refill_per_second
        self._tokens = capacity
        self._at = 0.0

    def has_one(self, now: Seconds) -> bool:
        """Returns whether there is a token at a time; takes none."""
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._refill)
        self._at = now
        return self._tokens >= 1

    def take(self) -> None:
        """Takes a token; only where `has_one` says that there is one."""
        self._tokens -= 1


class IdlePool(Protocol):
    """Keeps the idle sandboxes of one version, in pick order."""

    def __len__(self) -> int: ...
    def add(self, sandbox: Sandbox) -> None: ...
    def remove(self, sandbox: Sandbox) -> None: ...
    def pick(self) -> Sandbox | None:
        """Takes the next sandbox out of the pool; None when the pool is empty."""
        ...


class RecencyPool:
    """Keeps sandboxes in the order in which they became idle."""

    def __init__(self, *, newest_first: bool) -> None:
        self._newest_first = newest_first
        self._sandboxes: OrderedDict[int, Sandbox] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sandboxes)

    def add(self, sandbox: Sandbox) -> None:
        self._sandboxes[sandbox.id] = sandbox

    def remove(self, sandbox: Sandbox) -> None:
        del self._sandboxes[sandbox.id]

    def pick(self) -> Sandbox | None:
        if not self._sandboxes:
            return None
        return self._sandboxes.popitem(last=self._newest_first)[1]


class AgePool:
    """Keeps sandboxes in the order of their ids, which rise with the time of creation."""

    def __init__(self) -> None:
        self._sandboxes: dict[int, Sandbox] = {}
        self._ids: list[int] = []

    def __len__(self) -> int:
        return len(self._sandboxes)

    def add(self, sandbox: Sandbox) -> None:
        self._sandboxes[sandbox.id] = sandbox
        heapq.heappush(self._ids, sandbox.id)

    def remove(self, sandbox: Sandbox) -> None:
        del self._sandboxes[sandbox.id]

    def pick(self) -> Sandbox | None:
        while self._ids:
            # an id that was removed, and perhaps added again, stands here once too often
            sandbox = self._sandboxes.pop(heapq.heappop(self._ids), None)
            if sandbox is not None:
                return sandbox
        return None


def idle_pool(order: PickOrder) -> IdlePool:
    """Makes an empty pool that keeps a pick order."""
    if order is PickOrder.OLDEST_FIRST:
        return AgePool()
    return RecencyPool(newest_first=order is PickOrder.MOST_RECENTLY_USED)
