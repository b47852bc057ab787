"""An alias leads to its version, and the share of another is what the weight says."""

from __future__ import annotations

import random

import pytest

from emulator.core.alias_routing import Routing, weight_faults

DRAWS = 20_000


class NoChance:
    def random(self) -> float:
        raise AssertionError("a number was drawn where there is no choice")


def test_alias_without_weights_draws_nothing() -> None:
    assert Routing("3").choose(NoChance()) == "3"


def test_share_of_the_other_version_is_its_weight() -> None:
    chance, routing = random.Random(1), Routing("1", {"2": 0.25})
    chosen = [routing.choose(chance) for _ in range(DRAWS)]
    assert chosen.count("2") / DRAWS == pytest.approx(0.25, abs=0.01)
    assert set(chosen) == {"1", "2"}


def test_same_seed_makes_the_same_choices() -> None:
    routing = Routing("1", {"2": 0.5})
    one, two = (
        [routing.choose(chance) for _ in range(50)] for chance in map(random.Random, (7, 7))
    )
    assert one == two


@pytest.mark.parametrize(("weight", "version"), [(0.0, "1"), (1.0, "2")])
def test_ends_of_the_scale_are_certain(weight: float, version: str) -> None:
    chance = random.Random(3)
    assert {Routing("1", {"2": weight}).choose(chance) for _ in range(1000)} == {version}


def test_weights_that_lambda_refuses_are_told() -> None:
    assert weight_faults({"2": 0.5}, "1") == []
    assert len(weight_faults({"2": 0.5, "3": 0.1}, "1")) == 1
    assert "Value '1.5' at" in weight_faults({"2": 1.5}, "1")[0]
    assert "greater than or equal to 0.0" in weight_faults({"2": -0.1}, "1")[0]
    assert weight_faults({"1": 0.5}, "1")[0].startswith("Invalid function version 1.")
