"""Polls an SQS queue for one mapping: receives, gathers, invokes, deletes.

A message is deleted after its success, so that one whose function fails, or whose emulator is
killed, comes again when its visibility timeout is over. Source: the developer guide, "Using Lambda
with Amazon SQS" (order of groups, partial failures, filtered messages are deleted).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
from typing import TYPE_CHECKING, Any

from emulator.core.asynchronous.pace import Pace
from emulator.core.event_sources.filters import passes
from emulator.core.event_sources.gathering import Gathering
from emulator.core.event_sources.responses import failed_records
from emulator.core.event_sources.scaling import most_batches
from emulator.errors import TestbedError
from emulator.live.aws.arn import Arn
from emulator.live.aws.client import CALL_LIMIT, SQS
from emulator.live.event_sources.message import record_of
from emulator.live.event_sources.poller import Attempt, Batches, Status, attempt

if TYPE_CHECKING:
    from emulator.core.event_sources.mapping import SourceMapping
    from emulator.live.asynchronous.invoker import Invoker
    from emulator.live.aws.client import AwsClient

log = logging.getLogger(__name__)

_MOST_RECEIVED = 10
"""Messages that SQS gives, and deletes, in one call."""
_LONGEST_POLL = 1
"""Seconds for which a receiver waits; SQS would allow 20.

