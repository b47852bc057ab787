"""Queues of moto's SQS: batches, failures, order, filters, loops, and messages that come again."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.asynchronous.lineage import function_hash
from emulator.core.model import ThrottleReason
from emulator.errors import ResourceNotFoundError
from emulator.live.invocation import Outcome
from tests.live.aws.stand_ins import ACCOUNT, REGION, StandIns
from tests.live.event_sources.mapped import ARN, ERROR, Functions, Queue, Records, bench, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
THROTTLED = Outcome("id", throttle=ThrottleReason.RESERVED_CONCURRENCY)


async def test_message_comes_in_the_form_of_aws_and_is_deleted(
    others: StandIns, tmp_path: Path
) -> None:
    queue, functions = Queue(others), Functions()
    attributes = {"a": {"DataType": "String", "StringValue": "x"}}
    queue.send("hello", MessageAttributes=attributes)
    async with bench(others, tmp_path, functions) as here:
        mapping = await here.mapped(queue.arn)
        await until(lambda: queue.left() == 0)
        assert mapping.last_result == "OK"
    (record,) = functions.records
    assert record["body"] == "hello"
    assert record["eventSource"] == "aws:sqs"
    assert (record["eventSourceARN"], record["awsRegion"]) == (queue.arn, REGION)
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["a"] == {
        "stringValue": "x",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    assert {"messageId", "receiptHandle", "md5OfBody"} <= record.keys()


async def test_batches_are_no_larger_than_asked_for(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others), Functions()
    queue.send(*(str(number) for number in range(25)))
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(queue.arn, BatchSize=4)
        await until(lambda: queue.left() == 0)
    assert max(map(len, functions.batches)) == 4
    assert sorted(map(int, functions.bodies)) == list(range(25))


async def test_window_gathers_more_than_one_receive(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others), Functions()
    queue.send(*(str(number) for number in range(25)))
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(queue.arn, BatchSize=25, MaximumBatchingWindowInSeconds=60)
        await until(lambda: queue.left() == 0)
    assert [len(batch) for batch in functions.batches] == [25]


async def test_failed_batch_comes_again(others: StandIns, tmp_path: Path) -> None:
    queue = Queue(others)
    functions = Functions(deque([ERROR, THROTTLED, ResourceNotFoundError("gone")]))
    queue.send("a")
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(queue.arn)
        for number in range(1, 4):
            await until(lambda number=number: len(functions.bodies) == number)  # type: ignore[misc]
            assert queue.left() == 1
            queue.show(functions.records[-1])
        await until(lambda: queue.left() == 0)
    assert functions.bodies == ["a"] * 4


async def test_failed_messages_of_a_batch_come_again(others: StandIns, tmp_path: Path) -> None:
    def fail_b_once(records: Records) -> Outcome:
        failing = [{"itemIdentifier": r["messageId"]} for r in records if is_first_b(r)]
        return Outcome("id", json.dumps({"batchItemFailures": failing}).encode())

    def is_first_b(record: dict[str, Any]) -> bool:
        return record["body"] == "b" and record["attributes"]["ApproximateReceiveCount"] == "1"

    queue, functions = Queue(others), Functions(decide=fail_b_once)
    queue.send("a", "b", "c")
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(queue.arn, FunctionResponseTypes=["ReportBatchItemFailures"])
        await until(lambda: len(functions.bodies) == 3 and queue.left() == 1)
        queue.show(next(filter(is_first_b, functions.records)))
        await until(lambda: queue.left() == 0)
    assert sorted(functions.bodies) == ["a", "b", "b", "c"]


async def test_filtered_messages_are_deleted_and_not_seen(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others), Functions()
    queue.send('{"n": 1}', '{"n": 2}', "text")
    pattern = json.dumps({"body": {"n": [{"numeric": [">", 1]}]}})
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(queue.arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
        await until(lambda: queue.left() == 0)
    assert functions.bodies == ['{"n": 2}']


async def test_no_more_batches_run_at_once_than_asked_for(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others), Functions(held=asyncio.Event())
    queue.send(*(str(number) for number in range(12)))
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(queue.arn, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        await until(lambda: functions.running == 2)
        await asyncio.sleep(0.2)  # time enough for a third
        assert functions.held is not None
        functions.held.set()
        await until(lambda: queue.left() == 0)
    assert functions.most_running == 2


async def test_groups_of_a_fifo_queue_keep_their_order(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others, fifo=True), Functions(takes=0.01)
    for number in range(24):
        queue.send(f"{number}", MessageGroupId=f"g{number % 3}")
    async with bench(others, tmp_path, functions) as here:
        await here.mapped(queue.arn, BatchSize=2)
        await until(lambda: queue.left() == 0)
    for group in range(3):
        seen = [int(body) for body in functions.bodies if int(body) % 3 == group]
        assert seen == sorted(seen)
    assert len(functions.bodies) == 24


async def test_batch_without_a_trace_gets_one(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others), Functions()
    queue.send("a")
    async with bench(others, tmp_path, functions, most_in_a_loop=16) as here:
        await here.mapped(queue.arn, BatchSize=1)
        await until(lambda: functions.traces)
    root, parent, *_ = functions.traces[0].split(";")
    assert (root[:7], parent[:7]) == ("Root=1-", "Parent=")


async def test_loop_by_way_of_the_queue_is_stopped(others: StandIns, tmp_path: Path) -> None:
    queue, functions = Queue(others), Functions()
    trace = f"Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:{function_hash(ARN)}:"
    for count in (14, 15):
        header = {"AWSTraceHeader": {"DataType": "String", "StringValue": f"{trace}{count}"}}
        queue.send(str(count), MessageSystemAttributes=header)
    async with bench(others, tmp_path, functions, most_in_a_loop=16) as here:
        mapping = await here.mapped(queue.arn, BatchSize=1)
        await until(lambda: functions.batches and "loop" in mapping.last_result)
        await until(lambda: queue.left() == 1)
    assert functions.bodies == ["14"]
    assert functions.traces == [f"{trace}15"]
    assert queue.left() == 1


async def test_queue_that_is_not_there_is_told_and_polled_again(
    others: StandIns, tmp_path: Path
) -> None:
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:comes-later"
    async with bench(others, tmp_path, Functions()) as here:
        mapping = await here.mapped(arn)
        assert mapping.last_result.startswith("PROBLEM: sqs answered ")
        client = others.client("sqs")
        url = client.create_queue(QueueName="comes-later")["QueueUrl"]
        client.send_message(QueueUrl=url, MessageBody="a")
        await until(lambda: here.functions.bodies == ["a"])
        await until(lambda: mapping.last_result == "OK")


async def test_messages_of_a_killed_emulator_come_again(others: StandIns, tmp_path: Path) -> None:
    queue = Queue(others)
    queue.send("a")
    hanging = Functions(takes=600)
    async with bench(others, tmp_path, hanging) as here:
        await here.mapped(queue.arn)
        await until(lambda: hanging.batches)
    assert queue.left() == 1
    queue.show(hanging.records[0])
    functions = Functions()
    async with bench(others, tmp_path, functions):  # the mapping is there still
        await until(lambda: queue.left() == 0)
    assert functions.bodies == ["a"]


async def test_poller_waits_for_messages_instead_of_asking_again_and_again(
    others: StandIns, tmp_path: Path
) -> None:
    queue = Queue(others)
    async with bench(others, tmp_path, Functions()) as here:
        await here.mapped(queue.arn)
        asked: list[Any] = []
        client = here.sources._client
        call = client.call

        async def counted(*arguments: Any, **more: Any) -> dict[str, Any]:
            asked.append(arguments[1])
            return await call(*arguments, **more)

        client.call = counted  # type: ignore[method-assign]
        now = asyncio.get_running_loop().time
        began = now()
        await until(lambda: len(asked) == 3)
        assert now() - began > 1.5, "each waits for a second"
        assert set(asked) == {"ReceiveMessage"}
        queue.send("a")
        await until(lambda: here.functions.bodies == ["a"])
