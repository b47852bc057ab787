"""Writes a line for each asynchronous event that has ended, beside the run's journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from emulator.core.asynchronous.ended_event import EVENTS_FILE, encode_ended
from emulator.live.journal_file import JournalFile

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.asynchronous.ended_event import EndedEvent


class EndedEvents:
    """Appends to `events.jsonl`, which is made with the first line; a full disk costs lines."""

    def __init__(self, run: Path, *, origin: float, dilation: float, limit: int = 0) -> None:
        """Takes the run's folder, and how its journal's clock goes.

        Args:
            run: the folder.
            origin: time of day at the journal's time 0, seconds since the epoch.
            dilation: how many of the machine's seconds one of the journal's takes.
            limit: bytes to which the file may grow; 0: without a limit.
        """
        self._path = run / EVENTS_FILE
        self._origin = origin
        self._dilation = dilation
        self._limit = limit
        self._file: JournalFile | None = None

    def write(self, ended: EndedEvent) -> None:
        """Writes an end at once, its times on the journal's clock in place of the wall's."""
        if self._file is None:
            self._file = JournalFile(self._path, limit=self._limit)
        on_the_journal = structs.replace(
            ended, accepted_at=self._time(ended.accepted_at), ended_at=self._time(ended.ended_at)
        )
        self._file.write(encode_ended(on_the_journal) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Writes how many lines are missing, if any."""
        if self._file is not None:
            self._file.close()

    def _time(self, wall: float) -> float:
        return (wall - self._origin) / self._dilation
