"""Looks whether an event source is there and fits, before a mapping of it is made.

A source that does not answer refuses no mapping: its poller will tell. Sentences: as AWS's are
quoted in public issues (M).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.event_sources.mapping import Source, source_of
from emulator.errors import TestbedError
from emulator.live.aws.arn import Arn
from emulator.live.aws.client import SQS, ServiceCallError
from emulator.live.event_sources.stream_api import DynamoDbApi, KinesisApi

if TYPE_CHECKING:
    from emulator.live.aws.client import AwsClient

_VISIBILITY = "VisibilityTimeout"


class SourceCheck:
    """Asks the source itself."""

    def __init__(self, client: AwsClient) -> None:
        self._client = client

    async def faults(self, source_arn: str, function_timeout: int) -> list[str]:
        """Returns why a function of that timeout, in seconds, cannot be mapped to the source."""
        try:
            if source_of(source_arn) is Source.SQS:
                return await self._queue_faults(Arn.of(source_arn), function_timeout)
            kind = KinesisApi if source_of(source_arn) is Source.KINESIS else DynamoDbApi
            await kind(self._client, source_arn).shards()
        except ServiceCallError as error:
            return [_missing(source_arn, error)] if error.is_of_absence else []
        except TestbedError:
            return []
        return []

    async def _queue_faults(self, arn: Arn, function_timeout: int) -> list[str]:
        named = {"QueueName": arn.resource, "QueueOwnerAWSAccountId": arn.account}
        queue = await self._client.call(SQS, "GetQueueUrl", named, arn.place)
        asked = {"QueueUrl": queue["QueueUrl"], "AttributeNames": [_VISIBILITY]}
        found = await self._client.call(SQS, "GetQueueAttributes", asked, arn.place)
        visibility = int(found.get("Attributes", {}).get(_VISIBILITY, function_timeout))
        if visibility >= function_timeout:
            return []
        sentence = f"Queue visibility timeout: {visibility} seconds is less than Function timeout:"
        return [f"{sentence} {function_timeout} seconds"]


def _missing(source_arn: str, error: ServiceCallError) -> str:
    if source_of(source_arn) is Source.SQS:
        return (
            "Error occurred while ReceiveMessage. SQS Error Code: "
            "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does "
            "not exist for this wsdl version."
        )
    return f"Stream not found: {source_arn} ({error.detail})"
