"""Tells on-failure destinations of stream records that were discarded."""

from __future__ import annotations

import json
import logging
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulator.core.event_sources.failure_record import failure_record, object_key
from emulator.errors import EndpointError, TestbedError
from emulator.live.aws.arn import Arn
from emulator.live.aws.client import SQS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from emulator.core.event_sources.failure_record import Told
    from emulator.core.event_sources.mapping import SourceMapping
    from emulator.core.event_sources.shard import Discarded
    from emulator.live.aws.client import AwsClient

log = logging.getLogger(__name__)


class DiscardedBatches:
    """Sends records to SQS, SNS and S3; a failure is told in the log alone."""

    def __init__(self, client: AwsClient, wall_time: Callable[[], float] = time.time) -> None:
        self._client = client
        self._wall_time = wall_time

    async def tell(
        self, mapping: SourceMapping, shard: str, discarded: Discarded, told: Told
    ) -> None:
        """Sends what a mapping's owner asked for about discarded records."""
        log.warning(
            "%d records of %s are discarded: %s",
            len(discarded.batch.records),
            mapping.source_arn,
            discarded.why,
        )
        if not mapping.on_failure:
            return
        record = failure_record(mapping, shard, discarded, told, now=self._wall_time(), iso=iso)
        try:
            await self._send(mapping, shard, discarded, record)
        except TestbedError as error:
            log.warning("%s was not told of them: %s", mapping.on_failure, error)

    async def _send(
        self, mapping: SourceMapping, shard: str, discarded: Discarded, record: dict[str, Any]
    ) -> None:
        arn = Arn.of(mapping.on_failure)
        match arn.service:
            case "sqs":
                named = {"QueueName": arn.resource, "QueueOwnerAWSAccountId": arn.account}
                queue = await self._client.call(SQS, "GetQueueUrl", named, arn.place)
                message = {"QueueUrl": queue["QueueUrl"], "MessageBody": json.dumps(record)}
                await self._client.call(SQS, "SendMessage", message, arn.place)
            case "sns":
                await self._client.publish(mapping.on_failure, json.dumps(record), {}, arn.place)
            case "s3":
                key = object_key(mapping, shard, record["timestamp"], str(uuid.uuid4()))
                # an object has room for the records themselves
                event = {"Records": [one.body for one in discarded.batch.records]}
                body = json.dumps(record | {"payload": json.dumps(event)}).encode()
                place = Arn.of(mapping.source_arn).place
                await self._client.put_object(arn.resource, key, body, place)
            case _:
                raise EndpointError(f"{arn.service} is no destination")


def iso(at: float) -> str:
    """Returns seconds since the epoch as ISO 8601 with milliseconds."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
