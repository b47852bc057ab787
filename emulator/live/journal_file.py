"""Writes the journal's file: whole lines, a bounded size, and a word on lines that are missing.

A disk that is full costs lines, never requests. A line `{"lost": N, "since": T, "until": T}` stands
where N entries are missing, with epoch times in seconds; readers say so beside every figure.
"""

from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

log = logging.getLogger(__name__)

_RETRY = 1.0
"""Seconds from a failed write to the next try."""


class JournalFile:
    """Appends lines to a file that may grow to `limit` bytes; 0: without a limit."""

    def __init__(self, path: Path, *, limit: int = 0, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._limit = limit
        self._now = now
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._size = os.fstat(self._file).st_size
        self._lines: list[str] = []
        self._lost = 0
        self._lost_since = 0.0
        self._retry_at = 0.0

    def write(self, text: str) -> None:
        """Takes one line with its end; `flush` writes it."""
        self._lines.append(text)

    def flush(self) -> None:
        """Writes the lines that were taken, or counts them as lost where the disk is full."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        whole = "".join(lines).encode()
        if self._limit and self._size + len(whole) > self._limit:
            self._lose(len(lines), f"has its full size of {self._limit} bytes (--journal-limit)")
            return
        if self._lost and self._now() < self._retry_at:
            self._lost += len(lines)
            return
        self._append(self._missing() + whole, len(lines))

    def _append(self, whole: bytes, lines: int) -> None:
        try:
            written = os.write(self._file, whole)
        except OSError as error:
            self._lose(lines, f"cannot be written ({error.strerror})")
            return
        if written < len(whole):
            os.ftruncate(self._file, self._size)  # no torn line stays
            self._lose(lines, "has no room left on its disk")
            return
        self._size += written
        if self._lost:
            log.warning("%s is written again; %d entries are missing", self._path, self._lost)
        self._lost = 0

    def _lose(self, lines: int, why: str) -> None:
        if not self._lost:
            self._lost_since = self._now()
            log.error("%s %s: entries of this run are missing from now on", self._path, why)
        self._lost += lines
        self._retry_at = self._now() + _RETRY

    def _missing(self) -> bytes:
        if not self._lost:
            return b""
        gap = {"lost": self._lost, "since": self._lost_since, "until": self._now()}
        return json.dumps(gap).encode() + b"\n"

    def close(self) -> None:
        """Writes what is left, and how many entries are missing."""
        self._retry_at = 0.0
        self.flush()
        if self._lost:
            self._append(self._missing(), 0)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
