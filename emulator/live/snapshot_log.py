"""Writes the log of an init of which a snapshot is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.telemetry.log_store import Logs
    from emulator.telemetry.platform_log import PlatformLog, Told


@dataclass(frozen=True, slots=True)
class SnapshotLog:
    """Writes the log of one init of which a snapshot is taken."""

    logs: Logs
    platform: PlatformLog
    function: str
    stream: str
    now: Callable[[], float]
    """Returns the present epoch time, in seconds."""

    def output(self, written: bytes) -> None:
        """Takes what the function's init writes."""
        self.logs.output(self.function, self.stream, self.now(), written)

    def close(self, duration: float, error_type: str) -> None:
        """Ends the log with INIT_REPORT."""
        self.logs.end(self.function, self.stream)
        self.tell(self.platform.snapshot_taken(self.now(), duration, error_type))
        self.logs.closed(self.function, self.stream)

    def tell(self, told: Told) -> None:
        """Writes lines of Lambda's own."""
        for line in told.lines:
            self.logs.line(self.function, self.stream, self.now(), line)
