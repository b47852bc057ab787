"""Counts requests that have not ended, beside the concurrency that functions have set aside.

A fold over the events of a journal, for metrics; the scheduler keeps its own counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.messages.events import ProvisionedSet, ReservedConcurrencySet

if TYPE_CHECKING:
    from emulator.core.model import VersionKey


class OpenRequests:
    """Knows by functions' scheduled names how many requests of theirs are open."""

    def __init__(self) -> None:
        self.running: dict[str, int] = {}
        """Requests that have not ended; only functions that have some."""
        self.reserved: dict[str, int] = {}
        """Reserved concurrency, of functions that have some."""
        self.provisioned: dict[VersionKey, int] = {}
        """Provisioned concurrency, of versions that have some."""

    def began(self, function: str) -> None:
        self.running[function] = self.running.get(function, 0) + 1

    def ended(self, function: str) -> None:
        left = self.running.pop(function) - 1
        if left:
            self.running[function] = left

    def set_aside(self, event: ProvisionedSet | ReservedConcurrencySet) -> None:
        """Takes a change of what a function, or a version, has for itself."""
        if isinstance(event, ProvisionedSet):
            self.provisioned.pop(event.key, None)
            if event.count:
                self.provisioned[event.key] = event.count
            return
        self.reserved.pop(event.name, None)
        if event.limit is not None:
            self.reserved[event.name] = event.limit
