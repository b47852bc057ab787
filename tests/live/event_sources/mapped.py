"""Event sources against moto, with functions that a test scripts."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.core.asynchronous.rules import EventSettings
from emulator.core.function_names import Scope
from emulator.live.aws.client import AwsClient
from emulator.live.event_sources.event_sources import SETTLED, EventSources, Mapped
from emulator.live.event_sources.positions import POSITIONS, Positions
from emulator.live.invocation import Outcome
from emulator.live.store.database import Database
from emulator.live.store.resources import RESOURCES, Resources
from tests.live.aws.stand_ins import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.live.aws.stand_ins import StandIns

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
OK = Outcome("id", b"null")
ERROR = Outcome("id", b'{"errorMessage": "no luck"}', "Unhandled")
BOUND = 60.0
Records = list[dict[str, Any]]


@dataclass
class Functions:
    """Answers in turn with what was scripted, then with what `decide` says of the records."""

    scripted: deque[Outcome | Exception] = field(default_factory=deque)
    decide: Callable[[Records], Outcome] = lambda _: OK
    answer: Callable[[dict[str, Any]], Outcome] | None = None
    """In place of `decide`, says something of the whole event."""
    takes: float = 0.0
    held: asyncio.Event | None = None
    """In place of `takes`: what every answer waits for."""
    events: list[dict[str, Any]] = field(default_factory=list)
    batches: list[Records] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    cancelled: int = 0

    def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        request_id: str = "",
        trace_id: str = "",
        client_context: str = "",
        tenant: str = "",
    ) -> Awaitable[Outcome]:
        del function_arn, request_id, client_context, tenant
        event = json.loads(payload)
        records = event["Records"]
        self.events.append(event)
        self.batches.append(records)
        self.traces.append(trace_id)
        if self.scripted:
            answer = self.scripted.popleft()
        else:
            answer = self.decide(records) if self.answer is None else self.answer(event)
        if isinstance(answer, Exception):
            raise answer
        return self._answer(answer)

    async def _answer(self, answer: Outcome) -> Outcome:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await (asyncio.sleep(self.takes) if self.held is None else self.held.wait())
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.running -= 1
        return answer

    def role(self, function_arn: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{function_arn.rpartition(':')[2]}"

    def settings(self, function_arn: str) -> EventSettings:
        del function_arn
        return EventSettings()

    @property
    def records(self) -> Records:
        return [record for batch in self.batches for record in batch]

    @property
    def bodies(self) -> list[str]:
        return [record["body"] for record in self.records]


@dataclass
class Bench:
    functions: Functions
    sources: EventSources

    async def mapped(self, source_arn: str, **members: Any) -> Mapped:
        """Makes a mapping and waits until it is enabled."""
        document = {"EventSourceArn": source_arn, "FunctionArn": ARN} | members
        mapping = await self.sources.create(Scope(), document)
        await until(lambda: mapping.state in SETTLED)
        return mapping


async def until(found: Callable[[], object]) -> None:
    """Waits until something is so; nothing tells a test."""
    async with asyncio.timeout(BOUND):
        while not found():  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # what is looked at may block the loop


@asynccontextmanager
async def bench(
    others: StandIns, folder: Path, functions: Functions, **more: Any
) -> AsyncIterator[Bench]:
    """Opens event sources whose state is in `folder`."""
    database = Database(folder / "state.db", [RESOURCES, POSITIONS])
    client = AwsClient(others.endpoints)
    sources = EventSources(
        resources=await Resources.open(database),
        positions=Positions(database),
        client=client,
        invoker=functions,
        wall_time=time.time,
        **more,
    )
    await sources.open()
    try:
        yield Bench(functions, sources)
    finally:
        async with asyncio.timeout(20):  # whatever the sources do
            await sources.close()
        await client.close()
        database.close()


@dataclass
class Queue:
    """A queue at moto, whose failed messages come again after half a minute, or when shown.

    A second would be over now and then before a message that was worked off is deleted.
    """

    others: StandIns
    fifo: bool = False
    visibility: int = 30

    def __post_init__(self) -> None:
        self.name = f"q-{uuid.uuid4().hex[:8]}" + (".fifo" if self.fifo else "")
        attributes = {"VisibilityTimeout": str(self.visibility)}
        if self.fifo:
            attributes |= {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        self.client = self.others.client("sqs")
        made = self.client.create_queue(QueueName=self.name, Attributes=attributes)
        self.url = made["QueueUrl"]

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    def send(self, *bodies: str, **more: Any) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body, **more)

    def show(self, record: dict[str, Any]) -> None:
        """Has a message that was received come again at once."""
        self.client.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )

    def left(self) -> int:
        """Returns how many messages are there, be they visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)
