"""Waits until every asynchronous event of a cell has ended: the load is over when its queue is.

Owns how long that may take. What has ended is read from the run's own files, as the emulator and
Locust write them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from emulator.core.asynchronous.ended_event import EVENTS_FILE, decode_ended
from emulator.core.profiles import PROFILES
from emulator.errors import TestbedError
from emulator.experiments.records.client_rows import (
    ACCEPTED,
    CLIENT_HEADER,
    CLIENTS,
    parse_client_row,
)
from emulator.experiments.runner.locust import ANSWER_WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from emulator.core.asynchronous.rules import EventSettings
    from emulator.experiments.plan.cells import PlannedCell
    from emulator.experiments.runner.emulator_process import EmulatorProcess

_LOOK_EVERY = 0.5
"""Seconds between two looks at the files."""


class _NewLines:
    """Reads the whole lines that were added to a file since the last reading."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def read(self) -> Iterator[str]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            whole, end, _ = file.read().rpartition(b"\n")
        self._position += len(whole) + len(end)
        yield from whole.decode().splitlines()


def longest_drain(cell: PlannedCell, asked: EventSettings, timeout: float) -> float:
    """Returns the real seconds within which a cell's last event has ended.

    Args:
        cell: the cell.
        asked: what its function asks for its events.
        timeout: the function's, in seconds.
    """
    rules = PROFILES[cell.condition.profile].asynchronous
    age = rules.longest_age if asked.longest_age is None else asked.longest_age
    # an attempt that begins within the age is let end
    return (age / cell.idle_speedup + timeout + ANSWER_WITHIN) * cell.dilation


def await_events(
    folder: Path, emulator: EmulatorProcess, within: float, note: Callable[[str], None]
) -> None:
    """Returns when every event that a client saw accepted has ended.

    Args:
        folder: the cell's run directory, whose client rows are all written.
        emulator: the emulator that attempts the events.
        within: seconds that this may take.
        note: is told how many events are left.

    Raises:
        TestbedError: the emulator failed, or this took too long.
    """
    rows = (
        parse_client_row(one) for one in _NewLines(folder / CLIENTS).read() if one != CLIENT_HEADER
    )
    left = {row.request_id for row in rows if row.status == ACCEPTED}
    ends = _NewLines(folder / EVENTS_FILE)
    until = time.monotonic() + within
    while left := left - _ended(ends):
        if time.monotonic() > until:
            raise TestbedError(f"{len(left)} accepted events had not ended within {within:.0f} s.")
        emulator.check()
        note(f"{len(left)} events have not ended")
        time.sleep(_LOOK_EVERY)


def _ended(ends: _NewLines) -> set[str]:
    try:
        return {decode_ended(line).invocation for line in ends.read()}
    except ValueError as error:  # the emulator's disk was full, and a line tells what that cost
        raise TestbedError(f"Which events have ended is not known: {error}") from error
