from __future__ import annotations

from typing import Any

import pytest

from emulator.core.event_sources.filters import passes
from emulator.core.event_sources.mapping import Source, mapping_faults
from tests.core.event_sources.mappings import QUEUE, STREAM, TABLE, document, mapping


def test_defaults_are_those_of_the_source() -> None:
    queue, stream = mapping(), mapping(STREAM)
    assert (queue.source, queue.batch_size, queue.window) == (Source.SQS, 10, 0.0)
    assert (stream.source, stream.batch_size, stream.lanes) == (Source.KINESIS, 100, 1)
    assert (stream.most_retries, stream.longest_age) == (None, None)
    assert mapping(TABLE).source is Source.DYNAMODB


def test_members_are_read() -> None:
    found = mapping(
        STREAM,
        MaximumRetryAttempts=0,
        MaximumRecordAgeInSeconds=60,
        BisectBatchOnFunctionError=True,
        ParallelizationFactor=3,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": QUEUE}},
        MaximumBatchingWindowInSeconds=5,
    )
    assert (found.most_retries, found.longest_age, found.bisects) == (0, 60, True)
    assert (found.lanes, found.reports_failures, found.on_failure) == (3, True, QUEUE)
    assert found.window == 5.0
    assert mapping(STREAM, MaximumRetryAttempts=-1).most_retries is None
    assert mapping(ScalingConfig={"MaximumConcurrency": 2}).most_at_once == 2


@pytest.mark.parametrize(
    ("source", "members", "told"),
    [
        ("arn:aws:kafka:us-east-1:1:cluster/c", {}, "Unrecognized event source"),
        ("queue", {}, "Unrecognized event source"),
        (QUEUE, {"StartingPosition": "LATEST"}, "StartingPosition is not valid"),
        (QUEUE, {"BatchSize": 11}, "must be greater than 0 if maximum batch size"),
        (QUEUE, {"BatchSize": 10_001, "MaximumBatchingWindowInSeconds": 1}, "between 1 and"),
        (f"{QUEUE}.fifo", {"BatchSize": 11}, "at most 10 for FIFO"),
        (f"{QUEUE}.fifo", {"BatchSize": 1, "MaximumBatchingWindowInSeconds": 1}, "FIFO queues"),
        (STREAM, {"StartingPosition": None}, "Value null at 'startingPosition'"),
        (STREAM, {"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp is required"),
        (TABLE, {"StartingPosition": "AT_TIMESTAMP"}, "Unsupported starting position"),
        (STREAM, {"ScalingConfig": {"MaximumConcurrency": 2}}, "only valid for SQS"),
        (QUEUE, {"TumblingWindowInSeconds": 5}, "only valid for Kinesis"),
        (QUEUE, {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "Invalid filter pattern"),
        (QUEUE, {"FilterCriteria": {"Filters": [{"Pattern": "{}"}] * 11}}, "at most 10 filters"),
    ],
)
def test_wrong_mapping_is_refused(source: str, members: dict[str, Any], told: str) -> None:
    (sentence,) = mapping_faults(document(source, **members))
    assert told in sentence


@pytest.mark.parametrize(
    "members",
    [
        {"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 1},
        {"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"a": [1]}}'}]}},
        {},
    ],
)
def test_right_mapping_is_not_refused(members: dict[str, Any]) -> None:
    assert mapping_faults(document(**members)) == []


def filtered(*patterns: str) -> dict[str, Any]:
    return {"FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in patterns]}}


def test_filter_sees_the_body_of_a_message_as_json_or_as_text() -> None:
    of_json = mapping(**filtered('{"body": {"kind": ["a"]}}'))
    assert passes(of_json, {"body": '{"kind": "a"}'})
    assert not passes(of_json, {"body": '{"kind": "b"}'})
    assert not passes(of_json, {"body": "plain"})
    of_text = mapping(**filtered('{"body": ["plain"]}'))
    assert passes(of_text, {"body": "plain"})
    assert not passes(of_text, {"body": '{"kind": "a"}'})


def test_filter_sees_data_of_kinesis_and_changes_of_dynamodb() -> None:
    assert passes(mapping(STREAM, **filtered('{"data": {"n": [1]}}')), {"data": '{"n": 1}'})
    inserts = mapping(TABLE, **filtered('{"eventName": ["INSERT"]}'))
    assert passes(inserts, {"eventName": "INSERT", "dynamodb": {}})
    assert not passes(inserts, {"eventName": "REMOVE"})


def test_any_filter_lets_a_record_through_and_none_lets_all() -> None:
    either = mapping(**filtered('{"body": ["a"]}', '{"body": ["b"]}'))
    assert [passes(either, {"body": text}) for text in "abc"] == [True, True, False]
    assert passes(mapping(), {"body": "c"})
