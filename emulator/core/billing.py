"""Turns durations into billed milliseconds, GB-seconds and dollars, under a price table.

Knows neither runs nor records. Sources: AWS's pricing page of Lambda, and the announcement that
the init phase is billed from August 2025 on. Dollars of one invocation, B milliseconds billed at
M MB with S MB of /tmp:

    compute = B / 1000 * M / 1024 * rate            (on demand or provisioned, by architecture)
    storage = B / 1000 * max(0, S - 512) / 1024 * storage rate
    request = the price of one request

Provisioned concurrency costs besides, used or not, for N sandboxes that were held H seconds:

    held = ceil(H / 300) * 300 * N * M / 1024 * held rate

A snapshot of SnapStart costs M / 1024 GB at the price of a restore, each time, and for each second
that its version exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from emulator.core.prices import Architecture, Prices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import Seconds
    from emulator.core.prices import Api

_MB_A_GB = 1024
_LEAST_STORAGE_MB = 512
"""Size of /tmp of a function that asks for none."""
_EXACT = 6
"""Decimals of a millisecond that count; further ones are the floats' own error."""
_NEAR = 1e-4
"""Part of a step beyond a whole number of steps that rounding, which takes long, may take away."""


def billed_ms(prices: Prices, duration: Seconds, init: Seconds = 0.0) -> int:
    """Returns the milliseconds on the bill: rounded up to the table's step, and at least a step.

    `init` is that of a cold start. An invocation on a provisioned sandbox has none: that init is
    billed by itself when it happens (`initialization`).
    """
    counted = duration + (init if prices.init_billed else 0.0)
    exact = counted * 1000 / prices.billing_step_ms
    steps = math.ceil(exact)
    if exact - steps + 1 < _NEAR:
        # a duration that is a whole number of steps must not round up to one more
        steps = math.ceil(round(counted * 1000, _EXACT) / prices.billing_step_ms)
    return (max(1, steps)) * prices.billing_step_ms


def dollars(
    prices: Prices,
    memory_mb: int,
    billed: int,
    *,
    architecture: Architecture = Architecture.X86_64,
    storage_mb: int = _LEAST_STORAGE_MB,
    provisioned: bool = False,
) -> float:
    """Returns the price of a request of `billed` milliseconds at `memory_mb`; see `invocation`."""
    size = Size(memory_mb, architecture, storage_mb)
    return invocation(prices, size, billed, provisioned=provisioned).dollars


@dataclass(frozen=True, slots=True)
class Size:
    """Holds the part of a function's configuration that decides its price."""

    memory_mb: int
    architecture: Architecture = Architecture.X86_64
    storage_mb: int = _LEAST_STORAGE_MB


class ChargeKind(StrEnum):
    """Names the sums of which a bill consists."""

    ON_DEMAND = "on demand"
    PROVISIONED = "provisioned"
    """A run on provisioned concurrency, or the init of a provisioned sandbox."""
    HELD = "held"
    """Provisioned concurrency itself, used or not."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Holds counted use, and the dollars for each part of that use."""

    kind: ChargeKind
    requests: int = 0
    gb_seconds: float = 0.0
    storage_gb_seconds: float = 0.0
    compute: float = 0.0
    """Dollars for `gb_seconds`."""
    storage: float = 0.0
    """Dollars for `storage_gb_seconds`."""
    request: float = 0.0
    """Dollars for `requests`."""
    snapshots: float = 0.0
    """Dollars for snapshots that are kept and restored."""

    @property
    def dollars(self) -> float:
        """Returns the dollars for all parts."""
        return self.compute + self.storage + self.request + self.snapshots

    def plus(self, other: Charge) -> Charge:
        """Returns the sum of two charges of the same kind."""
        return Charge(
            self.kind,
            self.requests + other.requests,
            self.gb_seconds + other.gb_seconds,
            self.storage_gb_seconds + other.storage_gb_seconds,
            self.compute + other.compute,
            self.storage + other.storage,
            self.request + other.request,
            self.snapshots + other.snapshots,
        )


def invocation(prices: Prices, size: Size, billed: int, *, provisioned: bool = False) -> Charge:
    """Returns the charge for one request of `billed` milliseconds.

    Raises:
        ValueError: something that the size asks for could not be bought on the table's date.
    """
    kind = ChargeKind.PROVISIONED if provisioned else ChargeKind.ON_DEMAND
    return _time(prices, size, billed, kind, requests=1)


def initialization(prices: Prices, size: Size, init: Seconds) -> Charge:
    """Returns the charge for a provisioned sandbox's init: time at the rate of a run, no request.

    The charge is due though no request ever comes, and again when the sandbox is recycled.

    Raises:
        ValueError: there was no provisioned concurrency on the table's date.
    """
    return _time(prices, size, billed_ms(prices, init), ChargeKind.PROVISIONED)


def restore(prices: Prices, size: Size) -> Charge:
    """Returns the charge for one restore of a snapshot (SnapStart), beside that of its request.

    Raises:
        ValueError: there were no snapshots of Python on the table's date.
    """
    rate = _priced(prices.snapshot_restored, "a restore", prices)
    return Charge(ChargeKind.ON_DEMAND, snapshots=size.memory_mb / _MB_A_GB * rate)


