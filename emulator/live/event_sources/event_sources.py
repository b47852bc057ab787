"""Keeps event source mappings and their pollers: create, change, delete, and what is told of each.

A mapping's document is kept with the other resources of the control plane; its state is that of
its poller. What a client may ask for is the API's.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.core.event_sources.mapping import Source, read_mapping
from emulator.live.asynchronous.observations import observe_nothing
from emulator.live.event_sources.discarded import DiscardedBatches
from emulator.live.event_sources.poller import NO_RECORDS
from emulator.live.event_sources.queue_poller import QueuePoller
from emulator.live.event_sources.shard_reader import Stream
from emulator.live.event_sources.stream_api import DynamoDbApi, KinesisApi
from emulator.live.event_sources.stream_poller import StreamPoller
from emulator.live.store.resources import Key, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from emulator.core.event_sources.mapping import SourceMapping
    from emulator.core.function_names import Scope
    from emulator.live.asynchronous.invoker import Invoker
    from emulator.live.asynchronous.observations import Observe
    from emulator.live.aws.client import AwsClient
    from emulator.live.event_sources.poller import Poller
    from emulator.live.event_sources.positions import Positions
    from emulator.live.event_sources.stream_api import StreamApi
    from emulator.live.store.resources import Document, Resources

log = logging.getLogger(__name__)

_LEAVE = 3.0
"""Seconds in which a poller ends what it asks its source; a source may not answer.

A receive that is broken off would hide messages that nobody got for their visibility timeout.
"""
_DRAIN = 30.0
"""Seconds that batches get to end when a mapping is changed; then they are left to come again."""
_ENABLED, _CREATED = "Enabled", "CreatedAt"
_AT_TIMESTAMP, _LATEST = "AT_TIMESTAMP", "LATEST"


class MappingState(StrEnum):
    """Names the states of a mapping, in the words of the service model."""

    CREATING = "Creating"
    ENABLING = "Enabling"
    ENABLED = "Enabled"
    DISABLING = "Disabling"
    DISABLED = "Disabled"
    UPDATING = "Updating"
    DELETING = "Deleting"


SETTLED = frozenset({MappingState.ENABLED, MappingState.DISABLED})
"""The states in which a mapping may be changed or deleted."""


@dataclass(frozen=True, slots=True)
class Polling:
    """Holds a poller and the task in which it runs."""

    poller: Poller
    task: asyncio.Task[None]

    async def end(self, patience: float) -> None:
        """Ends the polling, then its batches, which get `patience` seconds in all."""
        self.poller.leave()
        try:
            await asyncio.wait([self.task], timeout=_LEAVE)
            self.task.cancel()
            async with asyncio.timeout(patience):
                await self.poller.drain()
        except TimeoutError:
            log.info("batches did not end within %g s; their records come again", patience)
        finally:
            await self.cut()

    async def cut(self) -> None:
        """Ends the polling and the batches at once; their records come again."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.poller.close()


@dataclass(slots=True)
class Mapped:
    """Holds a mapping as its owner sees it."""

    key: Key
    document: Document
    changing: MappingState | None = None
    """The change that is under way."""
    running: Polling | None = None
    on_its_way: MappingState | None = None
    """The change that is being written to the disk, and that admits no other meanwhile."""

    def taken(self) -> Polling | None:
        """Returns what runs, which is the caller's to end."""
        running, self.running = self.running, None
        return running

    @property
    def state(self) -> MappingState:
        if self.on_its_way is not None:
            return self.on_its_way
        if self.changing is MappingState.DELETING:
            return self.changing
        if not self.document[_ENABLED]:
            return self.changing or MappingState.DISABLED
        begun = self.running is not None and self.running.poller.status.has_begun
        return MappingState.ENABLED if begun else self.changing or MappingState.ENABLING

    @property
    def last_result(self) -> str:
        return NO_RECORDS if self.running is None else self.running.poller.status.last_result


