"""Asynchronous invokes, and what is set for them; InvokeAsync."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.live.functions.invoker import FunctionInvoker
from tests.api.control.conftest import made, updated
from tests.api.services.conftest import served_api
from tests.live.aws.stand_ins import SERVICES, StandIns, stand_ins
from tests.live.event_sources.mapped import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BOUND = 60.0


@pytest.fixture(scope="module")
def others() -> Iterator[StandIns]:
    with stand_ins() as here:
        yield here


@pytest.fixture
def client(tmp_path: Path, others: StandIns) -> Iterator[Any]:
    endpoints = dict.fromkeys(SERVICES, others.url)
    with (
        served_api(folder=tmp_path, endpoints=endpoints) as api,
        contextlib.closing(api.client("lambda")) as client,
    ):
        yield client


@pytest.fixture
def queue(others: StandIns) -> Queue:
    return Queue(others, visibility=30)


def received(queue: Queue) -> list[dict[str, Any]]:
    """Returns what is in a queue, when there is something."""
    bound = time.monotonic() + _BOUND
    asked = {"QueueUrl": queue.url, "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10}
    while not (found := queue.client.receive_message(**asked).get("Messages")):
        assert time.monotonic() < bound
        time.sleep(0.02)
    messages: list[dict[str, Any]] = found
    return messages


def send(client: Any, name: str, payload: bytes) -> str:
    answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    assert answer["StatusCode"] == 202
    request_id: str = answer["ResponseMetadata"]["RequestId"]
    return request_id


def test_success_is_told_to_its_destination(client: Any, queue: Queue) -> None:
    made(client, "f", Handler="app.echo")
    client.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    request_id = send(client, "f", b'{"a": 1}')
    record = json.loads(received(queue)[0]["Body"])
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"] == {"a": 1}


def test_failure_is_told_after_the_retries_that_were_asked_for(client: Any, queue: Queue) -> None:
    made(client, "f", Handler="app.fail")
    client.put_function_event_invoke_config(
        FunctionName="f",
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": queue.arn}},
    )
    send(client, "f", b"1")
    record = json.loads(received(queue)[0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_discarded_event_goes_to_the_dead_letter_queue(client: Any, queue: Queue) -> None:
    made(client, "f", Handler="app.fail", DeadLetterConfig={"TargetArn": queue.arn})
    client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    request_id = send(client, "f", b'{"a": 1}')
    message = received(queue)[0]
    assert message["Body"] == '{"a": 1}'
    assert message["MessageAttributes"]["RequestID"]["StringValue"] == request_id
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no luck"


def test_function_without_concurrency_discards_at_once(client: Any, queue: Queue) -> None:
    made(client, "f", DeadLetterConfig={"TargetArn": queue.arn})
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    send(client, "f", b"7")
    message = received(queue)[0]
    assert message["Body"] == "7"
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"


def test_another_function_is_a_destination(client: Any, queue: Queue) -> None:
    arn = made(client, "second")["FunctionArn"]
    made(client, "first")
    client.put_function_event_invoke_config(
        FunctionName="first", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    client.put_function_event_invoke_config(
        FunctionName="second", DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    send(client, "first", b"1")
    record = json.loads(received(queue)[0]["Body"])
    assert record["requestContext"]["functionArn"] == f"{arn}:$LATEST"
    assert record["requestPayload"]["responsePayload"] == 1


def test_settings_are_those_of_the_alias_that_is_invoked(client: Any, queue: Queue) -> None:
    made(client, "f")
    version = client.publish_version(FunctionName="f")["Version"]
    client.create_alias(FunctionName="f", Name="live", FunctionVersion=version)
    client.put_function_event_invoke_config(
        FunctionName="f",
        Qualifier="live",
        DestinationConfig={"OnSuccess": {"Destination": queue.arn}},
    )
    send(client, "f", b"1")
    send(client, "f:live", b"2")
    records = [json.loads(message["Body"]) for message in received(queue)]
    assert [record["requestPayload"] for record in records] == [2]
    assert records[0]["requestContext"]["functionArn"].endswith(":function:f:live")
    assert records[0]["responseContext"]["executedVersion"] == version


def test_invoke_async_queues_an_event(client: Any, queue: Queue) -> None:
    made(client, "f")
    client.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    answer = client.invoke_async(FunctionName="f", InvokeArgs=b'{"a": 1}')
    assert answer["Status"] == 202
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    record = json.loads(received(queue)[0]["Body"])
    assert record["requestPayload"] == {"a": 1}


@pytest.mark.parametrize(
    ("name", "payload", "code"),
    [
        ("nobody", b"{}", "ResourceNotFoundException"),
        ("f", b"{", "InvalidRequestContentException"),
        ("f", b'"' + b"a" * 1_048_576 + b'"', "SerializedRequestEntityTooLargeException"),
    ],
)
def test_invoke_async_refuses(client: Any, name: str, payload: bytes, code: str) -> None:
    made(client, "f")
    with pytest.raises(ClientError) as refused:
        client.invoke_async(FunctionName=name, InvokeArgs=payload)
    assert refused.value.response["Error"]["Code"] == code


def test_update_of_the_code_is_met_by_the_next_attempt(
    client: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke, attempts, go_on = FunctionInvoker.invoke, list[bytes](), threading.Event()

    async def held(invoker: FunctionInvoker, arn: str, payload: bytes, **more: Any) -> Any:
        attempts.append(payload)
        if len(attempts) > 1:
            assert await asyncio.to_thread(go_on.wait, _BOUND)
        return await invoke(invoker, arn, payload, **more)

    monkeypatch.setattr(FunctionInvoker, "invoke", held)
    made(client, "f", Handler="app.fail")
    client.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": queue.arn}}
    )
    send(client, "f", b"1")
    bound = time.monotonic() + _BOUND
    while len(attempts) < 2:
        assert time.monotonic() < bound
        time.sleep(0.01)
    client.update_function_configuration(FunctionName="f", Handler="app.echo")
    updated(client, "f")
    go_on.set()
    record = json.loads(received(queue)[0]["Body"])
    assert record["responsePayload"] == 1
    assert record["requestContext"]["approximateInvokeCount"] == 2
