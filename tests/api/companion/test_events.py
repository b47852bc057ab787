"""The whole way round: what happens at the companion invokes a function, and its end is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from emulator.live.companion.process import Companion
from tests.api.control.conftest import made
from tests.api.services.conftest import served_api
from tests.live.aws.stand_ins import ACCOUNT, REGION, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
_BOUND = 60.0


@dataclass
class Here:
    lambda_: Any
    companion: str

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.companion, region_name=REGION, **keys)

    def told(self) -> Any:
        """Returns the event of the next invocation that ended."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName="told")["QueueUrl"]
        bound = time.monotonic() + _BOUND
        while not (found := sqs.receive_message(QueueUrl=url).get("Messages")):
            assert time.monotonic() < bound
            time.sleep(0.02)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
        return json.loads(found[0]["Body"])["requestPayload"]


@contextlib.contextmanager
def running(companion: Companion) -> Iterator[str]:
    """Runs a companion in a loop of its own; yields its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(companion.url(), loop).result(_BOUND)
    finally:
        asyncio.run_coroutine_threadsafe(companion.close(), loop).result(_BOUND)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    folder = tmp_path_factory.mktemp("state")
    endpoints: dict[str, str] = {}  # of a companion that must know the gateway first
    with (
        served_api(folder=folder, endpoints=endpoints) as api,
        running(Companion(folder / "companion.log", gateway=api.url, speedup=600.0)) as url,
        contextlib.closing(api.client("lambda")) as client,
    ):
        endpoints.update(dict.fromkeys(SERVICES, url))
        made(client)
        found = Here(client, url)
        found.client("sqs").create_queue(QueueName="told")
        destination = f"arn:aws:sqs:{REGION}:{ACCOUNT}:told"
        client.put_function_event_invoke_config(
            FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": destination}}
        )
        yield found


def test_object_in_a_bucket(here: Here) -> None:
    s3 = here.client("s3")
    s3.create_bucket(Bucket="uploads")
    configuration = {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="uploads",
        NotificationConfiguration={"LambdaFunctionConfigurations": [configuration]},
    )
    s3.put_object(Bucket="uploads", Key="k", Body=b"1")
    event = here.told()
    while "Records" not in event:  # what moto sends to test a notification
        event = here.told()
    assert event["Records"][0]["s3"]["bucket"]["name"] == "uploads"


def test_message_of_a_topic(here: Here) -> None:
    sns = here.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION)
    sns.publish(TopicArn=topic, Message="hello")
    assert here.told()["Records"][0]["Sns"]["Message"] == "hello"


def test_event_of_a_bus_and_a_schedule(here: Here) -> None:
    events = here.client("events")
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["mine"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": FUNCTION}])
    events.put_events(Entries=[{"Source": "mine", "DetailType": "d", "Detail": '{"n": 7}'}])
    assert here.told()["detail"] == {"n": 7}
    events.put_rule(Name="s", ScheduleExpression="rate(5 minutes)")
    events.put_targets(Rule="s", Targets=[{"Id": "1", "Arn": FUNCTION, "Input": '{"due": 1}'}])
    assert here.told() == {"due": 1}
    events.disable_rule(Name="s")
