"""Defines how Lambda treats asynchronous events at one date, and what a function asks of that.

The figures are a profile's data; this module knows no date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.core.model import Seconds


@dataclass(frozen=True, slots=True)
class AsynchronousRules:
    """Holds Lambda's rules for asynchronous events.

    Defaults are those of today. Source: the developer guide, "How Lambda handles errors and retries
    with asynchronous invocation" (H), which read the same in 2018 but for the settings of a
    function, and "Lambda recursive loop detection" (H).
    """

    retry_delays: tuple[Seconds, ...] = (60.0, 120.0)
    """Waits before the second and the third attempt, after errors of the function."""
    least_backoff: Seconds = 1.0
    """Wait after a first throttle or system error; each further one doubles the wait."""
    most_backoff: Seconds = 300.0
    longest_age: Seconds = 21_600.0
    """Time for which an event is kept."""
    most_in_a_loop: int = 16
    """Invocations of a function in one chain of events, before the next is stopped; 0: no limit.
    "Approximately 16" in the guide."""


@dataclass(frozen=True, slots=True)
class EventSettings:
    """Holds what a function, version or alias asks for its asynchronous events."""

    retry_attempts: int | None = None
    """None: as many as the rules have delays."""
    longest_age: Seconds | None = None
    """None: the rules' own."""
    on_success: str = ""
    """ARN of the destination of successful events' records; empty: none."""
    on_failure: str = ""
    """ARN of the destination of discarded events' records; empty: none."""
    dead_letters: str = ""
    """ARN of the dead-letter queue or topic; empty: none."""
    barred: bool = False
    """Whether the reserved concurrency is 0: events go to the destination without an attempt."""
    allows_loops: bool = False
    """Whether RecursiveLoop is Allow."""
