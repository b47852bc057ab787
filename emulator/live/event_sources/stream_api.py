"""Reads shards of Kinesis and of DynamoDB streams, in one form."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from emulator.core.event_sources.shard import StreamRecord
from emulator.live.aws.arn import Arn
from emulator.live.aws.client import DYNAMODB_STREAMS, KINESIS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.aws.client import AwsClient


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """Holds a shard's name and the shards whose records come before its own."""

    id: str
    parents: tuple[str, ...] = ()


class StreamApi(Protocol):
    """Reads one stream.

    Every call raises an EndpointError or a CompanionError where the stream cannot be read.
    """

    async def shards(self) -> list[ShardFacts]:
        """Returns the stream's shards, those that were split or merged included."""

    async def iterator(self, shard: str, after: str, since: float | None) -> str:
        """Returns where to read: after a sequence number, else since a time, else from the start.

        `since` is in seconds since the epoch; a stream that cannot look for a time begins at its
        start.
        """

    async def records(
        self, shard: str, iterator: str, most: int
    ) -> tuple[list[StreamRecord], str | None]:
        """Returns records of a shard, and where the next are; None at the end of the shard."""

    def filtered_form(self, record: StreamRecord) -> Mapping[str, Any]:
        """Returns a record as filters see it."""


class KinesisApi:
    """Reads a Kinesis stream."""

    def __init__(
        self, client: AwsClient, stream_arn: str, role: Callable[[], str] = lambda: ""
    ) -> None:
        """Takes what tells the ARN of the function's `role`, which each event has."""
        self._role = role
        self._client = client
        self._stream_arn = stream_arn
        self._arn = Arn.of(stream_arn)
        self._name = self._arn.resource.removeprefix("stream/")

    async def shards(self) -> list[ShardFacts]:
        found: list[ShardFacts] = []
        members: dict[str, Any] = {"StreamName": self._name}
        while True:
            page = await self._client.call(KINESIS, "ListShards", members, self._arn.place)
            found += [_kinesis_shard(shard) for shard in page["Shards"]]
            if not page.get("NextToken"):
                return found
            members = {"NextToken": page["NextToken"]}

    async def iterator(self, shard: str, after: str, since: float | None) -> str:
        members: dict[str, Any] = {"StreamName": self._name, "ShardId": shard}
        if after:
            members |= {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": after,
            }
        elif since is not None:
            members |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
        else:
            members["ShardIteratorType"] = "TRIM_HORIZON"
        found = await self._client.call(KINESIS, "GetShardIterator", members, self._arn.place)
        return str(found["ShardIterator"])

    async def records(
        self, shard: str, iterator: str, most: int
    ) -> tuple[list[StreamRecord], str | None]:
        members = {"ShardIterator": iterator, "Limit": most}
        found = await self._client.call(KINESIS, "GetRecords", members, self._arn.place)
        records = [self._record(shard, one) for one in found["Records"]]
        return records, found.get("NextShardIterator")

    def _record(self, shard: str, record: Mapping[str, Any]) -> StreamRecord:
        sequence = record["SequenceNumber"]
        arrived_at = float(record.get("ApproximateArrivalTimestamp") or 0)
        body = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": sequence,
                "data": record["Data"],
                "approximateArrivalTimestamp": arrived_at,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self._role(),
            "awsRegion": self._arn.region,
            "eventSourceARN": self._stream_arn,
        }
        size = len(record["Data"]) + len(record["PartitionKey"])
        return StreamRecord(sequence, record["PartitionKey"], arrived_at, size, body)

    def filtered_form(self, record: StreamRecord) -> Mapping[str, Any]:
        data = base64.b64decode(record.body["kinesis"]["data"]).decode(errors="replace")
        return {**record.body, **record.body["kinesis"], "data": data}


class DynamoDbApi:
    """Reads a stream of a DynamoDB table."""

    def __init__(self, client: AwsClient, stream_arn: str) -> None:
        self._client = client
        self._stream_arn = stream_arn
        self._place = Arn.of(stream_arn).place

    async def shards(self) -> list[ShardFacts]:
        found: list[ShardFacts] = []
        members: dict[str, Any] = {"StreamArn": self._stream_arn}
        while True:
            page = (await self._call("DescribeStream", members))["StreamDescription"]
            found += [_dynamodb_shard(shard) for shard in page["Shards"]]
            last = page.get("LastEvaluatedShardId")
            if not last:
                return found
            members = {"StreamArn": self._stream_arn, "ExclusiveStartShardId": last}

    async def iterator(self, shard: str, after: str, since: float | None) -> str:
        del since  # these streams know no time
        members = {"StreamArn": self._stream_arn, "ShardId": shard}
        if after:
            members |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        else:
            members["ShardIteratorType"] = "TRIM_HORIZON"
        return str((await self._call("GetShardIterator", members))["ShardIterator"])

    async def records(
        self, shard: str, iterator: str, most: int
    ) -> tuple[list[StreamRecord], str | None]:
        del shard
        found = await self._call(
            "GetRecords", {"ShardIterator": iterator, "Limit": min(most, 1000)}
        )
        return [self._record(one) for one in found["Records"]], found.get("NextShardIterator")

    async def _call(self, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
        return await self._client.call(DYNAMODB_STREAMS, operation, members, self._place)

    def _record(self, record: Mapping[str, Any]) -> StreamRecord:
        change = record["dynamodb"]
        body = {**record, "eventSourceARN": self._stream_arn}
        return StreamRecord(
            change["SequenceNumber"],
            json.dumps(change.get("Keys"), sort_keys=True),
            float(change.get("ApproximateCreationDateTime") or 0),
            len(json.dumps(record)),
            body,
        )

    def filtered_form(self, record: StreamRecord) -> Mapping[str, Any]:
        found: Mapping[str, Any] = record.body
        return found


def _kinesis_shard(shard: Mapping[str, Any]) -> ShardFacts:
    parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return ShardFacts(shard["ShardId"], tuple(parent for parent in parents if parent))


def _dynamodb_shard(shard: Mapping[str, Any]) -> ShardFacts:
    parent = shard.get("ParentShardId")
    return ShardFacts(shard["ShardId"], (parent,) if parent else ())
