"""Holds the sums of a simulated trace, which do not grow with the calls.

Kept are sums, and a row for each function and each minute. Sums of tallies of parts of a trace are
the whole's: a slowdown's quantiles would need every call, and are `compare-policies`' to tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.experiments.policies.event_tally import EventTally
from emulator.experiments.policies.trace_run import PolicyRun

if TYPE_CHECKING:
    from emulator.core.model import Seconds

MINUTE = 60.0


@dataclass(slots=True)
class Tally:
    """Holds the sums of one policy on a trace, or on a part of it."""

    calls: Counter[str] = field(default_factory=Counter)
    """By function; so are the next two."""
    cold: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)
    waited: Seconds = 0.0
    """Sum of the calls' times from the request until the handler began."""
    ran: Seconds = 0.0
    """Sum of the calls' times in the handler."""
    wasted_mb_s: float = 0.0
    provisioned_mb_s: float = 0.0
    dollars: float = 0.0
    entries: int = 0
    sandboxes: dict[int, Seconds] = field(default_factory=lambda: defaultdict(float))
    """Seconds of all sandboxes in each minute; so are the MB of them."""
    memory: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    end: Seconds = 0.0
    events: EventTally = field(default_factory=EventTally)

    def add(self, other: Tally) -> None:
        """Adds another part of the same trace."""
        self.calls.update(other.calls)
        self.cold.update(other.cold)
        self.throttled.update(other.throttled)
        self.waited += other.waited
        self.ran += other.ran
        self.wasted_mb_s += other.wasted_mb_s
        self.provisioned_mb_s += other.provisioned_mb_s
        self.dollars += other.dollars
        self.entries += other.entries
        for minute, seconds in other.sandboxes.items():
            self.sandboxes[minute] += seconds
            self.memory[minute] += other.memory[minute]
        self.end = max(self.end, other.end)
        self.events.add(other.events)

    def run(self, policy: str) -> PolicyRun:
        """Returns what a comparison of policies shows, without slowdowns; minutes are means."""
        return PolicyRun(
            policy,
            calls=self.calls,
            cold=self.cold,
            throttled=self.throttled.total(),
            wasted_mb_s=self.wasted_mb_s,
            provisioned_mb_s=self.provisioned_mb_s,
            dollars=self.dollars,
            series=[
                (minute * MINUTE, seconds / MINUTE, self.memory[minute] / MINUTE)
                for minute, seconds in sorted(self.sandboxes.items())
            ],
        )
