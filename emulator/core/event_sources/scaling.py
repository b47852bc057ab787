"""Decides how many batches of a queue may run at a time.

Source: the developer guide, "Scaling and concurrency" of SQS (H): five batches at first, up to 300
more each minute while messages wait, 1,250 at most, or the mapping's MaximumConcurrency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds

_FIRST = 5
_MORE_PER_SECOND = 300 / 60
_MOST = 1250


def most_batches(busy_for: Seconds, maximum: int | None) -> int:
    """Returns the bound after a queue had messages waiting for `busy_for` seconds."""
    grown = min(_FIRST + max(0.0, busy_for) * _MORE_PER_SECOND, _MOST)
    return min(int(grown), maximum or _MOST)
