from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from emulator.core.lifetimes import AGES, LIFETIMES, keeping
from emulator.core.policies.interface import PolicyChoice
from emulator.core.policies.lru import LeastRecentlyUsed
from emulator.core.policy import FixedKeepAlive, RecycleAge
from emulator.core.profiles.aws_2018 import AWS_2018
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.core.scheduling import scheduling

LRU = PolicyChoice("lru", LeastRecentlyUsed)
DEFAULT = FixedKeepAlive(1.0)


@dataclass
class Fixed:
    """Chance that always says the same."""

    value: float

    def random(self) -> float:
        return self.value


def test_every_lifetimes_have_a_date_a_source_and_a_letter_of_trust() -> None:
    assert list(LIFETIMES) == [
        each.name for each in sorted(LIFETIMES.values(), key=lambda each: each.date)
    ]
    for each in LIFETIMES.values():
        assert each.source
        assert each.trust in "HML"


def test_profiles_own_lifetimes_have_their_names() -> None:
    assert LIFETIMES["aws-2018"].keep_alive == AWS_2018.keep_alive
    assert LIFETIMES["aws-2025"].keep_alive == AWS_2025.keep_alive


@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
def test_us_west_2_kept_every_sandbox_for_26_minutes(chance: float) -> None:
    lifetimes = LIFETIMES["aws-2018-us-west-2"].keep_alive
    assert lifetimes.draw(Fixed(chance)) == 26 * 60


@pytest.mark.parametrize(("chance", "minutes"), [(0.0, 22), (0.5, 43.5), (1 - 2**-53, 65)])
def test_us_east_1_kept_sandboxes_for_22_to_65_minutes(chance: float, minutes: float) -> None:
    lifetimes = LIFETIMES["aws-2018-us-east-1"].keep_alive
    assert lifetimes.draw(Fixed(chance)) == pytest.approx(minutes * 60)


def test_choice_of_lifetimes_and_policy_comes_to_both() -> None:
    assert keeping(None, None, DEFAULT) == (DEFAULT, None)
    assert keeping(None, LRU, DEFAULT) == (DEFAULT, LRU)
    assert keeping(600.0, LRU, DEFAULT) == (FixedKeepAlive(600.0), LRU)
    assert keeping("aws-2018", None, DEFAULT) == (AWS_2018.keep_alive, None)
    halving = LIFETIMES["aws-2020"].policy
    assert keeping("aws-2020", None, DEFAULT) == (FixedKeepAlive(math.inf), halving)


def test_rule_of_the_pool_leaves_another_policy_nothing() -> None:
    with pytest.raises(ValueError, match="aws-2020 are a rule of the whole pool and leave pol"):
        keeping("aws-2020", LRU, DEFAULT)


@pytest.mark.parametrize(
    ("chosen", "ages"),
    [
        (None, AWS_2018.recycle_age),
        ("aws-2020", RecycleAge(5000.0, 7400.0)),
        (60.0, RecycleAge(60.0, 60.0)),
        ("never", None),
    ],
)
def test_age_is_the_profiles_own_until_another_is_chosen(
    chosen: float | str | None, ages: RecycleAge | None
) -> None:
    assert scheduling(AWS_2018, host_memory_mb=1, recycle_age=chosen).recycle_age == ages


def test_every_age_has_its_source_and_a_letter_of_trust() -> None:
    assert all(age.source and age.trust in "HML" for age in AGES.values())
