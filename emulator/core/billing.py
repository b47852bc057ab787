"""Duration to billed milliseconds to dollars, under a dated price table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.profile import Prices


def billed_ms(prices: Prices, duration: Seconds, init: Seconds = 0.0) -> int:
    """Milliseconds on the bill: rounded up to the price table's step, never none."""
    counted = duration + (init if prices.init_billed else 0.0)
    # a duration that is a whole number of steps must not round up to one more
    steps = math.ceil(round(counted * 1000, 6) / prices.billing_step_ms)
    return max(1, steps) * prices.billing_step_ms


def dollars(prices: Prices, memory_mb: int, billed: int) -> float:
    """The price of one request of `billed` milliseconds at `memory_mb`."""
    return billed / 1000 * memory_mb / 1024 * prices.gb_second + prices.request
