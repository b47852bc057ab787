"""Reads one shard and invokes the mapped function, in the order that the core decides.

The position is kept after each batch, so that a killed emulator goes on where it was, and repeats
what it had begun.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.core.event_sources.failure_record import Told
from emulator.core.event_sources.filters import passes
from emulator.core.event_sources.responses import failed_records
from emulator.core.event_sources.shard import Ending, Shard
from emulator.core.event_sources.windows import state_in, window_members
from emulator.errors import TestbedError
from emulator.live.asynchronous.observations import Observed, observe_nothing
from emulator.live.aws.client import ServiceCallError
from emulator.live.event_sources.poller import Attempt, Batches, Status, attempt
from emulator.live.event_sources.positions import Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.event_sources.mapping import SourceMapping
    from emulator.core.event_sources.shard import Batch, Discarded, StreamRecord
    from emulator.live.asynchronous.invoker import Invoker
    from emulator.live.asynchronous.observations import Observe
    from emulator.live.event_sources.discarded import DiscardedBatches
    from emulator.live.event_sources.positions import Positions
    from emulator.live.event_sources.stream_api import StreamApi

_PAUSE = 1.0
"""Seconds after a fault of the stream."""
_MOST_WAITING = 10_000
"""Records of a shard that are read ahead of the function."""
_TRIMMED = "TrimmedDataAccessException"
"""Code of a place in a shard whose records are gone."""


@dataclass(slots=True)
class Stream:
    """Holds what all shards of a mapping have in common."""

    mapping: SourceMapping
    api: StreamApi
    invoker: Invoker
    positions: Positions
    discarded: DiscardedBatches
    since: float | None
    """Records that arrived before are not for the function; None: all are."""
    dilation: float = 1.0
    observe: Observe = observe_nothing
    wall_time: Callable[[], float] = time.time
    status: Status = field(default_factory=Status)
    batches: Batches = field(default_factory=Batches)


class ShardReader:
    """Reads one shard; `run` ends when all records of a shard that is closed are done."""

    def __init__(self, stream: Stream, shard: str, after: str) -> None:
        """Takes the sequence number of the last record that is done (`after`); empty: none."""
        self._stream = stream
        self._name = shard
        self._shard = Shard(stream.mapping)
        self._read_to = after
        self._saved = after
        self._iterator: str | None = None
        self._next_read = 0.0
        self._is_closed = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                await self._read()
            except TestbedError as error:
                self._after_fault(error)
            self._begin()
            await self._save()
            if self._is_closed and not self._shard.waiting:
                break
            await self._sleep()
        done = Position(self._saved, ended=True)
        await self._stream.positions.save(self._stream.mapping.id, self._name, done)

    # reading

    def _now(self) -> float:
        return self._stream.wall_time()

    async def _read(self) -> None:
        if self._is_closed or self._now() < self._next_read:
            return
        if self._shard.waiting >= _MOST_WAITING:
            return
        api, mapping = self._stream.api, self._stream.mapping
        if self._iterator is None:
            self._iterator = await api.iterator(self._name, self._read_to, self._stream.since)
        asked_at = self._now()
        records, self._iterator = await api.records(self._name, self._iterator, mapping.batch_size)
        self._is_closed = self._iterator is None
        # there may be more where as many came as were asked for
        pause = 0.0 if len(records) >= mapping.batch_size else mapping.source.value.poll_every
        self._next_read = self._now() + pause * self._stream.dilation
        if records:
            self._read_to = records[-1].sequence
            dropped = {one.sequence for one in records if not self._is_wanted(one)}
            self._shard.arrived(records, self._now(), dropped)
        if self._is_closed:
            self._shard.closed()
        elif pause:
            self._shard.caught_up(asked_at)

    def _is_wanted(self, record: StreamRecord) -> bool:
        since = self._stream.since
        # DynamoDB tells whole seconds, and stand-ins may tell nothing
        if since is not None and 0 < record.arrived_at < int(since):
            return False
        return passes(self._stream.mapping, self._stream.api.filtered_form(record))

    def _after_fault(self, error: TestbedError) -> None:
        self._stream.status.tell(f"PROBLEM: {error}")
        self._iterator = None
        self._next_read = self._now() + _PAUSE
        if isinstance(error, ServiceCallError) and error.code == _TRIMMED:
            self._read_to = ""

    async def _sleep(self) -> None:
        """Waits until there may be something to read or to try."""
        due = [self._next_read] if not self._is_full() else []
        if (deadline := self._shard.next_deadline()) is not None:
            due.append(deadline)
        wait = max(0.0, min(due) - self._now()) if due else None
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    def _is_full(self) -> bool:
        return self._is_closed or self._shard.waiting >= _MOST_WAITING

    # batches

    def _begin(self) -> None:
        begun, too_old = self._shard.begin(self._now())
        for one in too_old:
            self._stream.batches.begin(self._tell(one, Told()))
        for batch in begun:
            self._stream.batches.begin(self._process(batch))

    async def _process(self, batch: Batch) -> None:
        mapping = self._stream.mapping
        self._observe_age(batch)
        event = {"Records": [record.body for record in batch.records]}
        arn = mapping.source_arn
        event |= window_members(batch, self._shard.state, self._name, arn, whole_seconds)
        sent = json.dumps(event).encode()
        done = await attempt(self._stream.invoker, mapping, sent, self._stream.status)
        failed: frozenset[str] = frozenset()
        if done.succeeded and mapping.reports_failures and done.outcome is not None:
            failed = failed_records(
                done.outcome.payload, [record.sequence for record in batch.records]
            )
        ending = _ending(done, failed)
        state = None
        if batch.window is not None and done.succeeded and done.outcome is not None:
            state = state_in(done.outcome.payload)
            if state is None and not batch.ends_window and ending is Ending.SUCCEEDED:
                ending = Ending.FAILED  # "considers this a failed invocation"
        discarded = self._shard.ended(batch, ending, self._now(), failed, state)
        self._changed.set()
        for one in discarded:
            await self._tell(one, _told(done))
        await self._save()

    def _observe_age(self, batch: Batch) -> None:
        if batch.records:
            age = max(0.0, self._now() - batch.records[-1].arrived_at)
            arn = self._stream.mapping.function_arn
            self._stream.observe(arn, Observed.ITERATOR_AGE, age * 1000)

    async def _tell(self, discarded: Discarded, told: Told) -> None:
        await self._stream.discarded.tell(self._stream.mapping, self._name, discarded, told)

    async def _save(self) -> None:
        position = self._shard.position
        if position and position != self._saved:
            self._saved = position
            await self._stream.positions.save(
                self._stream.mapping.id, self._name, Position(position)
            )


def whole_seconds(at: float) -> str:
    """Returns seconds since the epoch as ISO 8601, as windows have them."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ending(done: Attempt, failed: frozenset[str]) -> Ending:
    if done.refused:
        return Ending.REFUSED
    return Ending.SUCCEEDED if done.succeeded and not failed else Ending.FAILED


def _told(done: Attempt) -> Told:
    if done.outcome is None:
        return Told()
    return Told(done.outcome.request_id, done.outcome.function_error, done.outcome.version)
