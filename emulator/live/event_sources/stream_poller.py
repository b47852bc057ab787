"""Polls a stream for one mapping: finds its shards, and has each read in its turn.

A shard's children begin when every record of the shard is done.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from emulator.errors import TestbedError
from emulator.live.event_sources.positions import Position
from emulator.live.event_sources.shard_reader import ShardReader

if TYPE_CHECKING:
    from emulator.live.event_sources.poller import Status
    from emulator.live.event_sources.shard_reader import Stream
    from emulator.live.event_sources.stream_api import ShardFacts

log = logging.getLogger(__name__)

_LOOK_FOR_SHARDS = 10.0
"""Seconds between two looks for new shards."""
_PAUSE = 1.0
"""Seconds after a fault of the stream."""


class StreamPoller:
    """Polls one stream; use from one event loop."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._followed: dict[str, asyncio.Task[None]] = {}
        self._ended: set[str] = set()
        self._one_ended = asyncio.Event()
        self._leaves = False

    @property
    def status(self) -> Status:
        return self._stream.status

    async def run(self) -> None:
        try:
            while not self._leaves:
                await self._round()
        finally:
            for task in self._followed.values():
                task.cancel()
            await asyncio.gather(*self._followed.values(), return_exceptions=True)

    async def _round(self) -> None:
        pause = _LOOK_FOR_SHARDS
        try:
            await self._follow_new_shards()
        except TestbedError as error:
            self.status.tell(f"PROBLEM: {error}")
            pause = _PAUSE
        try:
            async with asyncio.timeout(pause):
                await self._one_ended.wait()
        except TimeoutError:
            return
        self._one_ended.clear()

    def leave(self) -> None:
        self._leaves = True
        self._one_ended.set()

    async def drain(self) -> None:
        await self._stream.batches.wait()

    async def close(self) -> None:
        """Ends the batches that run; the next poller repeats them."""
        await self._stream.batches.cancel()

    async def _follow_new_shards(self) -> None:
        shards = await self._stream.api.shards()
        saved = await self._stream.positions.of(self._stream.mapping.id)
        self.status.has_begun = True
        self._ended |= {shard for shard, position in saved.items() if position.ended}
        unfinished = {shard.id for shard in shards} - self._ended
        for shard in shards:
            if shard.id in self._followed or shard.id in self._ended:
                continue
            if unfinished.isdisjoint(shard.parents):
                follow = self._follow(shard, saved.get(shard.id, Position()))
                self._followed[shard.id] = asyncio.get_running_loop().create_task(follow)

    async def _follow(self, shard: ShardFacts, position: Position) -> None:
        try:
            await ShardReader(self._stream, shard.id, position.sequence).run()
        except Exception:
            log.exception("reading shard %s of %s", shard.id, self._stream.mapping.source_arn)
            self.status.tell("PROBLEM: The emulator failed; its log says why.")
        else:
            self._ended.add(shard.id)
            self._one_ended.set()
