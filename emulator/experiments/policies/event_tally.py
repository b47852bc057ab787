"""Adds up what became of the asynchronous events of a simulated trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emulator.core.asynchronous.ended_event import EndedEvent
    from emulator.core.model import Seconds


@dataclass(slots=True)
class EventTally:
    """Holds the sums over the events of a trace, or of a part of one."""

    accepted: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """Ended events by their condition, as a destination's record names the condition."""
    attempts: int = 0
    """Attempts that ran the function."""
    ages: Seconds = 0.0
    """Sum of the events' ages at their ends."""
    oldest: Seconds = 0.0

    @property
    def kept(self) -> int:
        """Returns how many events were accepted and have not ended."""
        return self.accepted - self.ends.total()

    def ended(self, event: EndedEvent) -> None:
        """Counts the end of an event."""
        self.ends[event.condition.value] += 1
        self.attempts += event.attempts
        self.ages += event.age
        self.oldest = max(self.oldest, event.age)

    def add(self, other: EventTally) -> None:
        """Adds another part of the same trace."""
        self.accepted += other.accepted
        self.ends.update(other.ends)
        self.attempts += other.attempts
        self.ages += other.ages
        self.oldest = max(self.oldest, other.oldest)


def event_table(found: Mapping[str, EventTally]) -> Iterator[str]:
    """Yields the lines of a table with a row for each policy; nothing without events."""
    if not any(tally.accepted for tally in found.values()):
        return
    conditions = sorted({condition for tally in found.values() for condition in tally.ends})
    yield ""
    names = " | ".join(conditions)
    yield f"| policy | events | attempts | {names} | mean age at the end, s | oldest, s |"
    yield "|---|" + "---:|" * (len(conditions) + 4)
    for policy, tally in found.items():
        ends = " | ".join(f"{tally.ends[condition]:,}" for condition in conditions)
        mean = tally.ages / max(1, tally.ends.total())
        yield (
            f"| {policy} | {tally.accepted:,} | {tally.attempts:,} | {ends} "
            f"| {mean:.1f} | {tally.oldest:.1f} |"
        )
