"""What happens at the companion invokes functions: S3, SNS, EventBridge, schedules."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import boto3
import pytest

from emulator.live.companion.process import Companion

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.anyio

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:abcdef01:3"
SPEEDUP = 120.0
HIDDEN = 2
"""Seconds for which messages that were taken are hidden."""
_BOUND = 60.0


@dataclass
class Sent:
    function: str
    headers: dict[str, str]
    event: Any


@dataclass
class Gateway:
    """Takes events as the emulator's Invoke does."""

    url: str = ""
    sent: list[Sent] = field(default_factory=list)

    def wait(self, count: int = 1, function: str = "") -> list[Sent]:
        """Returns what was sent, to this function unless that is empty, when there is so much."""
        bound = time.monotonic() + _BOUND
        while len(found := [one for one in self.sent if one.function.startswith(function)]) < count:
            assert time.monotonic() < bound, self.sent
            time.sleep(0.01)
        return found


@pytest.fixture(scope="module")
def served() -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            name = unquote(self.path).split("/")[3]
            gateway.sent.append(Sent(name, headers, json.loads(body)))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield gateway
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gateway(served: Gateway) -> Gateway:
    served.sent.clear()
    return served


@pytest.fixture(scope="module")
async def companion(
    served: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    log = tmp_path_factory.mktemp("companion") / "companion.log"
    here = Companion(log, gateway=served.url, speedup=SPEEDUP)
    yield await here.url()
    await here.close()


def client(url: str, service: str, trace: str = "") -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    made = boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)

    def add(params: Any, **_: Any) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = trace

    if trace:
        made.meta.events.register_first("before-call", add)
    return made


async def test_object_in_a_bucket_invokes_a_function(companion: str, gateway: Gateway) -> None:
    s3 = client(companion, "s3", TRACE)
    s3.create_bucket(Bucket="bucket")
    configuration = {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="bucket", NotificationConfiguration={"LambdaFunctionConfigurations": [configuration]}
    )
    gateway.sent.clear()  # AWS sends no test event to functions
    s3.put_object(Bucket="bucket", Key="a/k.txt", Body=b"hello")
    (sent,) = gateway.wait()
    assert sent.function == FUNCTION
    assert sent.headers["x-amz-invocation-type"] == "Event"
    assert sent.headers["x-amzn-trace-id"] == TRACE
    (record,) = sent.event["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["object"]["size"] == 5


async def test_message_of_a_topic_invokes_its_subscribers(companion: str, gateway: Gateway) -> None:
    sns = client(companion, "sns", TRACE)
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"{FUNCTION}:live")
    attributes = {"a": {"DataType": "String", "StringValue": "x"}}
    sns.publish(TopicArn=topic, Message="hello", Subject="s", MessageAttributes=attributes)
    (sent,) = gateway.wait()
    assert sent.function == f"{FUNCTION}:live"
    assert sent.headers["x-amzn-trace-id"] == TRACE
    (record,) = sent.event["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["Sns"]["TopicArn"] == topic
    assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("hello", "s")
    assert record["Sns"]["MessageAttributes"] == {"a": {"Type": "String", "Value": "x"}}


async def test_message_of_a_queue_keeps_the_trace_of_its_sender(companion: str) -> None:
    sqs = client(companion, "sqs", TRACE)
    url = sqs.create_queue(QueueName="traced")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "b"}])
    asked = {"QueueUrl": url, "AttributeNames": ["All"], "MaxNumberOfMessages": 10}
    messages = sqs.receive_message(**asked)["Messages"]
    assert [one["Attributes"]["AWSTraceHeader"] for one in messages] == [TRACE] * 2


def put_rule(events: Any, name: str, *targets: dict[str, Any], **rule: Any) -> str:
    arn: str = events.put_rule(Name=name, **rule)["RuleArn"]
    listed = [{"Id": str(number), "Arn": FUNCTION} | one for number, one in enumerate(targets)]
    events.put_targets(Rule=name, Targets=listed)
    return arn


