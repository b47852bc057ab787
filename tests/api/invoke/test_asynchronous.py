"""Invoke with InvocationType=Event, and loops, through boto3."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.core.asynchronous.lineage import function_hash
from emulator.core.policy import SchedulerSettings
from tests.api.conftest import Served, served

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOUND = 20
ECHO = "arn:aws:lambda:us-east-1:123456789012:function:echo"


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("code"), SchedulerSettings()) as emulator:
        yield emulator


def send(here: Served, function: str, payload: bytes = b"{}", **more: Any) -> Any:
    return here.client.invoke(
        FunctionName=function, InvocationType="Event", Payload=payload, **more
    )


def refusal(here: Served, function: str, payload: bytes = b"{}", **more: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        send(here, function, payload, **more)
    return refused.value.response


def reached(here: Served, count: int) -> list[bytes]:
    """Returns the payloads that reached a function, when `count` are there and in the journal."""
    bound = time.monotonic() + _BOUND
    while min(len(here.payloads), len(here.requested)) < count and time.monotonic() < bound:
        time.sleep(0.01)
    return here.payloads


def test_event_is_accepted_with_202_and_reaches_the_function(here: Served) -> None:
    answer = send(here, "echo", b'{"a": 1}')
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    assert "ExecutedVersion" not in answer
    assert reached(here, 1) == [b'{"a": 1}']
    assert [event.invocation for event in here.requested] == [
        answer["ResponseMetadata"]["RequestId"]
    ]


def test_failing_function_is_tried_three_times(here: Served) -> None:
    send(here, "fail", b"7")
    assert reached(here, 3) == [b"7"] * 3
    assert len({event.invocation for event in here.requested}) == 1


def test_unknown_function_and_payload_that_is_no_json_are_refused(here: Served) -> None:
    assert refusal(here, "nobody")["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody",
    }
    refused = refusal(here, "echo", b"{")
    assert refused["Error"]["Code"] == "InvalidRequestContentException"


def test_event_has_a_limit_of_its_own(here: Served) -> None:
    largest = json.dumps("a" * (1_048_576 - 2)).encode()
    assert send(here, "echo", largest)["StatusCode"] == 202
    refused = refusal(here, "echo", largest + b" ")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert refused["Error"]["Code"] == "SerializedRequestEntityTooLargeException"


def trace(count: int) -> str:
    root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
    return f"{root};Lineage=1:{function_hash(ECHO)}:{count}"


def invoke_in_a_chain(here: Served, count: int) -> int:
    """Invokes as an SDK in a sandbox does; returns the status."""

    def add(params: Any, **_: Any) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = trace(count)

    here.client.meta.events.register_first("before-call.lambda.Invoke", add, "chain")
    try:
        answer = here.client.invoke(FunctionName="echo", Payload=b"{}")
    finally:
        here.client.meta.events.unregister("before-call.lambda.Invoke", add, "chain")
    status: int = answer["StatusCode"]
    return status


def test_seventeenth_invocation_of_a_function_in_one_chain_is_refused(here: Served) -> None:
    assert invoke_in_a_chain(here, 14) == 200
    with pytest.raises(ClientError) as refused:
        invoke_in_a_chain(here, 15)
    assert refused.value.response["Error"]["Code"] == "RecursiveInvocationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
