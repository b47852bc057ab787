"""Price tables: what Lambda, and API Gateway before it, cost on a date.

Dollars in us-east-1, first tier. Sources: AWS's pricing pages of Lambda and of API Gateway, 2018
and 2025; the provisioned and the Arm rates are those of the same page's tables by architecture.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Architecture(StrEnum):
    """The instruction set that a function asks for, and is billed as."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class Api(StrEnum):
    """A kind of API Gateway's APIs; each has its own price for a request."""

    REST = "REST"
    HTTP = "HTTP"


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars for a GB-second of memory, on one architecture."""

    gb_second: float
    """Of a run on demand."""
    provisioned_run: float | None = None
    """Of a run on provisioned concurrency; None before that came."""
    provisioned_held: float | None = None
    """Of provisioned concurrency itself, used or not."""


@dataclass(frozen=True, slots=True)
class Prices:
    """One dated table; what could not be bought then is None."""

    date: str
    """Year and month."""
    x86_64: Rates
    arm64: Rates | None
    request: float
    billing_step_ms: int
    init_billed: bool
    """Of managed runtimes on demand (since August 2025)."""
    storage_gb_second: float | None
    """A GB-second of /tmp above `free_storage_mb`, while the function runs."""
    free_storage_mb: int
    held_step: int
    """Seconds that the time of provisioned concurrency is rounded up to a multiple of."""
    free_requests: int
    """A month, not of provisioned concurrency; as `free_gb_seconds`."""
    free_gb_seconds: int
    rest_api_request: float
    http_api_request: float | None

    def rates(self, architecture: Architecture) -> Rates:
        """
        Raises:
            ValueError: it could not be bought on the table's date.
        """
        rates = self.x86_64 if architecture is Architecture.X86_64 else self.arm64
        if rates is None:
            raise ValueError(f"{architecture} has no price in the table of {self.date}")
        return rates

    def api_request(self, api: Api) -> float:
        """
        Raises:
            ValueError: there were no such APIs on the table's date.
        """
        price = self.rest_api_request if api is Api.REST else self.http_api_request
        if price is None:
            raise ValueError(f"an {api} API has no price in the table of {self.date}")
        return price


PRICES_2018 = Prices(
    date="2018-12",
    x86_64=Rates(gb_second=0.00001667),
    arm64=None,
    request=0.20e-6,
    billing_step_ms=100,
    init_billed=False,
    storage_gb_second=None,
    free_storage_mb=512,
    held_step=300,
    free_requests=1_000_000,
    free_gb_seconds=400_000,
    rest_api_request=3.50e-6,
    http_api_request=None,
)

PRICES_2025 = Prices(
    date="2025-12",
    x86_64=Rates(
        gb_second=0.0000166667, provisioned_run=0.0000097222, provisioned_held=0.0000041667
    ),
    arm64=Rates(
        gb_second=0.0000133334, provisioned_run=0.0000077778, provisioned_held=0.0000033334
    ),
    request=0.20e-6,
    billing_step_ms=1,
    init_billed=True,
    storage_gb_second=0.0000000309,
    free_storage_mb=512,
    held_step=300,
    free_requests=1_000_000,
    free_gb_seconds=400_000,
    rest_api_request=3.50e-6,
    http_api_request=1.00e-6,
)
