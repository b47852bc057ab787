"""Streams of moto's Kinesis and DynamoDB: order, retries, positions, failures told."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from emulator.live.invocation import Outcome
from tests.live.aws.stand_ins import ACCOUNT, REGION, StandIns
from tests.live.event_sources.mapped import (
    BOUND,
    ERROR,
    OK,
    Bench,
    Functions,
    Queue,
    Records,
    bench,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.event_sources.event_sources import Mapped

pytestmark = pytest.mark.anyio
START = {"StartingPosition": "TRIM_HORIZON"}


class KinesisStream:
    def __init__(self, others: StandIns, shards: int = 1) -> None:
        self.name = f"s-{uuid.uuid4().hex[:8]}"
        self.arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{self.name}"
        self.client = others.client("kinesis")
        self.client.create_stream(StreamName=self.name, ShardCount=shards)

    def put(self, *values: int, key: str = "k") -> None:
        for value in values:
            self.client.put_record(StreamName=self.name, Data=str(value), PartitionKey=key)


async def saved(here: Bench, mapping: Mapped) -> None:
    """Waits until a position is kept."""
    async with asyncio.timeout(BOUND):
        while not await here.sources._positions.of(mapping.key.name):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def values(records: Records) -> list[int]:
    return [int(base64.b64decode(record["kinesis"]["data"])) for record in records]


async def test_records_come_in_order_and_in_the_form_of_aws(
    others: StandIns, tmp_path: Path
) -> None:
    stream, functions = KinesisStream(others), Functions()
    stream.put(*range(5))
    async with bench(others, tmp_path, functions) as here:
        mapping = await here.mapped(stream.arn, BatchSize=2, **START)
        await until(lambda: len(functions.records) == 5)
        await until(lambda: mapping.last_result == "OK")
    assert values(functions.records) == list(range(5))
    assert [len(batch) for batch in functions.batches] == [2, 2, 1]
    record = functions.records[0]
    assert record["eventSource"] == "aws:kinesis"
    assert record["eventSourceARN"] == stream.arn
    assert record["eventID"] == f"shardId-000000000000:{record['kinesis']['sequenceNumber']}"
    assert record["invokeIdentityArn"] == f"arn:aws:iam::{ACCOUNT}:role/f"
    assert record["kinesis"]["partitionKey"] == "k"
    assert record["kinesis"]["approximateArrivalTimestamp"] > 1e9


async def test_failing_record_is_found_told_and_passed_by(others: StandIns, tmp_path: Path) -> None:
    def refuse_3(records: Records) -> Outcome:
        return ERROR if 3 in values(records) else OK

    stream, functions = KinesisStream(others), Functions(decide=refuse_3)
    failures = Queue(others)
    stream.put(*range(4))
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(
            stream.arn,
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": failures.arn}},
            **START,
        )
        await until(lambda: failures.left() == 1)
        stream.put(4)
        await until(lambda: 4 in values(functions.records))
    assert [values(batch) for batch in functions.batches] == [
        [0, 1, 2, 3],
        [0, 1],
        [2, 3],
        [2],
        [3],
        [4],
    ]
    told = json.loads(failures.client.receive_message(QueueUrl=failures.url)["Messages"][0]["Body"])
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["KinesisBatchInfo"]["batchSize"] == 1


async def test_records_are_tried_again_from_the_first_that_failed(
    others: StandIns, tmp_path: Path
) -> None:
    def fail_2_once(records: Records) -> Outcome:
        if 0 not in values(records):
            return OK
        failed = next(r["kinesis"]["sequenceNumber"] for r in records if values([r]) == [2])
        response = {"batchItemFailures": [{"itemIdentifier": failed}]}
        return Outcome("id", json.dumps(response).encode())

    stream, functions = KinesisStream(others), Functions(decide=fail_2_once)
    stream.put(*range(4))
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(stream.arn, FunctionResponseTypes=["ReportBatchItemFailures"], **START)
        await until(lambda: len(functions.batches) == 2)
    assert [values(batch) for batch in functions.batches] == [[0, 1, 2, 3], [2, 3]]


async def test_next_run_goes_on_where_the_last_was(others: StandIns, tmp_path: Path) -> None:
    stream, first = KinesisStream(others), Functions()
    stream.put(*range(3))
    async with bench(others, tmp_path, first) as here:
        mapping = await here.mapped(stream.arn, **START)
        await until(lambda: len(first.records) == 3)
        await saved(here, mapping)
    stream.put(3, 4)
    hanging = Functions(takes=60)
    async with bench(others, tmp_path, hanging):
        await until(lambda: hanging.batches)
    third = Functions()
    async with bench(others, tmp_path, third):
        await until(lambda: len(third.records) == 2)
    assert (values(hanging.records), values(third.records)) == ([3, 4], [3, 4])


async def test_latest_begins_with_the_mapping_and_misses_nothing_while_down(
    others: StandIns, tmp_path: Path
) -> None:
    stream, functions = KinesisStream(others), Functions()
    stream.put(1)
    await asyncio.sleep(1.1)  # moto's Kinesis and ours count whole seconds
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(stream.arn, StartingPosition="LATEST")
    stream.put(2)
    async with bench(others, tmp_path, functions):
        await until(lambda: functions.records)
    assert values(functions.records) == [2]


async def test_shards_and_lanes_run_side_by_side(others: StandIns, tmp_path: Path) -> None:
    stream, functions = KinesisStream(others, shards=2), Functions(held=asyncio.Event())
    for number in range(40):
        stream.put(number, key=f"k{number % 8}")
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(stream.arn, ParallelizationFactor=4, BatchSize=5, **START)
        await until(lambda: functions.running > 2)
        assert functions.held is not None
        functions.held.set()
        await until(lambda: len(functions.records) == 40)
    for key in range(8):
        seen = [value for value in values(functions.records) if value % 8 == key]
        assert seen == sorted(seen)


async def test_children_of_a_split_shard_come_after_it(others: StandIns, tmp_path: Path) -> None:
    stream, functions = KinesisStream(others), Functions()
    stream.put(*range(3))
    described = stream.client.describe_stream(StreamName=stream.name)["StreamDescription"]
    shard = described["Shards"][0]
    middle = str(int(shard["HashKeyRange"]["EndingHashKey"]) // 2)
    stream.client.split_shard(
        StreamName=stream.name, ShardToSplit=shard["ShardId"], NewStartingHashKey=middle
    )
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(stream.arn, **START)
        await until(lambda: len(functions.records) >= 3)
    assert values(functions.records)[:3] == [0, 1, 2]


async def test_records_that_no_filter_lets_through_are_passed_by(
    others: StandIns, tmp_path: Path
) -> None:
    stream, functions = KinesisStream(others), Functions()
    stream.put(*range(6))
    pattern = json.dumps({"partitionKey": ["wanted"]})
    stream.put(6, key="wanted")
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(stream.arn, FilterCriteria={"Filters": [{"Pattern": pattern}]}, **START)
        await until(lambda: functions.records)
    assert values(functions.records) == [6]


def table(others: StandIns) -> tuple[str, Any]:
    client = others.client("dynamodb")
    name = f"t-{uuid.uuid4().hex[:8]}"
    made = client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )

    def put(key: str, **attributes: Any) -> None:
        client.put_item(TableName=name, Item={"id": {"S": key}} | attributes)

    return made["TableDescription"]["LatestStreamArn"], put


async def test_changes_of_a_table_come_and_go_on_after_a_restart(
    others: StandIns, tmp_path: Path
) -> None:
    arn, put = table(others)
    functions = Functions(deque([ERROR]))
    put("a")
    put("a", n={"N": "1"})
    async with bench(others, tmp_path, functions) as here:
        mapping = await here.mapped(arn, **START)
        await until(lambda: len(functions.batches) == 2)
        await saved(here, mapping)
    first = functions.batches[-1]
    assert [record["eventName"] for record in first] == ["INSERT", "MODIFY"]
    assert first[1]["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}}
    assert first[0]["eventSourceARN"] == arn
    put("b")
    again = Functions()
    async with bench(others, tmp_path, again):
        await until(lambda: again.records)
    assert [record["dynamodb"]["Keys"] for record in again.records] == [{"id": {"S": "b"}}]


async def test_stream_that_is_not_there_is_told(others: StandIns, tmp_path: Path) -> None:
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/missing"
    async with bench(others, tmp_path, Functions()) as here:
        mapping = await here.mapped(arn, **START)
        assert mapping.last_result.startswith("PROBLEM: kinesis answered ResourceNotFound")


async def test_window_hands_its_state_from_batch_to_batch_and_is_told_of_its_end(
    others: StandIns, tmp_path: Path
) -> None:
    def count(event: dict[str, Any]) -> Outcome:
        total = event["state"].get("total", 0) + sum(values(event["Records"]))
        return Outcome("id", json.dumps({"state": {"total": total}}).encode())

    stream, functions = KinesisStream(others), Functions(answer=count)
    stream.put(*range(1, 6))
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(stream.arn, BatchSize=2, TumblingWindowInSeconds=1, **START)
        # the records may have come in two windows
        await until(lambda: sum(totals(functions)) == 15)
    for event in functions.events:
        assert event["shardId"].startswith("shardId-")
        assert event["eventSourceARN"] == stream.arn
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["window"]["start"])
        assert event["window"]["start"] < event["window"]["end"]
        assert not event["isWindowTerminatedEarly"]


def totals(functions: Functions) -> list[int]:
    """What each window that has ended had summed up."""
    ended = (one for one in functions.events if one["isFinalInvokeForWindow"])
    return [one["state"].get("total", 0) for one in ended]


async def test_answer_without_a_state_is_a_failure_of_a_windows_batch(
    others: StandIns, tmp_path: Path
) -> None:
    stream, functions = KinesisStream(others), Functions()
    failures = Queue(others)
    stream.put(1)
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(
            stream.arn,
            TumblingWindowInSeconds=1,
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": failures.arn}},
            **START,
        )
        await until(lambda: failures.left() == 1)
