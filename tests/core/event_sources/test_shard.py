"""The order of a shard's records: batches, lanes, retries, bisecting, ages, position."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from emulator.core.event_sources.failure_record import Told, failure_record, object_key
from emulator.core.event_sources.shard import Batch, Discarded, Ending, Shard, StreamRecord, Why
from tests.core.event_sources.mappings import FUNCTION, STREAM, TABLE, mapping


def record(number: int, key: str = "k", arrived_at: float = 0.0) -> StreamRecord:
    return StreamRecord(f"{number:04d}", key, arrived_at, 10, number)


def numbers(batch: Batch) -> list[int]:
    return [one.body for one in batch.records]


def begun(shard: Shard, now: float = 0.0) -> list[list[int]]:
    return [numbers(batch) for batch in shard.begin(now)[0]]


def shard(count: int = 0, **members: Any) -> Shard:
    found = Shard(mapping(STREAM, **members))
    found.arrived([record(number) for number in range(count)], 0.0)
    return found


def test_batches_of_a_lane_come_one_after_the_other() -> None:
    here = shard(5, BatchSize=2)
    (first,), _ = here.begin(0.0)
    assert numbers(first) == [0, 1]
    assert begun(here) == []
    here.ended(first, Ending.SUCCEEDED, 1.0)
    assert here.position == "0001"
    (second,), _ = here.begin(1.0)
    here.ended(second, Ending.SUCCEEDED, 1.0)
    assert begun(here, 1.0) == [[4]]


def test_window_is_waited_for() -> None:
    here = shard(2, BatchSize=10, MaximumBatchingWindowInSeconds=5)
    assert begun(here, 4.9) == []
    assert here.next_deadline() == 5.0
    assert begun(here, 5.0) == [[0, 1]]
    assert here.next_deadline() is None


def test_records_of_a_key_keep_their_lane_and_others_run_beside() -> None:
    here = Shard(mapping(STREAM, ParallelizationFactor=4, BatchSize=100))
    here.arrived([record(number, key=f"k{number % 8}") for number in range(80)], 0.0)
    batches, _ = here.begin(0.0)
    assert len(batches) > 1
    lanes = {one.key: batch.lane for batch in batches for one in batch.records}
    assert len(lanes) == 8
    assert all(numbers(batch) == sorted(numbers(batch)) for batch in batches)
    assert sum(len(batch.records) for batch in batches) == 80


def test_position_waits_for_the_slowest_lane() -> None:
    here = Shard(mapping(STREAM, ParallelizationFactor=2))
    here.arrived([record(0, "a"), record(1, "b"), record(2, "a")], 0.0)
    first, second = here.begin(0.0)[0]
    slow, fast = (first, second) if numbers(first) == [0, 2] else (second, first)
    here.ended(fast, Ending.SUCCEEDED, 1.0)
    assert here.position == ""
    here.ended(slow, Ending.SUCCEEDED, 2.0)
    assert (here.position, here.waiting) == ("0002", 0)


def test_failed_batch_is_tried_again_until_its_retries_are_used_up() -> None:
    here = shard(2, MaximumRetryAttempts=2)
    now, waits = 0.0, []
    for _ in range(2):
        (batch,), _ = here.begin(now)
        assert here.ended(batch, Ending.FAILED, now) == []
        again = here.next_deadline()
        assert again is not None
        waits.append(again - now)
        assert begun(here, again - 0.1) == []
        now = again
    assert waits == [1.0, 2.0]
    (batch,), _ = here.begin(now)
    (discarded,) = here.ended(batch, Ending.FAILED, now)
    assert (discarded.why, discarded.batch.attempts) == (Why.RETRIES, 3)
    assert here.position == "0001"


def test_refusals_use_up_no_retry() -> None:
    here = shard(1, MaximumRetryAttempts=0)
    now = 0.0
    for _ in range(50):
        (batch,), _ = here.begin(now)
        assert here.ended(batch, Ending.REFUSED, now) == []
        assert here.next_deadline() is not None
        now += 60.0
    (batch,), _ = here.begin(now)
    assert len(here.ended(batch, Ending.FAILED, now)) == 1


def test_bisecting_finds_the_record_that_fails() -> None:
    here = shard(8, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0)
    now, discarded, seen = 0.0, list[Discarded](), list[int]()
    while here.waiting:
        (batch,), _ = here.begin(now)
        fails = 5 in numbers(batch)
        seen += [] if fails else numbers(batch)
        discarded += here.ended(batch, Ending.FAILED if fails else Ending.SUCCEEDED, now)
        now += 100.0
    assert [numbers(one.batch) for one in discarded] == [[5]]
    assert seen == [0, 1, 2, 3, 4, 6, 7]


def test_records_before_a_named_failure_are_done() -> None:
    here = shard(4)
    (batch,), _ = here.begin(0.0)
    here.ended(batch, Ending.FAILED, 0.0, failed={"0003", "0002"})
    assert here.position == "0001"
    assert begun(here, 1.0) == [[2, 3]]


def test_old_records_are_discarded_before_an_attempt() -> None:
    here = Shard(mapping(STREAM, MaximumRecordAgeInSeconds=60))
    here.arrived([record(0, arrived_at=0.0), record(1, arrived_at=50.0)], 50.0)
    batches, (discarded,) = here.begin(70.0)
    assert [numbers(batch) for batch in batches] == [[1]]
    assert (numbers(discarded.batch), discarded.why) == ([0], Why.AGE)
    assert here.position == "0000"


def test_batch_of_old_records_alone_makes_room_for_the_next() -> None:
    here = Shard(mapping(STREAM, MaximumRecordAgeInSeconds=60, BatchSize=1))
    here.arrived([record(0, arrived_at=0.0), record(1, arrived_at=50.0)], 50.0)
    batches, discarded = here.begin(70.0)
    assert [numbers(batch) for batch in batches] == [[1]]
    assert [numbers(one.batch) for one in discarded] == [[0]]


def test_dropped_records_are_done() -> None:
    here = Shard(mapping(STREAM))
    here.arrived([record(0), record(1), record(2)], 0.0, dropped={"0000", "0001"})
    assert (here.position, here.waiting) == ("0001", 1)
    assert begun(here) == [[2]]


@pytest.mark.parametrize("seed", range(30))
def test_every_record_is_done_once_and_in_order_whatever_fails(seed: int) -> None:
    chance = Random(seed)
    members = {
        "ParallelizationFactor": chance.randint(1, 4),
        "BatchSize": chance.randint(1, 7),
        "BisectBatchOnFunctionError": chance.random() < 0.5,
        "MaximumRetryAttempts": chance.choice([-1, 0, 2]),
    }
    here, now, fed = Shard(mapping(STREAM, **members)), 0.0, 0
    done: list[int] = []
    running: list[Batch] = []
    while fed < 60 or here.waiting:
        more = min(60 - fed, chance.randint(0, 9))
        here.arrived([record(fed + n, f"k{(fed + n) % 5}") for n in range(more)], now)
        fed += more
        running += here.begin(now)[0]
        chance.shuffle(running)
        if running:
            batch = running.pop()
            ending = chance.choice(list(Ending))
            for one in here.ended(batch, ending, now):
                done += numbers(one.batch)
            done += numbers(batch) if ending is Ending.SUCCEEDED else []
        assert here.position == "" or set(range(int(here.position) + 1)) <= set(done)
        now += 61.0
    assert sorted(done) == list(range(60))
    for key in range(5):
        of_key = [number for number in done if number % 5 == key]
        assert of_key == sorted(of_key)


def iso(at: float) -> str:
    return f"T{at:g}"


def test_failure_is_told_in_the_form_of_aws() -> None:
    batch = Batch(0, (record(1, arrived_at=3.0), record(2, arrived_at=4.0)), attempts=2)
    told = Told("id-9", "Unhandled", "7")
    found = failure_record(
        mapping(STREAM), "shardId-0", Discarded(batch, Why.RETRIES), told, now=9.0, iso=iso
    )
    assert found == {
        "requestContext": {
            "requestId": "id-9",
            "functionArn": f"{FUNCTION}:$LATEST",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "7",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "T9",
        "KinesisBatchInfo": {
            "shardId": "shardId-0",
            "startSequenceNumber": "0001",
            "endSequenceNumber": "0002",
            "approximateArrivalOfFirstRecord": "T3",
            "approximateArrivalOfLastRecord": "T4",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_records_that_were_never_tried_have_no_response() -> None:
    discarded = Discarded(Batch(0, (record(1),)), Why.AGE)
    found = failure_record(mapping(TABLE), "s", discarded, Told(), now=9.0, iso=iso)
    assert "responseContext" not in found
    assert "DDBStreamBatchInfo" in found


def test_object_of_a_failure_is_named_by_mapping_shard_and_time() -> None:
    key = object_key(mapping(STREAM), "shardId-0", "2026-11-27T09:30:01.500Z", "x")
    assert key == "aws/lambda/u/shardId-0/2026/11/27/2026-11-27T09.30.01-x"
