"""Gathers records into batches, by number, by size, and by the time of the first of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from emulator.core.model import Seconds

T = TypeVar("T")

MOST_BYTES = 6_291_456
"""Size of a batch: the payload of an invocation (developer guide, "Batching behavior")."""
_AROUND = 1024
"""Bytes that the event adds to its records."""


@dataclass(slots=True)
class Gathering(Generic[T]):
    """Holds the records of the batch that is being gathered; time is the caller's."""

    most: int
    window: Seconds
    most_bytes: int = MOST_BYTES - _AROUND
    _records: list[T] = field(default_factory=list)
    _bytes: int = 0
    _since: Seconds = 0.0

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: T, size: int, now: Seconds) -> list[T]:
        """Takes a record of `size` bytes; returns a batch that is complete by that, or nothing."""
        complete: list[T] = []
        if self._records and self._bytes + size > self.most_bytes:
            complete = self.take()
        if not self._records:
            self._since = now
        self._records.append(record)
        self._bytes += size
        if not complete and len(self._records) >= self.most:
            return self.take()
        return complete

    def due(self) -> Seconds | None:
        """Returns when the batch is complete, whatever its size; None where there is no record."""
        return self._since + self.window if self._records else None

    def is_due(self, now: Seconds) -> bool:
        """Returns whether there is a batch that waits no longer."""
        due = self.due()
        return due is not None and due <= now

    def take(self) -> list[T]:
        """Returns the batch, and begins the next."""
        taken, self._records, self._bytes = self._records, [], 0
        return taken
