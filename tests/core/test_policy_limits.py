"""The token bucket, and the age at which a sandbox is recycled."""

from __future__ import annotations

import random

from emulator.core.policy import Bucket, RecycleAge


def take(bucket: Bucket, now: float) -> int:
    """All that it has at that time."""
    taken = 0
    while bucket.has_one(now):
        bucket.take()
        taken += 1
    return taken


def test_bucket_is_full_at_first_and_comes_back_with_time() -> None:
    bucket = Bucket(3, 0.5)
    assert [take(bucket, now) for now in (0.0, 1.0, 2.0, 8.0)] == [3, 0, 1, 3]


def test_bucket_holds_no_more_than_its_capacity() -> None:
    bucket = Bucket(2, 10.0)
    assert take(bucket, 1000.0) == 2
    assert take(bucket, 2000.0) == 2


def test_token_comes_back_in_parts() -> None:
    bucket = Bucket(1, 0.25)
    assert take(bucket, 10.0) == 1
    assert [bucket.has_one(now) for now in (11.0, 12.0, 13.0, 14.0)] == [False, False, False, True]


def test_looking_takes_nothing() -> None:
    bucket = Bucket(1, 0.0)
    assert all(bucket.has_one(now) for now in (1.0, 1.0, 2.0))


def test_bucket_of_less_than_one_token_never_has_one() -> None:
    assert take(Bucket(0.5, 1.0), 1000.0) == 0


def test_recycle_age_is_anywhere_between_its_ends() -> None:
    age, chance = RecycleAge(2.0, 4.0), random.Random(1)
    drawn = [age.draw(chance) for _ in range(200)]
    assert 2.0 <= min(drawn) < 2.2
    assert 3.8 < max(drawn) < 4.0
    assert RecycleAge(7.0, 7.0).draw(chance) == 7.0
