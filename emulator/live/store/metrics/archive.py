"""Keeps metrics on disk: takes what folds have counted, in batches off the hot path.

A process that is killed loses at most the last moment's counts (`_DELAY`). Whoever reads waits for
what was counted before.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from emulator.core.function_names import owner
from emulator.live.store.metrics.tables import add, expire
from emulator.telemetry.metric_data.embedded import embedded_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.core.function_names import Scope
    from emulator.live.store.database import Database
    from emulator.live.store.logs.events import StreamName
    from emulator.telemetry.metric_data.metric import Sample

T = TypeVar("T")

log = logging.getLogger(__name__)

_DELAY = 5.0
"""Seconds from the first count to the batch that has it."""
_EXPIRE_EVERY = 3600


class Counts(Protocol):
    """Counts in memory."""

    filled: Callable[[], None]
    """Called when there is something to take again."""

    def take(self) -> list[tuple[str, Sample]]:
        """Returns what was counted since the last call, by function; empty for the account's."""


class MetricArchive:
    """Holds all metrics; use from one event loop, and `close` before the database is.

    `home` is the emulator's own account and region.
    """

    def __init__(
        self,
        database: Database,
        home: Scope,
        *,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._home = home
        self._counts: list[Counts] = []
        self._wall_time = wall_time
        self._expired_at = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        """Held during a batch: who reads must not overtake what another has taken."""

    def gather(self, counts: Counts) -> None:
        """Takes what is counted there from now on."""
        self._counts.append(counts)
        counts.filled = self._arm

    def now(self) -> float:
        """Returns the epoch second."""
        return self._wall_time()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work`, which sees all that was counted before."""
        await self._flush()
        return await self._database.read(work)

    async def put(self, scope: Scope, samples: Iterable[Sample]) -> None:
        """Adds values of clients' own."""
        await self._database.write(lambda connection: add(connection, scope, samples))

    async def close(self) -> None:
        """Writes what is left."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._flush()
        except sqlite3.Error as error:
            log.error("The last metrics cannot be stored: %s", error)  # noqa: TRY400  # no bug

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self._begin_flush)

    def _begin_flush(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._flush())
        self._task.add_done_callback(_flushed)

    async def _flush(self) -> None:
        async with self._turn:
            await self._write_batch()

    async def _write_batch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        taken: dict[Scope, list[Sample]] = {}
        for counts in self._counts:
            for function, sample in counts.take():
                taken.setdefault(owner(function, self._home)[0], []).append(sample)
        now = int(self._wall_time())
        expires = now - self._expired_at >= _EXPIRE_EVERY
        if not taken and not expires:
            return
        self._expired_at = now if expires else self._expired_at

        def work(connection: sqlite3.Connection) -> None:
            for scope, samples in taken.items():
                add(connection, scope, samples)
            if expires:
                expire(connection, now)

        await self._database.write(work)


def _flushed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("Metrics cannot be stored, and are lost: %s", error)


def store_embedded(connection: sqlite3.Connection, lines: Iterable[tuple[StreamName, str]]) -> None:
    """Adds the metrics that log lines of the embedded metric format tell."""
    found: dict[Scope, list[Sample]] = {}
    for name, line in lines:
        if samples := embedded_samples(line):
            found.setdefault(name.scope, []).extend(samples)
    for scope, samples in found.items():
        add(connection, scope, samples)
