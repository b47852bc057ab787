"""Tumbling windows: which batches there are, what state each gets, and what a restart repeats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.core.event_sources.shard import Ending, Shard, StreamRecord
from emulator.core.event_sources.windows import (
    MOST_STATE,
    QUIET,
    Window,
    is_too_large,
    state_in,
    window_members,
    window_of,
)
from tests.core.event_sources.mappings import STREAM, mapping

if TYPE_CHECKING:
    from emulator.core.event_sources.shard import Batch


def record(number: int, at: float) -> StreamRecord:
    return StreamRecord(f"{number:04d}", f"k{number}", at, 10, number)


def shard(*times: float, **members: Any) -> Shard:
    found = Shard(mapping(STREAM, TumblingWindowInSeconds=10, **members))
    found.arrived([record(number, at) for number, at in enumerate(times)], 0.0)
    return found


def only(here: Shard, now: float = 0.0) -> Batch:
    (batch,), _ = here.begin(now)
    return batch


def told(batch: Batch) -> tuple[list[int], bool, bool]:
    return [one.body for one in batch.records], batch.ends_window, batch.is_early


def played(here: Shard, now: float = 0.0) -> list[tuple[list[int], int, bool]]:
    """Runs a function that counts records; its batches, the count each got, and which is last."""
    seen = []
    while batches := here.begin(now)[0]:
        (batch,) = batches
        count = here.state.get("n", 0)
        seen.append(([one.body for one in batch.records], count, batch.ends_window))
        here.ended(batch, Ending.SUCCEEDED, now, state={"n": count + len(batch.records)})
    return seen


def test_state_is_handed_on_within_a_window_and_is_fresh_in_the_next() -> None:
    here = shard(1.0, 2.0, 3.0, 9.9, 10.0, BatchSize=2)
    first = [([0, 1], 0, False), ([2, 3], 2, False), ([], 4, True)]
    assert played(here) == [*first, ([4], 0, False)]
    here.caught_up(20.0 + QUIET)
    assert played(here) == [([], 1, True)]


def test_batch_has_records_of_one_window_alone() -> None:
    here = shard(1.0, 11.0, 31.0, BatchSize=100)
    here.closed()
    assert [(records, last) for records, _, last in played(here)] == [
        *(([0], False), ([], True), ([1], False), ([], True), ([2], False), ([], True)),
    ]


def test_window_ends_when_the_shard_is_known_to_have_no_more_of_it() -> None:
    here = shard(5.0)
    here.caught_up(10.0)
    assert played(here) == [([0], 0, False)]
    assert here.waiting == 1, "the window"
    here.caught_up(10.0 + QUIET)
    assert played(here) == [([], 1, True)]
    assert here.waiting == 0


def test_position_stays_before_a_window_that_is_not_over() -> None:
    here = shard(1.0, 2.0, 11.0, BatchSize=1)
    for _ in range(2):
        here.ended(only(here), Ending.SUCCEEDED, 0.0, state={"n": 1})
        assert here.position == ""
    here.ended(only(here), Ending.SUCCEEDED, 0.0)
    assert here.position == "0001"


def test_last_invocation_is_tried_until_it_succeeds() -> None:
    here = shard(1.0, 11.0, MaximumRetryAttempts=0)
    here.ended(only(here), Ending.SUCCEEDED, 0.0, state={"n": 1})
    now = 0.0
    for _ in range(20):
        batch = only(here, now)
        assert batch.ends_window
        assert here.ended(batch, Ending.FAILED, now) == []
        now += 60.0
    here.ended(only(here, now), Ending.SUCCEEDED, now)
    assert told(only(here, now)) == ([1], False, False)


def test_records_that_are_given_up_leave_the_state_as_it_was() -> None:
    here = shard(1.0, 2.0, 11.0, BatchSize=1, MaximumRetryAttempts=0)
    here.ended(only(here), Ending.SUCCEEDED, 0.0, state={"n": 1})
    (discarded,) = here.ended(only(here), Ending.FAILED, 0.0)
    assert [one.body for one in discarded.batch.records] == [1]
    assert (told(only(here)), here.state) == (([], True, False), {"n": 1})


def test_state_that_is_too_large_ends_the_window_early_and_the_next_batch_goes_on() -> None:
    here = shard(1.0, 2.0, BatchSize=1)
    large = {"text": "x" * MOST_STATE}
    here.ended(only(here), Ending.SUCCEEDED, 0.0, state=large)
    early = only(here)
    assert (told(early), here.state) == (([], True, True), large)
    here.ended(early, Ending.SUCCEEDED, 0.0)
    assert here.position == "0000"
    batch = only(here)
    assert (told(batch), here.state, batch.window) == (([1], False, False), {}, early.window)


def test_state_of_a_megabyte_is_no_more() -> None:
    around = len(json.dumps({"n": ""}, separators=(",", ":")))
    assert not is_too_large({"n": "x" * (MOST_STATE - around)})
    assert is_too_large({"n": "x" * (MOST_STATE - around + 1)})
    assert is_too_large({"n": "ä" * (MOST_STATE // 2)})


def test_windows_have_one_lane() -> None:
    here = shard(1.0, 2.0, 3.0, 4.0, ParallelizationFactor=10, BatchSize=1)
    assert len(here.begin(0.0)[0]) == 1


def test_event_has_the_members_of_aws() -> None:
    batch = only(shard(1607497475.0))
    assert window_members(
        batch, {"1": 282}, "shardId-000000000006", STREAM, lambda at: f"at {at:.0f}"
    ) == {
        "window": {"start": "at 1607497470", "end": "at 1607497480"},
        "state": {"1": 282},
        "shardId": "shardId-000000000006",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def test_state_is_what_the_response_names_so() -> None:
    assert state_in(b'{"state": {"a": 1}, "batchItemFailures": []}') == {"a": 1}
    assert state_in(b'{"state": {}}') == {}
    assert [state_in(body) for body in (b"", b"null", b"[1]", b'{"n": 1}')] == [None] * 4


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.integers(0, 200), max_size=60), st.integers(1, 7), st.integers(1, 50))
def test_each_window_counts_all_of_its_records_once(
    times: list[int], size: int, length: int
) -> None:
    here = Shard(mapping(STREAM, TumblingWindowInSeconds=length, BatchSize=size))
    records = [record(number, at) for number, at in enumerate(sorted(times))]
    here.arrived(records, 0.0)
    here.closed()
    counts: dict[Window, int] = {}
    while batches := here.begin(0.0)[0]:
        (batch,) = batches
        count = here.state.get("n", 0) + len(batch.records)
        if batch.ends_window:
            assert batch.window is not None
            assert batch.window not in counts
            counts[batch.window] = count
        here.ended(batch, Ending.SUCCEEDED, 0.0, state={"n": count})
    wanted: dict[Window, int] = {}
    for one in records:
        window = window_of(one.arrived_at, length)
        wanted[window] = wanted.get(window, 0) + 1
    assert counts == wanted
    assert (here.waiting, here.position) == (0, records[-1].sequence if records else "")
