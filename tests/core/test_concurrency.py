from __future__ import annotations

from typing import Any

import pytest

from emulator.core.concurrency import Concurrency, ScaleOutLimit
from emulator.core.model import ThrottleReason
from emulator.core.policy import ScaleOut, SchedulerSettings

RESERVED, ACCOUNT = ThrottleReason.RESERVED_CONCURRENCY, ThrottleReason.ACCOUNT_CONCURRENCY


def concurrency(account: int, **settings: Any) -> Concurrency:
    return Concurrency(SchedulerSettings(account_concurrency=account, **settings))


def run(of: Concurrency, name: str) -> list[ThrottleReason | None]:
    """Lets requests of a function run until one may not; the answers."""
    answers: list[ThrottleReason | None] = []
    while not answers or answers[-1] is None:
        answers.append(of.limit_met(name))
        if answers[-1] is None:
            of.count(name, 1)
    return answers


def test_account_concurrency_is_for_all_functions_together() -> None:
    of = concurrency(3)
    of.count("a", 1)
    assert run(of, "b") == [None, None, ACCOUNT]
    of.count("a", -1)
    assert run(of, "a") == [None, ACCOUNT]


def test_reservation_is_the_most_and_the_least_that_a_function_has() -> None:
    of = concurrency(3)
    of.reserve("a", 1)
    assert run(of, "b") == [None, None, ACCOUNT]
    assert run(of, "a") == [None, RESERVED]


def test_reservation_that_changes_leaves_what_others_may_use() -> None:
    of = concurrency(10)
    of.reserve("a", 4)
    of.reserve("a", 8)
    assert run(of, "b") == [None, None, ACCOUNT]
    of.reserve("a", None)
    assert run(of, "b") == [*[None] * 8, ACCOUNT]


def test_lifting_a_reservation_that_is_not_there_changes_nothing() -> None:
    of = concurrency(2)
    of.count("a", 1)
    of.reserve("a", None)
    assert run(of, "a") == [None, ACCOUNT]


def test_what_runs_goes_over_to_a_reservation_once() -> None:
    of = concurrency(4)
    of.count("a", 2)
    of.reserve("a", 2)
    of.reserve("a", 3)
    assert run(of, "b") == [None, ACCOUNT]
    assert run(of, "a") == [None, RESERVED]


def test_provisioned_part_is_of_the_account_without_a_reservation_and_else_of_that() -> None:
    of = concurrency(6)
    of.provision("a", 2)
    of.reserve("b", 3)
    of.provision("b", 2)
    assert run(of, "b") == [None, RESERVED]
    assert run(of, "c") == [None, ACCOUNT]
    of.provision("a", 0)
    assert run(of, "c") == [None, None, ACCOUNT]


def test_rate_bucket_is_full_at_first_and_is_filled_at_its_rate() -> None:
    of = concurrency(2, requests_per_concurrency=1.0)
    assert [of.rate_met("a", now) for now in (5.0, 5.0, 5.0, 5.25, 5.5)] == [
        None,
        None,
        ThrottleReason.ACCOUNT_RATE,
        ThrottleReason.ACCOUNT_RATE,
        None,
    ]


def test_reserved_rate_is_by_its_own_concurrency_and_leaves_the_accounts_alone() -> None:
    of = concurrency(1, requests_per_concurrency=1.0)
    of.reserve("a", 2)
    answers = [of.rate_met("a", 1.0) for _ in range(3)]
    assert answers == [None, None, ThrottleReason.RESERVED_RATE]
    assert [of.rate_met("b", 1.0) for _ in range(2)] == [None, ThrottleReason.ACCOUNT_RATE]


def test_reservation_of_zero_has_no_rate() -> None:
    of = concurrency(1, requests_per_concurrency=1.0)
    of.reserve("a", 0)
    assert [of.rate_met("a", 1.0) for _ in range(3)] == [None] * 3
    assert of.limit_met("a") is RESERVED


def test_without_a_rate_none_is_met() -> None:
    of = concurrency(1)
    of.reserve("a", 1)
    assert {of.rate_met(name, 1.0) for name in "ab" for _ in range(9)} == {None}


@pytest.mark.parametrize("per_function", [True, False])
def test_scale_out_limit_is_a_functions_or_the_accounts(per_function: bool) -> None:
    limit = ScaleOutLimit(ScaleOut(1, 0.5, per_function=per_function))
    assert limit.allows("a", 1.0)
    assert limit.allows("a", 1.0), "only what is taken counts"
    limit.take("a")
    assert not limit.allows("a", 2.9)
    assert limit.allows("b", 2.9) is per_function
    assert limit.allows("a", 3.0)


def test_without_a_scale_out_rule_every_start_is_allowed() -> None:
    limit = ScaleOutLimit(None)
    for _ in range(9):
        limit.take("a")
        assert limit.allows("a", 1.0)