Messages that come while a killed emulator's receiver still waits are hidden for their visibility
timeout, since a queue does not notice that nobody is there.
"""
_HELD = 0.25
"""Seconds between two looks into a queue whose groups are held up."""
_PAUSE = 1.0
"""Seconds after a fault of the queue."""
_GROUP, _TRACE = "MessageGroupId", "AWSTraceHeader"

Message = dict[str, Any]


class QueuePoller:
    """Polls one queue; use from one event loop."""

    def __init__(
        self,
        mapping: SourceMapping,
        client: AwsClient,
        invoker: Invoker,
        *,
        most_in_a_loop: int = 0,
        dilation: float = 1.0,
    ) -> None:
        self.status = Status()
        self._mapping = mapping
        self._client = client
        self._invoker = invoker
        self._most_in_a_loop = most_in_a_loop
        self._dilation = dilation
        self._arn = Arn.of(mapping.source_arn)
        self._queue = ""
        self._batches = Batches()
        self._pace = Pace(most_batches(math.inf, mapping.most_at_once))
        self._gathering: Gathering[Message] = Gathering(mapping.batch_size, mapping.window)
        self._groups: dict[str, asyncio.Task[None]] = {}
        """The last batch of each message group that is running."""
        self._busy_since: float | None = None
        self._leaves = False
        self._has_failed = False
        """Whether messages failed since the last ones came, so that they hold up their groups."""

    async def run(self) -> None:
        while not self._leaves:
            try:
                await self._round()
            except TestbedError as error:
                self.status.tell(f"PROBLEM: {error}")
                self._queue = ""  # it may come back with another address
                await asyncio.sleep(_PAUSE)

    def leave(self) -> None:
        # a receive that is broken off would hide the messages that the queue gives to nobody
        self._leaves = True
        self._batches.ended.set()

    async def drain(self) -> None:
        await self._batches.wait()

    async def close(self) -> None:
        """Ends the batches that run; their messages come again."""
        await self._batches.cancel()

    # receiving

    def _now(self) -> float:
        return asyncio.get_running_loop().time() / self._dilation

    async def _round(self) -> None:
        await self._room()
        if self._leaves:
            return
        received = await self._receive()
        if received:
            self._has_failed = False
        elif self._holds_groups():
            await self._batch_ended(_HELD)
        now = self._now()
        self._busy_since = (self._busy_since or now) if received else None
        await self._delete([one for one in received if not self._passes(one)])
        for message in filter(self._passes, received):
            if batch := self._gathering.add(message, len(json.dumps(message)), now):
                self._begin(batch)
        if self._gathering.is_due(self._now()):
            self._begin(self._gathering.take())

    async def _room(self) -> None:
        """Waits until one more batch may run."""
        while not (self._has_room() or self._leaves):
            await self._batch_ended(None)

    async def _batch_ended(self, patience: float | None) -> None:
        """Waits until a batch ends, for `patience` seconds at most."""
        self._batches.ended.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._batches.ended.wait()

    def _holds_groups(self) -> bool:
        """Returns whether a queue's next messages may wait for the end of others.

        That end wakes up no receiver at moto, whose server is busy all the time that one waits.
        """
        return self._mapping.is_fifo and (self._has_failed or bool(self._batches.running))

    def _has_room(self) -> bool:
        busy_for = 0.0 if self._busy_since is None else self._now() - self._busy_since
        bound = most_batches(busy_for, self._mapping.most_at_once)
        return self._pace.admits() and self._pace.running < bound

    async def _receive(self) -> list[Message]:
        if not self._queue:
            named = {"QueueName": self._arn.resource, "QueueOwnerAWSAccountId": self._arn.account}
            found = await self._client.call(SQS, "GetQueueUrl", named, self._arn.place)
            self._queue = found["QueueUrl"]
            self.status.has_begun = True
        due = self._gathering.due()
        left = _LONGEST_POLL if due is None else max(0.0, due - self._now()) * self._dilation
        if due is not None and left < 1:  # SQS waits for whole seconds
            await asyncio.sleep(left)
            left = 0
        wait = 0 if self._holds_groups() else min(_LONGEST_POLL, int(left))
        room = self._mapping.batch_size - len(self._gathering)
        members = {
            "QueueUrl": self._queue,
            "MaxNumberOfMessages": max(1, min(_MOST_RECEIVED, room)),
            "WaitTimeSeconds": wait,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        found = await self._client.call(
            SQS, "ReceiveMessage", members, self._arn.place, limit=wait + CALL_LIMIT
        )
        return found.get("Messages") or []

    def _passes(self, message: Message) -> bool:
        return passes(self._mapping, record_of(message, self._arn, self._mapping.source_arn))

    # batches

    def _begin(self, batch: list[Message]) -> None:
        self._pace.began()
        groups = self._groups_of(batch)
        before = {self._groups[group] for group in groups if group in self._groups}
        task = self._batches.begin(self._process(batch, before))
        for group in groups:
            self._groups[group] = task
        task.add_done_callback(lambda done: self._forget(groups, done))

    def _groups_of(self, batch: list[Message]) -> set[str]:
        if not self._mapping.is_fifo:
            return set()
        return {message.get("Attributes", {}).get(_GROUP, "") for message in batch}

    def _forget(self, groups: set[str], task: asyncio.Task[None]) -> None:
        for group in groups:
            if self._groups.get(group) is task:
                del self._groups[group]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a batch of %s failed", self._mapping.source_arn, exc_info=error)

    async def _process(self, batch: list[Message], before: set[asyncio.Task[None]]) -> None:
        done = Attempt(succeeded=False)
        try:
            if before:
                await asyncio.wait(before)
            done = await self._invoked(batch)
        finally:
            self._pace.ended(refused=done.refused)
        if not done.succeeded:
            self._has_failed = True
            return  # they come again
        failed: frozenset[str] = frozenset()
        if self._mapping.reports_failures and done.outcome is not None:
            ids = [message["MessageId"] for message in batch]
            failed = failed_records(done.outcome.payload, ids)
        self._has_failed = self._has_failed or bool(failed)
        try:
            await self._delete([one for one in batch if one["MessageId"] not in failed])
        except TestbedError as error:
            self.status.tell(f"PROBLEM: {error}")

    async def _invoked(self, batch: list[Message]) -> Attempt:
        arn = self._mapping.source_arn
        event = {"Records": [record_of(message, self._arn, arn) for message in batch]}
        traces = (message.get("Attributes", {}).get(_TRACE, "") for message in batch)
        return await attempt(
            self._invoker,
            self._mapping,
            json.dumps(event).encode(),
            self.status,
            trace_id=max(traces, default="", key=len),
            most_in_a_loop=self._most_in_a_chain(),
        )

    def _most_in_a_chain(self) -> int:
        asked = self._invoker.settings(self._mapping.function_arn)
        return 0 if asked.allows_loops else self._most_in_a_loop

    async def _delete(self, messages: list[Message]) -> None:
        for first in range(0, len(messages), _MOST_RECEIVED):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[first : first + _MOST_RECEIVED])
            ]
            members = {"QueueUrl": self._queue, "Entries": entries}
            await self._client.call(SQS, "DeleteMessageBatch", members, self._arn.place)
