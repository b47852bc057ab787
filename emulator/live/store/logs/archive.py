"""Keeps the logs on disk: takes lines as they come, and writes them in batches off the hot path.

A line is in memory for at most a moment (`_DELAY`) before it is on its way to the disk; a process
that is killed loses no more. A large batch is put aside there as it is, and goes into the tables
when there is little to do, or before whoever reads: who reads sees every line that came before.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import time
from typing import TYPE_CHECKING, TypeVar

from emulator.live.store.logs.aside import index_oldest, put_aside, waiting
from emulator.live.store.logs.events import NewEvent, StreamName, append, ensure_stream
from emulator.live.store.logs.trim import expire, forget_empty_streams, shrink_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.core.function_names import Scope
    from emulator.live.store.database import Database

T = TypeVar("T")
Line = tuple[StreamName, float, str]
"""A line as it waits: its stream, epoch seconds and text."""
Batch = list[tuple[StreamName, NewEvent]]

log = logging.getLogger(__name__)

_DELAY = 0.5
"""Seconds from a line to the batch that has it: a wait for the disk each, however busy it is."""
_EXPIRE_EVERY_MS = 60_000
_FEW = 500
"""Lines of a batch that go into the tables at once: at a thousand in a second a thread is busy for
a hundredth of the time."""
_MOST_ASIDE = 1_000_000
"""Lines that are put aside at most, which make the first reader wait for some seconds."""
_MOST_WAITING = 64 << 20
"""Characters that wait for the disk at most; more are lost, and said to be."""


class LogArchive:
    """Holds all groups; use from one event loop, and `close` before the database is.

    `limit` is in bytes.
    `watch` is called in the database's thread with the lines of each batch, in its transaction.
    """

    def __init__(
        self,
        database: Database,
        *,
        limit: int,
        wall_time: Callable[[], float] = time.time,
        watch: Callable[[sqlite3.Connection, Iterable[tuple[StreamName, str]]], None] | None = None,
    ) -> None:
        self._database = database
        self._limit = limit
        self._wall_time = wall_time
        self._watch = watch
        self._opened: list[StreamName] = []
        self._waiting: list[Line] = []
        self._waiting_size = 0
        self._lost = 0
        self._aside: int | None = None
        """Lines that are put aside; None until the disk was asked for those of an earlier run."""
        self._expired_at = 0
        self._news = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._flush: asyncio.Task[None] | None = None

    # what functions' logs tell

    def opened(self, scope: Scope, group: str, stream: str) -> StreamName:
        """Takes a new stream of a function's."""
        name = StreamName(scope, group, stream)
        self._opened.append(name)
        self._arm()
        return name

    def wrote(self, name: StreamName, at_epoch: float, line: str) -> None:
        """Takes a line of a function's; `at_epoch` is in epoch seconds."""
        waiting = self._waiting
        if not waiting:
            self._arm()
        elif self._waiting_size > _MOST_WAITING:
            self._lost += 1
            return
        waiting.append((name, at_epoch, line))
        self._waiting_size += len(line)

    # what operations ask for

    def now(self) -> int:
        """Returns the epoch millisecond."""
        return int(self._wall_time() * 1000)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work`, which sees every line that was taken before."""
        await self._flush_into_tables()
        return await self._database.read(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` in a transaction, after the lines that were taken before."""
        await self._flush_into_tables()
        return await self._database.write(work)

    def news(self) -> asyncio.Event:
        """Returns what is set when the next events are stored: ask before reading, wait after."""
        return self._news

    async def put(self, events: Batch) -> None:
        """Stores events of others than functions, in their streams, which are there."""
        await self._flush_into_tables()

        def work(connection: sqlite3.Connection) -> None:
            append(connection, events, now)
            if self._watch is not None:
                self._watch(connection, ((name, event.message) for name, event in events))
            shrink_to(connection, self._limit)

        now = self.now()
        await self._database.write(work)
        self._tell()

    async def flush(self) -> None:
        """Returns when every line that was taken before is on the disk.

        Raises:
            sqlite3.Error: the disk is full or broken; the lines are lost.
        """
        if self._flush is not None:
            # a reader that leaves must not take the lines of others with it
            await asyncio.shield(self._flush)
        if self._waiting or self._opened:
            self._begin_flush()
        if self._flush is not None:
            await asyncio.shield(self._flush)

    async def close(self) -> None:
        """Writes what is left."""
        try:
            await self.flush()
        except sqlite3.Error as error:
            log.error("The last log lines cannot be stored: %s", error)  # noqa: TRY400  # no bug
        if self._timer is not None:
            self._timer.cancel()

    # batches

    def _arm(self) -> None:
        if self._timer is None and self._flush is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_DELAY, self._begin_flush)

    def _begin_flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flush is None:
            self._flush = asyncio.get_running_loop().create_task(self._write_batch())
            self._flush.add_done_callback(self._flushed)

    def _flushed(self, flush: asyncio.Task[None]) -> None:
        self._flush = None
        if not flush.cancelled() and (error := flush.exception()) is not None:
            log.error("Log lines cannot be stored, and are lost: %s", error)
        if self._waiting or self._opened or self._aside:
            self._arm()

    async def _write_batch(self) -> None:
        opened, self._opened = self._opened, []
        batch, self._waiting = self._waiting, []
        self._waiting_size = 0
        if self._lost:
            log.warning("Log lines lost, as the disk is too slow for them: %d", self._lost)
            self._lost = 0
        now = self.now()
        expires = now - self._expired_at >= _EXPIRE_EVERY_MS
        self._expired_at = now if expires else self._expired_at

        def work(connection: sqlite3.Connection) -> int:
            for name in opened:
                ensure_stream(connection, name, now)
            _store(connection, batch, now)
            if self._watch is not None:
                self._watch(connection, ((name, line) for name, _, line in batch))
            if expires:
                expire(connection, now)
                forget_empty_streams(connection, now)
            shrink_to(connection, self._limit)
            return waiting(connection)

        self._aside = await self._database.write(work)
        self._tell()

    async def _flush_into_tables(self) -> None:
        """Returns when every line that was taken before is in the tables.

        Raises:
            sqlite3.Error: the disk is full or broken.
        """
        await self.flush()
        left = math.inf if self._aside is None else self._aside
        while left > 0:  # what is put aside meanwhile need not be waited for
            indexed, self._aside = await self._database.write(_index_oldest)
            left = left - indexed if indexed else 0

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _store(connection: sqlite3.Connection, batch: list[Line], now: int) -> None:
    """Stores a batch, in the database's thread: lines come into the tables as they came."""
    aside = waiting(connection)
    is_large = len(batch) > _FEW
    if aside and (not is_large or aside > _MOST_ASIDE):
        aside -= index_oldest(connection)
    if batch and (is_large or aside):
        try:
            put_aside(connection, batch, now)
        except UnicodeEncodeError:  # half a surrogate, which the tables can do with
            while index_oldest(connection):
                pass
        else:
            return
    append(connection, [(name, NewEvent(int(at * 1000), line)) for name, at, line in batch], now)


def _index_oldest(connection: sqlite3.Connection) -> tuple[int, int]:
    """Returns how many lines were put into the tables, and how many are still aside."""
    return index_oldest(connection), waiting(connection)
