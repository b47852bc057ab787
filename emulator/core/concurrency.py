"""Decides which request is throttled: too many run at once, or come in a second.

Sources: the developer guide's "Understanding Lambda function scaling", "Configuring reserved
concurrency" and "Configuring provisioned concurrency": a reservation is the most and the least
that a function has, and the provisioned part of it is of the reservation; without one, what is
provisioned is taken from the account's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from emulator.core.model import ThrottleReason
from emulator.core.policy import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.core.model import Sandbox, Seconds
    from emulator.core.policy import ScaleOut, SchedulerSettings


class Concurrency:
    """Counts invocations on demand; provisioned sandboxes have their place already."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self._account = settings.account_concurrency
        self._rate = settings.requests_per_concurrency
        self._reserved: dict[str, int] = {}
        self._provisioned: dict[str, int] = {}
        self._in_flight: dict[str, int] = {}
        self._unreserved_in_flight = 0
        self._unreserved = self._account
        self._account_rate = self._bucket(self._account)
        self._reserved_rates: dict[str, Bucket] = {}

    def reserve(self, name: str, limit: int | None) -> None:
        """Reserves concurrency for a function; None lifts the reservation."""
        running = self._in_flight.get(name, 0)
        if limit is None:
            if self._reserved.pop(name, None) is not None:
                self._unreserved_in_flight += running
            self._reserved_rates.pop(name, None)
        else:
            if name not in self._reserved:
                self._unreserved_in_flight -= running
            self._reserved[name] = limit
            if (bucket := self._bucket(limit)) is not None:
                self._reserved_rates[name] = bucket
        self._share_out()

    def provision(self, name: str, count: int) -> None:
        """Sets how much provisioned concurrency all versions of a function have together."""
        self._provisioned[name] = count
        self._share_out()

    def _share_out(self) -> None:
        provisioned = sum(
            count for name, count in self._provisioned.items() if name not in self._reserved
        )
        self._unreserved = self._account - sum(self._reserved.values()) - provisioned

    def _bucket(self, limit: int) -> Bucket | None:
        return None if self._rate is None else Bucket(limit * self._rate, limit * self._rate)

    def rate_met(self, name: str, now: Seconds) -> ThrottleReason | None:
        """Counts a request against the limit of a second; returns the reason where that is met."""
        reserved = name in self._reserved
        bucket = self._reserved_rates.get(name) if reserved else self._account_rate
        if bucket is None or self._reserved.get(name) == 0:
            return None
        if not bucket.has_one(now):
            return ThrottleReason.RESERVED_RATE if reserved else ThrottleReason.ACCOUNT_RATE
        bucket.take()
        return None

    def most(self, name: str) -> int:
        """Returns how much concurrency a function may have: its reservation, or the account's."""
        return self._reserved.get(name, self._account)

    def limit_met(self, name: str) -> ThrottleReason | None:
        """Returns why no further invocation may run on demand; None where a further one may."""
        reserved = self._reserved.get(name)
        if reserved is not None:
            room = reserved - self._provisioned.get(name, 0)
            full = self._in_flight.get(name, 0) >= room
            return ThrottleReason.RESERVED_CONCURRENCY if full else None
        full = self._unreserved_in_flight >= self._unreserved
        return ThrottleReason.ACCOUNT_CONCURRENCY if full else None

    def count(self, name: str, change: int) -> None:
        """Adds `change` to the number of a function's invocations that run on demand."""
        self._in_flight[name] = self._in_flight.get(name, 0) + change
        if name not in self._reserved:
            self._unreserved_in_flight += change

    def check(self, sandboxes: Iterable[Sandbox]) -> None:
        """Raises AssertionError where the counts do not agree with the sandboxes' invocations."""
        running = Counter(
            [
                sandbox.function.name
                for sandbox in sandboxes
                if sandbox.invocation is not None and not sandbox.provisioned
            ]
        )
        counted = {name: count for name, count in self._in_flight.items() if count}
        assert counted == running, f"{counted} run on demand, not {dict(running)}"
        unreserved = sum(count for name, count in running.items() if name not in self._reserved)
        assert self._unreserved_in_flight == unreserved, f"{unreserved} run unreserved"


class ScaleOutLimit:
    """Limits how fast new sandboxes may be started."""

    def __init__(self, rule: ScaleOut | None) -> None:
        self._rule = rule
        self._buckets: dict[str, Bucket] = {}

    def allows(self, name: str, now: Seconds) -> bool:
        """Returns whether a sandbox of the function may be started now."""
        return self._rule is None or self._bucket(self._rule, name).has_one(now)

    def take(self, name: str) -> None:
        """Counts the start of a sandbox."""
        if self._rule is not None:
            self._bucket(self._rule, name).take()

    def _bucket(self, rule: ScaleOut, name: str) -> Bucket:
        key = name if rule.per_function else ""
        if key not in self._buckets:
            self._buckets[key] = Bucket(rule.burst, rule.refill_per_second)
        return self._buckets[key]
