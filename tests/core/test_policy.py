from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.core.model import Footprint, FunctionVersion, Sandbox
from emulator.core.policy import (
    Bucket,
    FixedKeepAlive,
    PickOrder,
    RecycleAge,
    SurvivalCurve,
    idle_pool,
)


@dataclass
class Fixed:
    """Chance that always says the same."""

    value: float

    def random(self) -> float:
        return self.value


def sandbox(number: int) -> Sandbox:
    function = FunctionVersion("echo", 128, 3.0)
    return Sandbox(number, function, 0.0, 600.0, Footprint(function, 128), function.key)


CURVE = SurvivalCurve(((0, 1.0), (100, 1.0), (200, 0.5), (300, 0.5), (400, 0.0)))


def test_fixed_keep_alive_needs_no_chance() -> None:
    assert FixedKeepAlive(600.0).draw(Fixed(0.3)) == 600.0


@pytest.mark.parametrize(
    ("chance", "lifetime"),
    [
        (0.0, 100.0),  # nobody goes before the curve falls
        (0.25, 150.0),
        (0.5, 300.0),  # nobody goes where it is flat
        (0.75, 350.0),
        (1 - 2**-53, 400.0),
    ],
)
def test_lifetime_is_drawn_from_the_survival_curve(chance: float, lifetime: float) -> None:
    assert CURVE.draw(Fixed(chance)) == pytest.approx(lifetime)


def test_two_points_are_a_curve() -> None:
    assert SurvivalCurve(((0, 1.0), (10, 0.0))).draw(Fixed(0.25)) == 2.5


@settings(max_examples=200, derandomize=True)
@given(st.floats(0, 1, exclude_max=True))
def test_share_alive_at_a_drawn_lifetime_is_what_was_drawn(chance: float) -> None:
    lifetime = CURVE.draw(Fixed(chance))
    points = CURVE.points
    (t0, s0), (t1, s1) = next(pair for pair in itertools.pairwise(points) if lifetime <= pair[1][0])
    share = s0 + (s1 - s0) * (lifetime - t0) / (t1 - t0)
    assert share == pytest.approx(1 - chance, abs=1e-9)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ((), "falls from share 1 to share 0"),
        (((0, 1.0),), "falls from share 1 to share 0"),
        (((0, 0.9), (10, 0.0)), "falls from share 1 to share 0"),
        (((0, 1.0), (10, 0.1)), "falls from share 1 to share 0"),
        (((0, 1.0), (10, 0.2), (20, 0.3), (30, 0.0)), "s times rise and its shares fall"),
        (((0, 1.0), (20, 0.5), (10, 0.0)), "s times rise and its shares fall"),
    ],
)
def test_curve_that_does_not_fall_from_one_to_none_is_refused(
    points: tuple[tuple[float, float], ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^a survival curve.?{reason}$"):
        SurvivalCurve(points)


@pytest.mark.parametrize(
    ("order", "picked"),
    [
        (PickOrder.MOST_RECENTLY_USED, [3, 1, 4, 2]),
        (PickOrder.LEAST_RECENTLY_USED, [2, 4, 1, 3]),
        (PickOrder.OLDEST_FIRST, [1, 2, 3, 4]),
    ],
)
def test_pool_is_emptied_in_pick_order(order: PickOrder, picked: list[int]) -> None:
    pool = idle_pool(order)
    for number in (2, 4, 1, 3):
        pool.add(sandbox(number))
    taken = [pool.pick() for _ in range(5)]
    assert [each.id if each else None for each in taken] == [*picked, None]


@pytest.mark.parametrize("order", PickOrder)
def test_removed_sandbox_is_not_picked(order: PickOrder) -> None:
    pool = idle_pool(order)
    all_three = [sandbox(number) for number in (1, 2, 3)]
    for each in all_three:
        pool.add(each)
    for each in (all_three[0], all_three[2]):
        pool.remove(each)
    assert pool.pick() is all_three[1]
    assert pool.pick() is None


@pytest.mark.parametrize("order", PickOrder)
def test_sandbox_that_was_removed_can_come_back_once(order: PickOrder) -> None:
    pool = idle_pool(order)
    only = sandbox(1)
    pool.add(only)
    pool.remove(only)
    pool.add(only)
    assert pool.pick() is only
    assert pool.pick() is None


# buckets and ages


def take(bucket: Bucket, now: float) -> int:
    """Returns how many tokens the bucket gives at that time."""
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
