"""Sums up the newest client rows of a file while Locust still writes them.

Owns the line that a progress display shows; no figure of a report comes from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.model import COLD_STARTS
from emulator.experiments.records.client_rows import CLIENT_HEADER, parse_client_row

if TYPE_CHECKING:
    from pathlib import Path


_NOTHING = "waiting for answers"


class RowFollower:
    """Reads the client rows that were added to a file since the last reading."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0

    def news(self, seconds: float) -> str:
        """Returns a line about the rows that were added, which took that many seconds."""
        if not self._path.exists():
            return _NOTHING
        with self._path.open("rb") as file:
            file.seek(self._position)
            whole = file.read().rpartition(b"\n")[0]
        if not whole:
            return _NOTHING
        self._position += len(whole) + 1
        lines = whole.decode().split("\n")
        rows = [parse_client_row(line) for line in lines if line != CLIENT_HEADER]
        if not rows:
            return _NOTHING
        cold = sum(row.start_kind in COLD_STARTS for row in rows)
        failed = sum(bool(row.error) for row in rows)
        return (
            f"{max(row.users for row in rows):3} users   {len(rows) / seconds:6.1f} answers/s   "
            f"slowest {max(row.latency_ms for row in rows):7.0f} ms   {cold:2} cold starts"
            + (f"   {failed} failed" if failed else "")
        )
