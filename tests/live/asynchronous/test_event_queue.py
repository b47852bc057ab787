"""The queue of asynchronous events: when each is attempted, and what is left of it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.ended_event import Receiver
from emulator.core.asynchronous.left_events import LeftEvents
from emulator.core.asynchronous.lineage import function_hash
from emulator.core.asynchronous.rules import EventSettings
from emulator.core.model import Failure, ThrottleReason
from emulator.errors import ResourceNotFoundError, ServiceError
from emulator.live.asynchronous.event_store import QueuedEvent
from emulator.live.asynchronous.observations import Observed
from emulator.live.invocation import Outcome
from tests.live.asynchronous.queued import ARN, ERROR, OK, Bench, Functions, MemoryStore, bench

THROTTLED = Outcome("", throttle=ThrottleReason.RESERVED_CONCURRENCY)
NOT_STARTED = Outcome("", function_error="Unhandled", failure=Failure.START_FAILED)


def scripted(*answers: Outcome | Exception, **more: Any) -> Functions:
    return Functions(scripted=deque(answers), **more)


async def one_event(here: Bench) -> None:
    await here.queue.accept(ARN, b"1")
    await here.emptied()


def test_event_that_succeeds_leaves_nothing() -> None:
    functions, store = Functions(), MemoryStore()

    async def scenario(here: Bench) -> None:
        request_id = await here.queue.accept(ARN, b'{"a": 1}')
        assert list(store.events) == [request_id]
        await here.emptied()
        assert [one.request_id for one in functions.invoked] == [request_id]
        assert here.told.ended[0].condition is Condition.SUCCESS

    bench(functions, scenario, store=store)
    assert functions.invoked[0].payload == b'{"a": 1}'
    assert store.events == {}


def test_errors_are_retried_with_the_same_request_id_and_payload() -> None:
    functions = scripted(ERROR, ERROR, ERROR)

    async def scenario(here: Bench) -> None:
        await one_event(here)
        ended = here.told.ended[0]
        assert (ended.condition, ended.attempts) == (Condition.RETRIES_EXHAUSTED, 3)
        assert ended.last.payload == ERROR.payload

    bench(functions, scenario)
    assert functions.times == [0.0, 60.5, 181.0]
    assert len({(one.request_id, one.payload) for one in functions.invoked}) == 1


def test_each_attempt_is_for_the_events_tenant() -> None:
    functions = scripted(ERROR)

    async def scenario(here: Bench) -> None:
        await here.queue.accept(ARN, b"1", tenant="blue")
        await here.emptied()

    bench(functions, scenario)
    assert [one.tenant for one in functions.invoked] == ["blue", "blue"]


def test_speedup_shortens_the_waits_alone() -> None:
    functions = scripted(ERROR, ERROR)
    bench(functions, one_event, speedup=60.0)
    assert functions.times == [0.0, pytest.approx(1.5), pytest.approx(4.0)]


def test_throttles_and_system_errors_back_off_and_use_up_no_retry() -> None:
    broken = ServiceError("no")
    functions = scripted(THROTTLED, NOT_STARTED, broken, ERROR, ERROR, OK)

    async def scenario(here: Bench) -> None:
        await one_event(here)
        assert here.told.ended[0].condition is Condition.SUCCESS

    bench(functions, scenario)
    assert functions.times == [0.0, 1.0, 3.5, 7.5, 68.0, 188.5]


def test_age_at_each_attempt_and_the_end_are_observed() -> None:
    functions = scripted(ERROR, ERROR, ERROR)

    async def scenario(here: Bench) -> None:
        await one_event(here)
        assert here.observed == [
            (Observed.RECEIVED, 1),
            (Observed.AGE, 0.0),
            (Observed.AGE, 60_500.0),
            (Observed.AGE, 181_000.0),
            (Observed.DROPPED, 1),
        ]

    bench(functions, scenario)


def test_event_of_a_function_that_is_gone_is_dropped() -> None:
    functions, store = scripted(ResourceNotFoundError("gone")), MemoryStore()

    async def scenario(here: Bench) -> None:
        await one_event(here)
        assert here.told.ended == []

    bench(functions, scenario, store=store)
    assert store.events == {}


def test_event_is_discarded_when_it_is_too_old() -> None:
    functions = scripted(ERROR, asked=EventSettings(longest_age=60))  # type: ignore[arg-type]

    async def scenario(here: Bench) -> None:
        await one_event(here)
        assert here.told.ended[0].condition is Condition.EVENT_AGE_EXCEEDED
        assert asyncio.get_running_loop().time() == pytest.approx(60, abs=0.3)

    bench(functions, scenario)
    assert functions.times == [0.0]


def test_event_that_meets_a_fault_of_ours_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    functions = scripted(RuntimeError("a fault"))
    bench(functions, one_event)
    assert functions.times == [0.0, 60.0]
    assert "could not be handled" in caplog.text


def test_function_without_concurrency_is_never_tried() -> None:
    functions = Functions(asked=EventSettings(barred=True))

    async def scenario(here: Bench) -> None:
        await one_event(here)
        ended = here.told.ended[0]
        assert (ended.condition, ended.attempts) == (Condition.ZERO_RESERVED_CONCURRENCY, 0)

    bench(functions, scenario)
    assert functions.invoked == []


def test_queue_goes_on_where_a_killed_one_was() -> None:
    store = MemoryStore()
    first = scripted(ERROR, takes=0.5)

    async def killed(here: Bench) -> None:
        await here.queue.accept(ARN, b"failed")
        await asyncio.sleep(1)
        await here.queue.accept(ARN, b"running")
        await asyncio.sleep(0.25)

    bench(first, killed, store=store)
    assert len(store.events) == 2
    second = Functions()

    async def restarted(here: Bench) -> None:
        assert len(here.queue) == 2
        await here.emptied()

    bench(second, restarted, store=store)
    assert [(one.at, one.payload) for one in second.invoked] == [
        (1.0, b"running"),
        (60.5, b"failed"),
    ]


def test_no_more_run_at_once_than_the_account_allows() -> None:
    functions = Functions()

    async def scenario(here: Bench) -> None:
        for number in range(25):
            await here.queue.accept(ARN, b"%d" % number)
        await here.emptied()

    bench(functions, scenario, most_at_once=10)
    assert functions.most_running == 10
    assert functions.times == [0.0] * 10 + [0.5] * 10 + [1.0] * 5
    assert [int(one.payload) for one in functions.invoked] == list(range(25))


def test_throttles_make_the_queue_try_fewer_at_once() -> None:
    functions = scripted(*[OK] * 8, *[THROTTLED] * 32)

    async def scenario(here: Bench) -> None:
        await asyncio.gather(*(here.queue.accept(ARN, b"%d" % n) for n in range(40)))
        await here.emptied()

    bench(functions, scenario, most_at_once=1000)
    assert len(functions.invoked) == 72
    assert functions.most_running <= 10


def test_loop_is_stopped_without_a_retry() -> None:
    functions = Functions()

    async def scenario(here: Bench) -> None:
        trace = f"Root=1;Lineage=1:{function_hash(ARN)}:15"
        await here.queue.accept(ARN, b"1", trace)
        await here.emptied()
        assert here.told.ended[0].condition is Condition.LOOP

    bench(functions, scenario)
    assert functions.invoked == []


def test_loop_that_is_allowed_goes_on() -> None:
    functions = Functions(asked=EventSettings(allows_loops=True))

    async def scenario(here: Bench) -> None:
        await here.queue.accept(ARN, b"1", f"Root=1;Lineage=1:{function_hash(ARN)}:15")
        await here.emptied()

    bench(functions, scenario)
    assert len(functions.invoked) == 1


def test_every_attempt_is_counted_once_in_the_lineage() -> None:
    functions = scripted(ERROR)

    async def scenario(here: Bench) -> None:
        await here.queue.accept(ARN, b"1", "Root=1")
        await here.emptied()

    bench(functions, scenario)
    traces = {one.trace_id for one in functions.invoked}
    assert traces == {f"Root=1;Lineage=1:{function_hash(ARN)}:0"}


def test_end_is_recorded_with_its_times_and_who_was_told() -> None:
    functions = scripted(ERROR, asked=EventSettings(dead_letters="arn:q", on_success="arn:s"))

    async def scenario(here: Bench) -> None:
        await one_event(here)
        (ended,) = here.recorded
        assert (ended.condition, ended.attempts, ended.lost) == (Condition.SUCCESS, 2, 0)
        assert (ended.accepted_at, ended.ended_at, ended.age) == (0.0, 61.0, 61.0)
        assert ended.told == (Receiver.ON_SUCCESS,)

    bench(functions, scenario)


def test_events_of_an_earlier_run_are_dropped_where_they_are_to_be_forgotten() -> None:
    functions, store = Functions(), MemoryStore()
    store.events["old"] = QueuedEvent("old", ARN, "", "", 0.0, 0.0)
    store.payloads["old"] = b"0"

    async def scenario(here: Bench) -> None:
        await one_event(here)

    bench(functions, scenario, store=store, left=LeftEvents.FORGET)
    assert [one.payload for one in functions.invoked] == [b"1"]
    assert store.events == {}
