"""Delivers the records of ended events to destinations, and discarded events to dead letters.

What is sent is the core's to say (`core.asynchronous.invocation_record`); here it is sent, and
tried again where the other side does not take it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.invocation_record import (
    bus_entry,
    dead_letter_attributes,
    invocation_record,
    object_key,
)
from emulator.errors import EndpointError, TestbedError
from emulator.live.asynchronous.observations import Observed, observe_nothing
from emulator.live.aws.arn import Arn
from emulator.live.aws.client import EVENTS, SQS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from emulator.core.asynchronous.invocation_record import Ended
    from emulator.core.asynchronous.rules import EventSettings
    from emulator.live.asynchronous.observations import Observe
    from emulator.live.aws.client import AwsClient

    Accept = Callable[[str, bytes, str], Awaitable[object]]
    """Queues an event for a function: its ARN, the payload and the trace."""

log = logging.getLogger(__name__)

_PAUSES = (1.0, 5.0)
"""Seconds between deliveries that fail; how often AWS tries is not published."""


class Destinations:
    """Sends to SQS, SNS, S3, EventBridge and functions; a failure is told in the log alone."""

    def __init__(
        self, client: AwsClient, accept: Accept, observe: Observe = observe_nothing
    ) -> None:
        """Takes the client, which stays its owner's, and what queues events for functions."""
        self._client = client
        self._accept = accept
        self._observe = observe

    async def deliver(
        self, ended: Ended, asked: EventSettings, trace_id: str, at: datetime | None = None
    ) -> list[str]:
        """Sends what a function's settings ask for; returns a sentence for each failure."""
        moment = at or datetime.now(UTC)
        timestamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        failures = []
        succeeded = ended.condition is Condition.SUCCESS
        if destination := asked.on_success if succeeded else asked.on_failure:
            told = await self._tried(
                destination, lambda: self._record(destination, ended, timestamp, trace_id)
            )
            if told:
                self._observe(ended.function_arn, Observed.RECORDS_LOST, 1)
            failures += told
        if asked.dead_letters and not succeeded:
            told = await self._tried(
                asked.dead_letters, lambda: self._dead_letter(asked.dead_letters, ended)
            )
            if told:
                self._observe(ended.function_arn, Observed.DEAD_LETTERS_LOST, 1)
            failures += told
        return failures

    async def _tried(self, destination: str, send: Callable[[], Awaitable[None]]) -> list[str]:
        for pause in (*_PAUSES, None):
            try:
                await send()
            except TestbedError as error:
                if pause is None:
                    sentence = f"{destination} did not get the record of an event: {error}"
                    log.warning("%s", sentence)
                    return [sentence]
                await asyncio.sleep(pause)
            else:
                break
        return []

    async def _record(self, destination: str, ended: Ended, timestamp: str, trace_id: str) -> None:
        arn = Arn.of(destination)
        record = invocation_record(ended, timestamp)
        body = json.dumps(record)
        match arn.service:
            case "sqs":
                await self._to_queue(arn, body, {})
            case "sns":
                await self._client.publish(destination, body, {}, arn.place)
            case "lambda":
                await self._accept(destination, body.encode(), trace_id)
            case "events":
                await self._to_bus(arn, bus_entry(record, destination))
            case "s3":
                key = object_key(ended, timestamp, str(uuid.uuid4()))
                place = Arn.of(ended.function_arn).place
                await self._client.put_object(arn.resource, key, body.encode(), place)
            case _:
                raise EndpointError(f"{arn.service} is no destination")

    async def _dead_letter(self, destination: str, ended: Ended) -> None:
        arn = Arn.of(destination)
        body = ended.payload.decode(errors="replace")
        attributes = dead_letter_attributes(ended)
        if arn.service == "sns":
            await self._client.publish(destination, body, attributes, arn.place)
        else:
            await self._to_queue(arn, body, attributes)

    async def _to_queue(self, arn: Arn, body: str, attributes: Mapping[str, Any]) -> None:
        named = {"QueueName": arn.resource, "QueueOwnerAWSAccountId": arn.account}
        queue = await self._client.call(SQS, "GetQueueUrl", named, arn.place)
        message: dict[str, Any] = {"QueueUrl": queue["QueueUrl"], "MessageBody": body}
        if attributes:
            message["MessageAttributes"] = attributes
        await self._client.call(SQS, "SendMessage", message, arn.place)

    async def _to_bus(self, arn: Arn, entry: dict[str, Any]) -> None:
        told = await self._client.call(EVENTS, "PutEvents", {"Entries": [entry]}, arn.place)
        if told.get("FailedEntryCount"):
            raise EndpointError(f"EventBridge refused the entry: {told.get('Entries')}")
