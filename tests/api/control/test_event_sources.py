"""Event source mappings, through boto3, with queues and streams of moto."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from emulator.live.event_sources.event_sources import Polling
from emulator.live.event_sources.source_check import SourceCheck
from tests.api.control.conftest import made
from tests.api.services.conftest import served_api
from tests.live.aws.stand_ins import ACCOUNT, REGION, SERVICES, StandIns, stand_ins
from tests.live.event_sources.mapped import Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_BOUND = 60.0
MISSING = f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"


@pytest.fixture(scope="module")
def others() -> Iterator[StandIns]:
    with stand_ins() as here:
        yield here


@contextlib.contextmanager
def lambda_client(folder: Path, others: StandIns) -> Iterator[Any]:
    endpoints = dict.fromkeys(SERVICES, others.url)
    with (
        served_api(folder=folder, endpoints=endpoints) as api,
        contextlib.closing(api.client("lambda")) as client,
    ):
        yield client


@pytest.fixture
def client(tmp_path: Path, others: StandIns) -> Iterator[Any]:
    with lambda_client(tmp_path, others) as client:
        made(client)
        yield client


@pytest.fixture
def queue(others: StandIns) -> Queue:
    return Queue(others, visibility=30)


def until(found: Callable[[], object]) -> None:
    bound = time.monotonic() + _BOUND
    while not found():
        assert time.monotonic() < bound
        time.sleep(0.05)


def refusal(call: Callable[..., Any], **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**members)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def mapped(client: Any, source: str, **members: Any) -> dict[str, Any]:
    """Makes a mapping and waits until it is enabled."""
    answer = client.create_event_source_mapping(
        EventSourceArn=source, FunctionName="echo", **members
    )
    until(lambda: state(client, answer["UUID"]) == "Enabled")
    return answer


def state(client: Any, mapping: str) -> str:
    found: str = client.get_event_source_mapping(UUID=mapping)["State"]
    return found


def test_mapping_of_a_queue_is_made_and_invokes(client: Any, queue: Queue) -> None:
    answer = client.create_event_source_mapping(EventSourceArn=queue.arn, FunctionName="echo")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["State"] == "Creating"
    assert answer["BatchSize"] == 10
    assert answer["FunctionArn"] == FUNCTION
    assert answer["StateTransitionReason"] == "USER_INITIATED"
    assert answer["EventSourceMappingArn"].endswith(f":event-source-mapping:{answer['UUID']}")
    assert answer["LastModified"].timestamp() == pytest.approx(time.time(), abs=60)
    assert "StartingPosition" not in answer
    until(lambda: state(client, answer["UUID"]) == "Enabled")
    queue.send("a")
    until(lambda: queue.left() == 0)


def test_mapping_of_a_stream_has_its_defaults(client: Any, others: StandIns) -> None:
    kinesis = others.client("kinesis")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
    answer = mapped(client, arn, StartingPosition="TRIM_HORIZON")
    expected = {
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "LastProcessingResult": "No records processed",
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
    }
    assert {name: answer[name] for name in expected} == expected
    kinesis.put_record(StreamName="s", Data="1", PartitionKey="k")

    def result() -> str:
        found: str = client.get_event_source_mapping(UUID=answer["UUID"])["LastProcessingResult"]
        return found

    until(lambda: result() == "OK")


@pytest.mark.parametrize(
    ("members", "code", "told"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", "Function not found"),
        ({"EventSourceArn": MISSING}, "InvalidParameterValueException", "NonExistentQueue"),
        (
            {"EventSourceArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/missing"},
            "ValidationException",
            "Value null at 'startingPosition'",
        ),
        (
            {"EventSourceArn": f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/u"},
            "NotImplementedException",
            "kafka are not emulated",
        ),
        ({"EventSourceArn": None}, "InvalidParameterValueException", "Unrecognized"),
        ({"BatchSize": 11}, "InvalidParameterValueException", "must be greater than 0"),
        ({"BatchSize": 10_001}, "ValidationException", "less than or equal to 10000"),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern",
        ),
    ],
)
def test_wrong_mapping_is_refused(
    client: Any, queue: Queue, members: dict[str, Any], code: str, told: str
) -> None:
    asked = {"EventSourceArn": queue.arn, "FunctionName": "echo"} | members
    asked = {name: value for name, value in asked.items() if value is not None}
    found, message = refusal(client.create_event_source_mapping, **asked)
    assert found == code
    assert told in message


def test_queue_must_hide_messages_as_long_as_the_function_may_take(
    client: Any, others: StandIns
) -> None:
    short = Queue(others, visibility=2)
    code, message = refusal(
        client.create_event_source_mapping, EventSourceArn=short.arn, FunctionName="echo"
    )
    assert code == "InvalidParameterValueException"
    assert message == (
        "Queue visibility timeout: 2 seconds is less than Function timeout: 3 seconds"
    )


def test_second_mapping_of_the_same_pair_is_a_conflict(client: Any, queue: Queue) -> None:
    first = mapped(client, queue.arn)
    code, message = refusal(
        client.create_event_source_mapping, EventSourceArn=queue.arn, FunctionName=FUNCTION
    )
    assert code == "ResourceConflictException"
    assert first["UUID"] in message


def test_of_two_mappings_of_the_same_pair_at_once_one_is_a_conflict(
    client: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, both = SourceCheck.faults, threading.Barrier(2)

    async def held(*asked: Any) -> list[str]:
        await asyncio.to_thread(both.wait, _BOUND)
        return await faults(*asked)

    monkeypatch.setattr(SourceCheck, "faults", held)
    asked = {"EventSourceArn": queue.arn, "FunctionName": "echo"}
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(client.create_event_source_mapping, **asked) for _ in range(2)]
        found = [call.exception(_BOUND) for call in calls]
    (error,) = filter(None, found)
    assert isinstance(error, ClientError)
    assert error.response["Error"]["Code"] == "ResourceConflictException"
    assert len(client.list_event_source_mappings()["EventSourceMappings"]) == 1


def test_mapping_is_changed_and_disabled(
    client: Any, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping = mapped(client, queue.arn)["UUID"]
    end, go_on = Polling.end, threading.Event()

    async def held(polling: Polling, patience: float) -> None:
        assert await asyncio.to_thread(go_on.wait, _BOUND)
        await end(polling, patience)

    monkeypatch.setattr(Polling, "end", held)
    answer = client.update_event_source_mapping(
        UUID=mapping, BatchSize=3, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    assert (answer["State"], answer["BatchSize"]) == ("Updating", 3)
    code, _ = refusal(client.delete_event_source_mapping, UUID=mapping)
    assert code == "ResourceInUseException"
    go_on.set()
    until(lambda: state(client, mapping) == "Enabled")
    answer = client.update_event_source_mapping(UUID=mapping, Enabled=False)
    assert (answer["State"], answer["BatchSize"]) == ("Disabling", 3)
    assert answer["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    until(lambda: state(client, mapping) == "Disabled")
    code, message = refusal(client.update_event_source_mapping, UUID=mapping, BatchSize=100)
    assert code == "InvalidParameterValueException"
    assert "window" in message


def test_mapping_is_deleted(client: Any, queue: Queue) -> None:
    mapping = mapped(client, queue.arn)["UUID"]
    assert client.delete_event_source_mapping(UUID=mapping)["State"] == "Deleting"
    until(lambda: client.list_event_source_mappings()["EventSourceMappings"] == [])
    for call in (
        client.get_event_source_mapping,
        client.delete_event_source_mapping,
        client.update_event_source_mapping,
    ):
        code, message = refusal(call, UUID=mapping)
        assert code == "ResourceNotFoundException"
        assert message == "The resource you requested does not exist."


def test_mappings_are_listed_by_function_and_by_source(
    client: Any, queue: Queue, others: StandIns
) -> None:
    made(client, "other")
    second = Queue(others, visibility=30)
    asked = ((queue, "echo"), (second, "echo"), (queue, "other"))
    ids = [
        client.create_event_source_mapping(EventSourceArn=of.arn, FunctionName=name)["UUID"]
        for of, name in asked
    ]

    def listed(**members: Any) -> list[str]:
        found = client.list_event_source_mappings(**members)["EventSourceMappings"]
        return [one["UUID"] for one in found]

    assert listed() == ids
    assert listed(FunctionName="echo") == ids[:2]
    assert listed(EventSourceArn=queue.arn) == [ids[0], ids[2]]
    assert listed(FunctionName="other", EventSourceArn=second.arn) == []
    pages = client.get_paginator("list_event_source_mappings").paginate(
        PaginationConfig={"PageSize": 2}
    )
    assert [len(found["EventSourceMappings"]) for found in pages] == [2, 1]


def test_mapping_lasts_over_a_restart(tmp_path: Path, others: StandIns, queue: Queue) -> None:
    with lambda_client(tmp_path, others) as client:
        made(client)
        mapping = mapped(client, queue.arn, BatchSize=2)["UUID"]
    queue.send("a")
    with lambda_client(tmp_path, others) as client:
        found = client.get_event_source_mapping(UUID=mapping)
        assert found["BatchSize"] == 2
        until(lambda: queue.left() == 0)


def test_function_may_be_named_with_its_alias(client: Any, queue: Queue) -> None:
    version = client.publish_version(FunctionName="echo")["Version"]
    client.create_alias(FunctionName="echo", Name="live", FunctionVersion=version)
    answer = client.create_event_source_mapping(
        EventSourceArn=queue.arn, FunctionName=f"{FUNCTION}:live"
    )
    assert answer["FunctionArn"] == f"{FUNCTION}:live"
    queue.send("a")
    until(lambda: queue.left() == 0)
