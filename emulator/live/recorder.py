"""Takes the journal's entries off the hot path: to the file, the records, metrics and logs.

Entries are kept until the loop has a moment, and are worked off in slices, so that an invocation
never waits for its own record.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Protocol

from emulator.core.journal import Entry, encode
from emulator.core.messages.commands import Dispatch
from emulator.core.messages.events import InvocationFinished, StayedBusy
from emulator.core.record_fold import RecordFold

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.core.open_requests import OpenRequests
    from emulator.core.records import InvocationRecord
    from emulator.live.platform_logger import PlatformLogger

_DELAY = 0.005
"""Seconds from an entry to its record: long enough to stay out of the way of the response, and
for the last output of an invocation to come before its END."""
_SLICE = 16
"""Entries worked off in one turn of the loop; about half a millisecond."""


class Journal(Protocol):
    """Takes the lines of a run's journal; an open text file is one."""

    def write(self, text: str, /) -> object:
        """Takes one line with its end."""

    def flush(self) -> object:
        """Writes every line that was taken."""


class RecordSink(Protocol):
    """Takes the record of each invocation that has ended."""

    def record(self, record: InvocationRecord) -> None:
        """Takes the next record."""


class Recorder:
    """Writes a journal, and hands its records to sinks and to the platform's logger."""

    def __init__(
        self, *, journal: Journal, sinks: tuple[RecordSink, ...], logger: PlatformLogger
    ) -> None:
        self._journal = journal
        self._sinks = sinks
        self._logger = logger
        self._fold = RecordFold()
        self._entries: deque[tuple[Entry, asyncio.Future[None] | None]] = deque()
        """Entries to be written, each with what is done when the output before has come."""
        self._dispatches: defaultdict[int, int] = defaultdict(int)
        """How many of the entries dispatch an invocation to each sandbox."""
        self._ends: dict[int, deque[Seconds]] = {}
        """By sandbox: times of ends that wait for the output before, oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: asyncio.Future[None] | None = None
        """What the first of the entries waits for."""
        logger.before_output = self._before_output

    @property
    def requests(self) -> OpenRequests:
        """Returns what the records know of requests that have not ended."""
        return self._fold.requests

    def record(self, entry: Entry, output: asyncio.Future[None] | None = None) -> None:
        """Takes the next entry, to be written in a moment, but not before `output` is done."""
        self._entries.append((entry, output))
        if output is not None and (sandbox := _ended(entry)) is not None:
            self._ends.setdefault(sandbox, deque()).append(entry.at)
        for command in entry.commands:
            if type(command) is Dispatch:  # a Struct's isinstance is slow to say no
                self._dispatches[command.sandbox] += 1
        if self._timer is None and self._awaited is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self._work_off)

    def _work_off(self) -> None:
        self._timer = None
        for _ in range(min(_SLICE, len(self._entries))):
            output = self._entries[0][1]
            if output is not None and not output.done():
                self._awaited = output
                output.add_done_callback(self._output_came)
                return
            self._write(self._entries.popleft()[0])
        if self._entries:
            # a full queue must not starve: the next slice comes with the loop's next turn
            self._timer = asyncio.get_running_loop().call_later(0, self._work_off)
        else:
            self._journal.flush()

    def _output_came(self, output: asyncio.Future[None]) -> None:
        if output is self._awaited:
            self._awaited = None
            self._work_off()

    def _write(self, entry: Entry) -> None:
        for command in entry.commands:
            if type(command) is Dispatch:
                self._count_off(command.sandbox)
        if self._ends:
            self._forget_end(entry)
        self._journal.write(encode(entry) + "\n")
        ended = self._fold.feed(entry)
        for record in ended:
            for sink in self._sinks:
                sink.record(record)
        self._logger.take(entry, self._fold.failed_inits, ended)

    def _forget_end(self, entry: Entry) -> None:
        sandbox = _ended(entry)
        times = None if sandbox is None else self._ends.get(sandbox)
        if sandbox is not None and times and times[0] == entry.at:
            times.popleft()
            if not times:
                del self._ends[sandbox]

    def _count_off(self, sandbox: int) -> None:
        self._dispatches[sandbox] -= 1
        if not self._dispatches[sandbox]:
            del self._dispatches[sandbox]

    def flush(self) -> None:
        """Writes every entry that was taken."""
        while self._entries:
            self._write(self._entries.popleft()[0])
        self._journal.flush()

    def _before_output(self, sandbox: int) -> Seconds | None:
        """Writes the entries that belong before the output of the sandbox's present invocation.

        Returns:
            When the invocation ended whose last output is still on its way; None where none is.
        """
        if sandbox in self._dispatches:
            self._work_off_start(sandbox)
        times = self._ends.get(sandbox)
        return times[0] if times else None

    def _work_off_start(self, sandbox: int) -> None:
        """Writes the entries up to the sandbox's last dispatch.

        The end of an invocation stays: the last output of that may still be on its way. Until
        all of that has come, what comes is that.
        """
        last = 0
        for number, (entry, output) in enumerate(self._entries, 1):
            waits = output is not None and not output.done()
            if waits and _ended(entry) == sandbox:
                break
            if sandbox in _dispatched(entry):
                last = number
        for _ in range(last):
            self._write(self._entries.popleft()[0])

    def close(self) -> None:
        """Writes what is left; the journal stays open, since its owner closes it."""
        if self._timer is not None:
            self._timer.cancel()
        self._awaited = None
        self.flush()
        self._logger.close()


def _ended(entry: Entry) -> int | None:
    """Returns the sandbox that an entry tells to be done with an invocation; None: none."""
    event = entry.event
    if type(event) is InvocationFinished or type(event) is StayedBusy:
        return event.sandbox
    return None


def _dispatched(entry: Entry) -> list[int]:
    return [command.sandbox for command in entry.commands if isinstance(command, Dispatch)]
