"""Records of ended events at moto's SQS, SNS, S3 and EventBridge, and at functions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.invocation_record import Ended, LastAttempt
from emulator.core.asynchronous.rules import EventSettings
from emulator.live.asynchronous import destinations as module
from emulator.live.asynchronous.destinations import Destinations
from emulator.live.aws.client import AwsClient
from tests.live.asynchronous.queued import ARN
from tests.live.aws.stand_ins import ACCOUNT, REGION, StandIns, stand_ins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.anyio

AT = datetime(2026, 11, 27, 9, 30, 1, 500_000, tzinfo=UTC)
ERROR = LastAttempt(200, "Unhandled", "$LATEST", b'{"errorMessage": "no luck"}')
FAILED = Ended("id-1", ARN, Condition.RETRIES_EXHAUSTED, 3, b'{"a": 1}', ERROR)
SUCCEEDED = replace(FAILED, condition=Condition.SUCCESS, last=LastAttempt(payload=b"5"))


@pytest.fixture(scope="module")
def others() -> Iterator[StandIns]:
    with stand_ins() as here:
        yield here


class Bench:
    def __init__(self, client: AwsClient) -> None:
        self.accepted: list[tuple[str, bytes, str]] = []
        self.destinations = Destinations(client, self._accept)

    async def _accept(self, arn: str, payload: bytes, trace_id: str) -> None:
        self.accepted.append((arn, payload, trace_id))

    async def deliver(self, ended: Ended, **asked: str) -> list[str]:
        return await self.destinations.deliver(ended, EventSettings(**asked), "Root=1", AT)  # type: ignore[arg-type]


@pytest.fixture
async def bench(others: StandIns, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "_PAUSES", (0.0,))
    client = AwsClient(others.endpoints)
    yield Bench(client)
    await client.close()


def queue(others: StandIns, name: str) -> tuple[str, Any]:
    """Makes a queue; its ARN, and what receives a message of it."""
    client = others.client("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]

    def receive() -> list[dict[str, Any]]:
        asked = {"QueueUrl": url, "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10}
        found: list[dict[str, Any]] = client.receive_message(**asked).get("Messages", [])
        return found

    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", receive


async def test_queue_gets_the_record(others: StandIns, bench: Bench) -> None:
    arn, receive = queue(others, "failures")
    assert await bench.deliver(FAILED, on_failure=arn) == []
    record = json.loads(receive()[0]["Body"])
    assert record["timestamp"] == "2026-11-27T09:30:01.500Z"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"] == {"errorMessage": "no luck"}


async def test_success_and_failure_go_their_own_ways(others: StandIns, bench: Bench) -> None:
    good, receive_good = queue(others, "good")
    bad, receive_bad = queue(others, "bad")
    dead, receive_dead = queue(others, "dead-of-both")
    await bench.deliver(SUCCEEDED, on_success=good, on_failure=bad, dead_letters=dead)
    assert (len(receive_good()), receive_bad(), receive_dead()) == (1, [], [])
    await bench.deliver(FAILED, on_success=good, on_failure=bad, dead_letters=dead)
    assert (receive_good(), len(receive_bad()), len(receive_dead())) == ([], 1, 1)


async def test_dead_letter_is_the_event_with_its_attributes(others: StandIns, bench: Bench) -> None:
    arn, receive = queue(others, "dead")
    await bench.deliver(FAILED, dead_letters=arn)
    message = receive()[0]
    assert message["Body"] == '{"a": 1}'
    attributes = {
        name: (value["DataType"], value["StringValue"])
        for name, value in message["MessageAttributes"].items()
    }
    assert attributes == {
        "RequestID": ("String", "id-1"),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "no luck"),
    }


async def test_topic_gets_records_and_dead_letters(others: StandIns, bench: Bench) -> None:
    queue_arn, receive = queue(others, "of-topic")
    sns = others.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    assert await bench.deliver(FAILED, on_failure=topic, dead_letters=topic) == []
    bodies = [json.loads(message["Body"]) for message in receive()]
    assert json.loads(bodies[0]["Message"])["requestContext"]["requestId"] == "id-1"
    assert bodies[1]["Message"] == '{"a": 1}'
    assert bodies[1]["MessageAttributes"]["RequestID"]["Value"] == "id-1"


async def test_bucket_gets_an_object_named_by_function_and_time(
    others: StandIns, bench: Bench
) -> None:
    s3 = others.client("s3")
    s3.create_bucket(Bucket="records")
    assert await bench.deliver(FAILED, on_failure="arn:aws:s3:::records") == []
    listed = s3.list_objects_v2(Bucket="records")["Contents"]
    assert listed[0]["Key"].startswith("aws/lambda/async/f/2026/11/27/2026-11-27T09.30.01-")
    body = s3.get_object(Bucket="records", Key=listed[0]["Key"])["Body"].read()
    assert json.loads(body)["requestPayload"] == {"a": 1}


async def test_bus_gets_an_event_that_a_rule_can_match(others: StandIns, bench: Bench) -> None:
    queue_arn, receive = queue(others, "of-bus")
    events = others.client("events")
    bus = events.create_event_bus(Name="b")["EventBusArn"]
    pattern = {"detail-type": ["Lambda Function Invocation Result - Failure"]}
    events.put_rule(Name="r", EventBusName="b", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="r", EventBusName="b", Targets=[{"Id": "1", "Arn": queue_arn}])
    assert await bench.deliver(FAILED, on_failure=bus) == []
    told = json.loads(receive()[0]["Body"])
    assert (told["source"], told["resources"]) == ("lambda", [bus, f"{ARN}:$LATEST"])
    assert told["detail"]["requestContext"]["condition"] == "RetriesExhausted"


async def test_function_gets_the_record_as_an_event_with_the_trace(bench: Bench) -> None:
    other = f"{ARN}-two"
    assert await bench.deliver(SUCCEEDED, on_success=other) == []
    arn, payload, trace_id = bench.accepted[0]
    assert (arn, trace_id) == (other, "Root=1")
    assert json.loads(payload)["responsePayload"] == 5


async def test_destination_that_is_not_there_is_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    missing = f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing"
    (sentence,) = await bench.deliver(FAILED, on_failure=missing)
    assert sentence.startswith(f"{missing} did not get the record of an event: sqs answered ")
    assert sentence in caplog.text
    assert len(await bench.deliver(FAILED, on_failure="no arn", dead_letters="nor this")) == 2
