"""InvokeWithResponseStream, through boto3."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.core.policy import SchedulerSettings
from tests.api.conftest import STREAMED_RESPONSE_LIMIT, Served, served

if TYPE_CHECKING:
    from pathlib import Path

BOUND = 60.0
"""Seconds that any one wait may take."""


@dataclass
class Answer:
    response: dict[str, Any]
    chunks: list[bytes] = field(default_factory=list)
    complete: dict[str, str] | None = None

    @property
    def error(self) -> Any:
        assert self.complete is not None
        assert self.complete["ErrorCode"] == "Unhandled"
        return json.loads(self.complete["ErrorDetails"])


def call(here: Served, function: str, event: Any, **more: Any) -> Answer:
    payload = json.dumps(event).encode()
    answer = Answer(
        here.client.invoke_with_response_stream(FunctionName=function, Payload=payload, **more)
    )
    for told in answer.response["EventStream"]:
        assert answer.complete is None, "nothing comes after the end"
        if "PayloadChunk" in told:
            answer.chunks.append(told["PayloadChunk"]["Payload"])
        else:
            answer.complete = told["InvokeComplete"]
    assert answer.complete is not None, "it has an end"
    return answer


def refusal(here: Served, function: str, **more: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        here.client.invoke_with_response_stream(FunctionName=function, **more)
    response: dict[str, Any] = refused.value.response
    return response


def test_pieces_come_as_chunks_and_then_the_end(emulator: Served) -> None:
    answer = call(emulator, "stream", {"pieces": ["a", "b" * 100_000]})
    assert b"".join(answer.chunks) == b"a" + b"b" * 100_000
    assert answer.complete == {}
    assert answer.response["StatusCode"] == 200
    assert answer.response["ExecutedVersion"] == "$LATEST"
    assert answer.response["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    assert answer.response["ResponseMetadata"]["HTTPHeaders"]["x-testbed-start"] in ("cold", "warm")


def test_chunk_comes_while_the_function_still_runs(emulator: Served) -> None:
    emulator.gate.clear()
    event = json.dumps({"pieces": ["a"], "then": "wait"}).encode()
    response = emulator.client.invoke_with_response_stream(FunctionName="stream", Payload=event)
    told = iter(response["EventStream"])
    assert next(told) == {"PayloadChunk": {"Payload": b"a"}}
    emulator.gate.set()
    assert next(told) == {"PayloadChunk": {"Payload": b"after the gate"}}
    assert list(told) == [{"InvokeComplete": {}}]


def test_answer_in_one_piece_is_one_chunk(emulator: Served) -> None:
    answer = call(emulator, "echo", {"a": 1})
    assert [json.loads(chunk) for chunk in answer.chunks] == [{"a": 1}]
    assert answer.complete == {}


def test_error_of_the_function_stands_in_the_end_alone(emulator: Served) -> None:
    answer = call(emulator, "fail", {})
    assert answer.chunks == []
    assert answer.error == {"errorType": "ValueError", "errorMessage": "no luck"}


def test_error_midway_comes_after_the_chunks(emulator: Served) -> None:
    answer = call(emulator, "stream", {"pieces": ["a"], "then": "fail"})
    assert answer.chunks == [b"a"]
    assert answer.error == {"errorType": "App.Late", "errorMessage": "no luck"}


def test_timeout_midway_comes_after_the_chunks(emulator: Served) -> None:
    for _ in range(10):  # a machine that stalls for the second of the timeout sends none
        answer = call(emulator, "late-stream", {"pieces": ["a"], "then": "hang"})
        if answer.chunks:
            break
    assert answer.chunks == [b"a"]
    assert answer.error["errorType"] == "Sandbox.Timedout"


def test_stream_above_the_limit_ends_there_with_an_error(emulator: Served) -> None:
    answer = call(emulator, "stream", {"megabytes": 4})
    assert sum(map(len, answer.chunks)) == STREAMED_RESPONSE_LIMIT
    assert answer.error["errorType"] == "Function.ResponseSizeTooLarge"


def test_tail_of_the_log_comes_with_the_end(emulator: Served) -> None:
    answer = call(emulator, "stream", {"pieces": ["a"]}, LogType="Tail")
    assert answer.complete is not None
    log = base64.b64decode(answer.complete["LogResult"]).decode()
    request_id = answer.response["ResponseMetadata"]["RequestId"]
    assert log.startswith(f"START RequestId: {request_id}")
    assert f"REPORT RequestId: {request_id}" in log


def test_client_context_reaches_the_runtime(emulator: Served) -> None:
    context = base64.b64encode(b'{"a": 1}').decode()
    answer = call(emulator, "echo", {}, ClientContext=context)
    assert json.loads(answer.chunks[0]) == {"a": 1}


def test_dry_run_checks_and_runs_nothing(emulator: Served) -> None:
    client = emulator.client
    checked = client.invoke_with_response_stream(FunctionName="echo", InvocationType="DryRun")
    assert checked["StatusCode"] == 204
    checked["EventStream"].close()
    missing = refusal(emulator, "nobody", InvocationType="DryRun")
    assert missing["Error"]["Code"] == "ResourceNotFoundException"


def test_event_is_no_type_of_a_streamed_invocation(emulator: Served) -> None:
    assert refusal(emulator, "echo", InvocationType="Event")["Error"] == {
        "Code": "ValidationException",
        "Message": "1 validation error detected: Value 'Event' at 'invocationType' failed to "
        "satisfy constraint: Member must satisfy enum value set: [RequestResponse, DryRun]",
    }


@pytest.mark.parametrize("more", [{}, {"Qualifier": "7"}])
def test_unknown_function_and_version_are_plain_errors(
    emulator: Served, more: dict[str, str]
) -> None:
    refused = refusal(emulator, "echo" if more else "nobody", **more)
    assert refused["Error"]["Code"] == "ResourceNotFoundException"
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_throttle_is_a_plain_error(tmp_path: Path) -> None:
    with (
        served(tmp_path, SchedulerSettings(account_concurrency=1)) as here,
        ThreadPoolExecutor(4) as pool,
    ):
        calls = [pool.submit(call, here, "stream", {"then": "wait"}) for _ in range(4)]
        ended = as_completed(calls, timeout=BOUND)
        refused = [next(ended).exception() for _ in range(3)]
        here.gate.set()
    assert [one.exception() for one in calls].count(None) == 1
    for error in refused:
        assert isinstance(error, ClientError)
        assert error.response["Error"]["Code"] == "TooManyRequestsException"
        assert error.response["Reason"] == "ConcurrentInvocationLimitExceeded"
