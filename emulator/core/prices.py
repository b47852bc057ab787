"""Defines the fields of a price table: the cost of Lambda and of API Gateway at one date.

The tables themselves stand with the profiles of their time. This module knows no date and does
no sums (`billing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Architecture(StrEnum):
    """Names the instruction set that a function asks for, and is billed as."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class Api(StrEnum):
    """Names the kinds of API that API Gateway offers; each has its own price for a request."""

    REST = "REST"
    HTTP = "HTTP"


@dataclass(frozen=True, slots=True)
class Rates:
    """Holds the dollars for a GB-second of memory, on one architecture."""

    gb_second: float
    """Rate of a run on demand."""
    provisioned_run: float | None = None
    """Rate of a run on provisioned concurrency; None before that came."""
    provisioned_held: float | None = None
    """Rate of provisioned concurrency itself, used or not."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Holds one dated table, in dollars; None stands for what could not be bought then."""

    name: str
    """Name by which a user chooses the table."""
    date: str
    """Year and month."""
    x86_64: Rates
    arm64: Rates | None
    request: float
    billing_step_ms: int
    init_billed: bool
    """Whether the init of managed runtimes on demand is billed (since August 2025)."""
    storage_gb_second: float | None
    """Rate of a GB-second of /tmp above `free_storage_mb`, while the function runs."""
    free_storage_mb: int
    held_step: int
    """Seconds that the time of provisioned concurrency is rounded up to a multiple of."""
    free_requests: int
    """Requests on demand that are free in a month."""
    free_gb_seconds: int
    """GB-seconds on demand that are free in a month."""
    rest_api_request: float
    http_api_request: float | None
    snapshot_cached: float | None = None
    """Rate of a GB-second for which a version's snapshot is kept; None where none was sold."""
    snapshot_restored: float | None = None
    """Price of a GB of the function's memory for each restore of a snapshot."""
    snapshot_least_cached: int = 10_800
    """Seconds that a snapshot's keeping costs at least."""

    def rates(self, architecture: Architecture) -> Rates:
        """Returns the rates of an architecture.

        Raises:
            ValueError: the architecture could not be bought on the table's date.
        """
        rates = self.x86_64 if architecture is Architecture.X86_64 else self.arm64
        if rates is None:
            raise ValueError(f"{architecture} has no price in the table of {self.date}")
        return rates

    def api_request(self, api: Api) -> float:
        """Returns the price of one request through an API of a kind.

        Raises:
            ValueError: there were no such APIs on the table's date.
        """
        price = self.rest_api_request if api is Api.REST else self.http_api_request
        if price is None:
            raise ValueError(f"an {api} API has no price in the table of {self.date}")
        return price