async def test_messages_of_a_group_come_again_in_their_order(companion: str) -> None:
    sqs = client(companion, "sqs")
    for attempt in range(3):  # unless this test stands still for as long as they are hidden
        hidden_at = time.monotonic()
        url, early = taken_in_part(sqs, f"order-{attempt}.fifo")
        if time.monotonic() - hidden_at < HIDDEN:
            break
    assert early == [], "the third goes before none"
    bound = time.monotonic() + _BOUND
    while visible(sqs, url) < 3:  # the second may be hidden for a moment longer than the first
        assert time.monotonic() < bound
        await asyncio.sleep(0.05)
    again = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in again] == ["first", "second", "third"]


def taken_in_part(sqs: Any, name: str) -> tuple[str, list[Any]]:
    """Takes two of a group's three messages; the queue, and what it gives beside them."""
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    for body in ("first", "second", "third"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, VisibilityTimeout=HIDDEN)
    assert [message["Body"] for message in taken["Messages"]] == ["first", "second"]
    # as the emulator asks: it waits for no group
    return url, sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])


def visible(sqs: Any, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(found["Attributes"][name])


async def test_rule_sends_the_events_that_match(companion: str, gateway: Gateway) -> None:
    events, sqs = client(companion, "events"), client(companion, "sqs")
    url = sqs.create_queue(QueueName="of-rule")["QueueUrl"]
    put_rule(
        events,
        "r",
        {},
        {"Arn": "arn:aws:sqs:us-east-1:123456789012:of-rule"},
        {"Input": '{"constant": 1}'},
        {"InputPath": "$.detail.n"},
        {"InputTransformer": {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"m": <n>}'}},
        EventPattern=json.dumps({"source": ["mine"]}),
    )
    entry = {"Source": "mine", "DetailType": "d", "Detail": '{"n": 7}'}
    events.put_events(Entries=[entry | {"Source": "others"}, entry])
    whole, *others = sorted((sent.event for sent in gateway.wait(4)), key=lambda e: -len(str(e)))
    assert (whole["source"], whole["detail-type"], whole["detail"]) == ("mine", "d", {"n": 7})
    assert whole["time"].endswith("Z")
    assert "ingestion-time" not in whole
    assert sorted(map(str, others)) == sorted(map(str, [{"constant": 1}, {"m": 7}, 7]))
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    events.disable_rule(Name="r")
    events.put_events(Entries=[entry])
    events.enable_rule(Name="r")
    assert len(gateway.sent) == 4


async def test_scheduled_rule_is_due_on_the_scaled_clock(companion: str, gateway: Gateway) -> None:
    events = client(companion, "events")
    begun = time.monotonic()
    arn = put_rule(events, "scheduled", {}, ScheduleExpression="rate(1 minute)")
    first, second = gateway.wait(2)[:2]  # which would take two minutes at the machine's own speed
    took = time.monotonic() - begun
    events.disable_rule(Name="scheduled")
    assert first.event["detail-type"] == "Scheduled Event"
    assert first.event["source"] == "aws.events"
    assert first.event["resources"] == [arn]
    assert first.event["time"] < second.event["time"]
    assert took > 0.9, "two minutes at 120 times the speed"


async def test_schedule_of_the_scheduler_invokes_with_its_input(
    companion: str, gateway: Gateway
) -> None:
    scheduler = client(companion, "scheduler")
    scheduler.create_schedule(
        Name="s",
        ScheduleExpression="cron(* * * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": f"{FUNCTION}-scheduled",  # a rule's last event may still be on its way
            "RoleArn": "arn:aws:iam::123456789012:role/r",
            "Input": '{"i": 1}',
        },
    )
    assert gateway.wait(function=f"{FUNCTION}-scheduled")[0].event == {"i": 1}
    scheduler.delete_schedule(Name="s")
