"""Sends requests that come independently of one another: POISSON_RATE (1) a second on average.

    POISSON_RATE=0.9 POISSON_SECONDS=600 SEED=7 locust -f locustfiles/poisson.py --headless

The load ends after POISSON_SECONDS (120) with the last answer; the same SEED (0) gives the same
times.
The other settings are told in common.py.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from common import BadSettingError, number
from locust import task
from open_loop import OpenLoopUser, UntilAnswered

if TYPE_CHECKING:
    from collections.abc import Iterator


def arrivals(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Yields times in seconds, in their order, exponentially apart."""
    chance = Random(seed)  # noqa: S311  # arrivals are no secret
    at = chance.expovariate(rate)
    while at < seconds:
        yield at
        at += chance.expovariate(rate)


class Poisson(UntilAnswered):
    """Ends with the last answer."""


class PoissonUser(OpenLoopUser):
    """Sends all requests of the load."""

    rate = number("POISSON_RATE", 1.0)
    seconds = number("POISSON_SECONDS", 120.0)
    seed = int(number("SEED", 0))

    @task
    def ask(self) -> None:
        self.send_at(arrivals(self.rate, self.seconds, self.seed))


if PoissonUser.rate == 0:
    raise BadSettingError("POISSON_RATE must be above 0.")