def snapshot_kept(prices: Prices, size: Size, seconds: Seconds) -> Charge:
    """Returns the charge for a version's snapshot that is kept for some seconds (SnapStart).

    Raises:
        ValueError: there were no snapshots of Python on the table's date.
    """
    rate = _priced(prices.snapshot_cached, "a snapshot", prices)
    billed = max(seconds, prices.snapshot_least_cached)
    return Charge(ChargeKind.ON_DEMAND, snapshots=billed * size.memory_mb / _MB_A_GB * rate)


def held(prices: Prices, size: Size, sandboxes: int, seconds: Seconds) -> Charge:
    """Returns the charge for provisioned concurrency of some sandboxes for some seconds.

    /tmp costs nothing here: AWS prices it by the time that the function runs.

    Raises:
        ValueError: there was no provisioned concurrency on the table's date.
    """
    rate = _priced(prices.rates(size.architecture).provisioned_held, ChargeKind.HELD, prices)
    steps = math.ceil(round(seconds, _EXACT) / prices.held_step)
    gb_seconds = steps * prices.held_step * sandboxes * size.memory_mb / _MB_A_GB
    return Charge(ChargeKind.HELD, gb_seconds=gb_seconds, compute=gb_seconds * rate)


def api_dollars(prices: Prices, requests: int, api: Api) -> float:
    """Returns the dollars that API Gateway asks for the requests that it hands on.

    Raises:
        ValueError: there were no such APIs on the table's date.
    """
    return requests * prices.api_request(api)


def _time(prices: Prices, size: Size, billed: int, kind: ChargeKind, requests: int = 0) -> Charge:
    rates = prices.rates(size.architecture)
    rate = rates.provisioned_run if kind is ChargeKind.PROVISIONED else rates.gb_second
    seconds = billed / 1000
    gb_seconds = seconds * size.memory_mb / _MB_A_GB
    extra = seconds * max(0, size.storage_mb - prices.free_storage_mb) / _MB_A_GB
    return Charge(
        kind,
        requests,
        gb_seconds,
        extra,
        compute=gb_seconds * _priced(rate, kind, prices),
        storage=extra * _priced(prices.storage_gb_second, "/tmp", prices) if extra else 0.0,  # noqa: S108  # words
        request=requests * prices.request,
    )


def _priced(rate: float | None, what: str, prices: Prices) -> float:
    if rate is None:
        raise ValueError(f"'{what}' has no price in the table of {prices.date}")
    return rate


@dataclass(frozen=True, slots=True)
class Bill:
    """Holds the sums of a run, by kind of charge."""

    prices: Prices
    on_demand: Charge = Charge(ChargeKind.ON_DEMAND)
    provisioned: Charge = Charge(ChargeKind.PROVISIONED)
    held: Charge = Charge(ChargeKind.HELD)

    @property
    def requests(self) -> int:
        """Returns the number of requests that ran."""
        return self.on_demand.requests + self.provisioned.requests

    @property
    def gb_seconds(self) -> float:
        """Returns the GB-seconds of all runs; provisioned concurrency itself has its own sum."""
        return self.on_demand.gb_seconds + self.provisioned.gb_seconds

    def plus(self, charge: Charge) -> Bill:
        """Returns the bill with one more charge."""
        match charge.kind:
            case ChargeKind.ON_DEMAND:
                return replace(self, on_demand=self.on_demand.plus(charge))
            case ChargeKind.PROVISIONED:
                return replace(self, provisioned=self.provisioned.plus(charge))
            case ChargeKind.HELD:
                return replace(self, held=self.held.plus(charge))

    def dollars(self, *, free_tier: bool = False) -> float:
        """Returns the whole sum; with the free tier, as if nothing else ran in the month."""
        total = self.on_demand.dollars + self.provisioned.dollars + self.held.dollars
        return total - self._free() if free_tier else total

    def per_million_requests(self, *, free_tier: bool = False) -> float | None:
        """Returns the dollars for a million such requests; None where there were no requests."""
        if not self.requests:
            return None
        return self.dollars(free_tier=free_tier) / self.requests * 1e6

    def _free(self) -> float:
        """Returns the dollars that the free tier takes off, for runs on demand but not for /tmp.

        The free GB-seconds are spread evenly over architectures of different rates. AWS also
        leaves out the runs of functions with provisioned concurrency beyond that concurrency,
        which are not told apart here.
        """
        ran, prices = self.on_demand, self.prices
        requests = min(ran.requests, prices.free_requests) * prices.request
        share = min(1.0, prices.free_gb_seconds / ran.gb_seconds) if ran.gb_seconds else 0.0
        return requests + ran.compute * share


def sum_up(prices: Prices, charges: Iterable[Charge]) -> Bill:
    """Returns the bill of some charges."""
    bill = Bill(prices)
    for charge in charges:
        bill = bill.plus(charge)
    return bill
