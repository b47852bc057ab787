from __future__ import annotations

import pytest

from emulator.core.asynchronous.attempts import (
    Attempt,
    Condition,
    End,
    Progress,
    Result,
    Retry,
    after,
    before,
)
from emulator.core.asynchronous.rules import AsynchronousRules, EventSettings

RULES = AsynchronousRules()
ASKED = EventSettings()


def results(result: Result, asked: EventSettings = ASKED) -> tuple[list[float], Condition, int]:
    """Returns the waits between attempts that all end alike, the end, and the attempts that ran."""
    waits, now, progress = [], 0.0, Progress(0.0)
    while isinstance(before(progress, RULES, asked, now), Attempt):
        decided = after(result, progress, RULES, asked, now)
        if isinstance(decided, End):
            return waits, decided.condition, decided.progress.attempts
        waits.append(decided.at - now)
        now, progress = decided.at, decided.progress
    ended = before(progress, RULES, asked, now)
    assert isinstance(ended, End)
    return waits, ended.condition, ended.progress.attempts


def test_function_error_is_retried_after_one_and_after_two_minutes() -> None:
    assert results(Result.FUNCTION_ERROR) == ([60.0, 120.0], Condition.RETRIES_EXHAUSTED, 3)


@pytest.mark.parametrize(("asked", "waits"), [(0, []), (1, [60.0]), (2, [60.0, 120.0])])
def test_fewer_retries_may_be_asked_for(asked: int, waits: list[float]) -> None:
    ended = (waits, Condition.RETRIES_EXHAUSTED, len(waits) + 1)
    assert results(Result.FUNCTION_ERROR, EventSettings(retry_attempts=asked)) == ended


def test_success_ends_at_once() -> None:
    assert results(Result.SUCCEEDED) == ([], Condition.SUCCESS, 1)


def test_refusals_back_off_from_a_second_to_five_minutes_for_six_hours() -> None:
    waits, condition, ran = results(Result.REFUSED)
    assert waits[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert set(waits[10:-1]) == {300.0}
    assert sum(waits) == 21_600
    assert (condition, ran) == (Condition.EVENT_AGE_EXCEEDED, 0)


def test_retry_waits_no_longer_than_the_event_is_kept() -> None:
    young = EventSettings(longest_age=70)
    waits, condition, ran = results(Result.FUNCTION_ERROR, young)
    assert (waits, condition, ran) == ([60.0, 10.0], Condition.EVENT_AGE_EXCEEDED, 2)


def test_refusals_do_not_use_up_retries_and_begin_anew_after_a_run() -> None:
    refused = after(Result.REFUSED, Progress(0.0, attempts=1, refusals=5), RULES, ASKED, 100.0)
    assert refused == Retry(132.0, Progress(0.0, attempts=1, refusals=6))
    failed = after(Result.FUNCTION_ERROR, Progress(0.0, 1, 6), RULES, ASKED, 200.0)
    assert failed == Retry(320.0, Progress(0.0, attempts=2, refusals=0))


def test_reserved_concurrency_of_zero_ends_an_event_without_an_attempt() -> None:
    barred = before(Progress(0.0), RULES, EventSettings(barred=True), 0.0)
    assert barred == End(Condition.ZERO_RESERVED_CONCURRENCY, Progress(0.0))


def test_loop_ends_an_event_without_a_retry() -> None:
    assert results(Result.LOOPED) == ([], Condition.LOOP, 0)


def test_backoff_of_an_event_that_was_refused_for_ever_is_finite() -> None:
    decided = after(Result.REFUSED, Progress(0.0, refusals=10_000), RULES, ASKED, 0.0)
    assert decided == Retry(300.0, Progress(0.0, refusals=10_001))