class EventSources:
    """Owns every mapping and poller. Use from one event loop: `open`, then `close`."""

    def __init__(
        self,
        *,
        resources: Resources,
        positions: Positions,
        client: AwsClient,
        invoker: Invoker,
        most_in_a_loop: int = 0,
        dilation: float = 1.0,
        observe: Observe = observe_nothing,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        self._resources = resources
        self._positions = positions
        self._client = client
        self._invoker = invoker
        self._most_in_a_loop = most_in_a_loop
        self._dilation = dilation
        self._observe = observe
        self._wall_time = wall_time
        self._mapped: dict[str, Mapped] = {}
        self._changes: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begins to poll for the mappings of an earlier run."""
        for scope in self._resources.scopes(Kind.EVENT_SOURCE):
            for name, documents in self._resources.all(scope, Kind.EVENT_SOURCE).items():
                mapped = Mapped(Key(scope, Kind.EVENT_SOURCE, name), documents[""])
                self._mapped[name] = mapped
                self._start(mapped)

    async def close(self) -> None:
        """Ends all polling in some seconds; what had begun comes again in the next run."""
        changes = list(self._changes)
        for change in changes:
            change.cancel()
        await asyncio.gather(*changes, return_exceptions=True)
        running = [mapped.running for mapped in self._mapped.values() if mapped.running]
        await asyncio.gather(*(polling.end(0.0) for polling in running))

    # what is there

    def all(self, scope: Scope) -> list[Mapped]:
        """Returns an account's mappings in a region, the oldest first."""
        found = [mapped for mapped in self._mapped.values() if mapped.key.scope == scope]
        return sorted(found, key=lambda mapped: (mapped.document[_CREATED], mapped.key.name))

    def get(self, scope: Scope, mapping: str) -> Mapped | None:
        """Returns a mapping by its UUID; None where the account has none such in the region."""
        found = self._mapped.get(mapping)
        return None if found is None or found.key.scope != scope else found

    # changes

    async def create(self, scope: Scope, members: Mapping[str, Any]) -> Mapped:
        """Keeps a mapping of valid members, and begins to poll for it.

        Raises:
            sqlite3.Error: the disk is full or broken.
        """
        name, now = str(uuid.uuid4()), self._wall_time()
        document: dict[str, Any] = {"UUID": name, _ENABLED: True, **members}
        document |= {_CREATED: now, "LastModified": now}
        enabled = document[_ENABLED]
        mapped = Mapped(
            Key(scope, Kind.EVENT_SOURCE, name),
            document,
            MappingState.CREATING if enabled else MappingState.DISABLING,
        )
        self._mapped[name] = mapped
        try:
            await self._resources.change({mapped.key: document})
        except BaseException:
            del self._mapped[name]
            raise
        if not enabled:
            mapped.changing = None
        self._start(mapped)
        return mapped

    async def update(self, mapped: Mapped, members: Mapping[str, Any]) -> None:
        """Changes a mapping whose state is settled; batches that run end as they began.

        Raises:
            sqlite3.Error: the disk is full or broken.
        """
        document = {**mapped.document, **members}
        document["LastModified"] = self._wall_time()
        await self._write(mapped, document, _change(mapped.document, document))
        mapped.document = document
        self._spawn(self._restart(mapped, mapped.taken()))

    async def delete(self, mapped: Mapped) -> None:
        """Takes a mapping away; it is seen as Deleting until its batches have ended.

        Raises:
            sqlite3.Error: the disk is full or broken.
        """
        await self._write(mapped, None, MappingState.DELETING)
        self._spawn(self._end(mapped, mapped.taken()))

    async def _write(self, mapped: Mapped, document: Document | None, state: MappingState) -> None:
        """Writes a change, which is seen at once; a second one would leave a poller to nobody."""
        mapped.on_its_way = state
        try:
            await self._resources.change({mapped.key: document})
        finally:
            mapped.on_its_way = None
        mapped.changing = state

    async def _restart(self, mapped: Mapped, before: Polling | None) -> None:
        if before is not None:
            await before.end(_DRAIN)
        self._start(mapped)
        if not mapped.document[_ENABLED]:
            mapped.changing = None

    async def _end(self, mapped: Mapped, before: Polling | None) -> None:
        if before is not None:
            await before.end(_DRAIN)
        await self._positions.forget(mapped.key.name)
        del self._mapped[mapped.key.name]

    # pollers

    def _start(self, mapped: Mapped) -> None:
        if not mapped.document[_ENABLED]:
            return
        poller = self._poller(read_mapping(mapped.document), mapped.document[_CREATED])
        mapped.running = Polling(poller, asyncio.get_running_loop().create_task(_polled(poller)))

    def _poller(self, mapping: SourceMapping, created_at: float) -> Poller:
        if mapping.source is Source.SQS:
            return QueuePoller(
                mapping,
                self._client,
                self._invoker,
                most_in_a_loop=self._most_in_a_loop,
                dilation=self._dilation,
            )
        return StreamPoller(
            Stream(
                mapping,
                self._stream_api(mapping),
                self._invoker,
                self._positions,
                DiscardedBatches(self._client, self._wall_time),
                since=_since(mapping, created_at),
                dilation=self._dilation,
                observe=self._observe,
                wall_time=self._wall_time,
            )
        )

    def _stream_api(self, mapping: SourceMapping) -> StreamApi:
        if mapping.source is not Source.KINESIS:
            return DynamoDbApi(self._client, mapping.source_arn)
        role = partial(self._invoker.role, mapping.function_arn)
        return KinesisApi(self._client, mapping.source_arn, role)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._changes.add(task)
        task.add_done_callback(self._change_done)

    def _change_done(self, task: asyncio.Task[None]) -> None:
        self._changes.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a change of an event source mapping failed", exc_info=error)


def _change(before: Document, after: Document) -> MappingState:
    """Returns the state of a mapping whose document is being replaced."""
    if before[_ENABLED] == after[_ENABLED]:
        return MappingState.UPDATING
    return MappingState.ENABLING if after[_ENABLED] else MappingState.DISABLING


async def _polled(poller: Poller) -> None:
    """Runs a poller; a fault of ours ends the poller, not the emulator, and is told."""
    try:
        await poller.run()
    except Exception:
        log.exception("a poller failed")
        poller.status.tell("PROBLEM: The emulator failed; its log says why.")


def _since(mapping: SourceMapping, created_at: float) -> float | None:
    """Returns from which time on records are for the function; None: all are.

    LATEST begins with the mapping, not with the first look at the stream, so that what comes
    between the two, or while the emulator is down, is not lost.
    """
    if mapping.starting_position == _AT_TIMESTAMP:
        return mapping.starting_timestamp
    return created_at if mapping.starting_position == _LATEST else None
