"""Keeps one subscriber's events from their making to their delivery, in bounded memory.

At most one batch is on its way while the next one fills; what fits into neither is dropped, counted
and told, as the developer guide says of a subscriber that is too slow. Nothing here waits for a
subscriber but the one task that delivers, and `flush`. What is in an event is not known.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.live.runtime_api.delivery import NotDeliveredError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emulator.live.runtime_api.delivery import Delivery
    from emulator.live.runtime_api.subscription import Subscription

_BACKOFF = (0.1, 0.2, 0.4, 0.8)
"""Seconds before the second attempt, and so on to the last: a listener may come up late."""


class Subscriber:
    """Buffers and delivers the events of one subscription.

    `dropped` is called with how many records of how many bytes were dropped since its last call,
    and returns the events that tell the subscriber.
    """

    def __init__(
        self,
        name: str,
        subscription: Subscription,
        delivery: Delivery,
        dropped: Callable[[Subscriber, int, int], Sequence[bytes]],
    ) -> None:
        self.name = name
        self.subscription = subscription
        self._delivery = delivery
        self._dropped = dropped
        self._buffer: list[bytes] = []
        self._size = 0
        self._dropped_records = 0
        self._dropped_bytes = 0
        self._due = False
        """Whether the buffer is to be sent as soon as the batch before it has been."""
        self._timer: asyncio.TimerHandle | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._pauses = 0
        """How often deliveries were held back."""

    def put(self, event: bytes) -> None:
        """Takes one event as a JSON document. Returns at once."""
        if not self._fits(event):
            self._wake()
        if not self._fits(event):
            self.drop(1, len(event))
            return
        self._buffer.append(event)
        self._size += len(event)
        if self._is_full():
            self._wake()
        else:
            self._arm()

    def drop(self, records: int, size: int) -> None:
        """Counts records that could not be taken; `size` is in bytes."""
        self._dropped_records += records
        self._dropped_bytes += size

    def pause(self) -> None:
        """Holds deliveries back until `resume`: a frozen subscriber answers nothing by no fault."""
        self._thawed.clear()
        self._pauses += 1

    def resume(self) -> None:
        self._thawed.set()

    async def flush(self) -> None:
        """Waits until all events that were put before are delivered or given up."""
        self._wake()
        if self._delivering is not None:
            await asyncio.wait({self._delivering})

    async def close(self) -> None:
        """Drops the events that are not delivered yet."""
        if self._timer is not None:
            self._timer.cancel()
        if self._delivering is not None:
            self._delivering.cancel()
            await asyncio.wait({self._delivering})
        await self._delivery.close()

    def _fits(self, event: bytes) -> bool:
        limits = self.subscription.buffering
        if not self._buffer:
            return True  # one event may be larger than all that is buffered else
        return len(self._buffer) < limits.max_items and self._size + len(event) <= limits.max_bytes

    def _is_full(self) -> bool:
        limits = self.subscription.buffering
        return len(self._buffer) >= limits.max_items or self._size >= limits.max_bytes

    def _arm(self) -> None:
        if self._timer is None and self._delivering is None and self._buffer:
            delay = self.subscription.buffering.timeout_ms / 1000
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        """Delivers the buffered events, now or after the batch before them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._buffer:
            return
        if self._delivering is not None:
            self._due = True
        else:
            self._delivering = asyncio.create_task(self._deliver(self._take()))

    def _take(self) -> list[bytes]:
        batch, self._buffer = self._buffer, []
        self._size = 0
        self._due = False
        if self._dropped_records:
            records, size = self._dropped_records, self._dropped_bytes
            self._dropped_records = self._dropped_bytes = 0
            batch.extend(self._dropped(self, records, size))
        return batch

    async def _deliver(self, batch: list[bytes]) -> None:
        try:
            while batch:
                if not await self._sent(batch):
                    self.drop(len(batch), sum(map(len, batch)))
                batch = self._take() if self._due or self._is_full() else []
        finally:
            self._delivering = None
        self._arm()

    async def _sent(self, batch: list[bytes]) -> bool:
        failures = 0
        while True:
            await self._thawed.wait()
            pauses = self._pauses
            try:
                await self._delivery.send(batch)
            except NotDeliveredError:
                if self._pauses > pauses:
                    continue  # the sandbox was frozen meanwhile: no attempt at all
                if failures == len(_BACKOFF):
                    return False
                await asyncio.sleep(_BACKOFF[failures])
                failures += 1
            else:
                return True
