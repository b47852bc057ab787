from __future__ import annotations

import statistics

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.sim.behaviour import Behaviour, Outcome
from emulator.sim.chance import AnswerChance
from emulator.sim.distributions import (
    Constant,
    Distribution,
    Exponential,
    LogNormal,
    Measured,
    Uniform,
)
from emulator.sim.service import TICK, ServiceModel

BEHAVIOUR = Behaviour(
    warm=Exponential(1.0),
    init=Uniform(0.1, 0.9),
    stop=Exponential(0.1),
    init_mishaps=((Outcome.ERROR, 0.2), (Outcome.NEVER, 0.1)),
    mishaps=((Outcome.EXIT, 0.3),),
)


def test_answers_do_not_depend_on_the_order_of_the_questions() -> None:
    one, other = ServiceModel(7, BEHAVIOUR), ServiceModel(7, BEHAVIOUR)
    starts = [one.start("f", number) for number in range(20)]
    answers = [one.answer("f", f"i{number}", first=False) for number in range(20)]
    stops = [one.stop("f", number) for number in range(20)]
    for number in reversed(range(20)):
        assert other.stop("f", number) == stops[number]
        assert other.answer("f", f"i{number}", first=False) == answers[number]
        assert other.start("f", number) == starts[number]


def test_answers_depend_on_the_seed_and_on_the_id() -> None:
    one, other = ServiceModel(7, BEHAVIOUR), ServiceModel(8, BEHAVIOUR)
    assert one.answer("f", "a", first=False) != other.answer("f", "a", first=False)
    assert one.answer("f", "a", first=False) != one.answer("f", "b", first=False)


def test_lengths_of_time_are_whole_ticks_so_that_sums_are_exact() -> None:
    service = ServiceModel(7, BEHAVIOUR)
    lengths = [service.answer("f", f"i{number}", first=False).duration for number in range(100)]
    assert all(length / TICK == round(length / TICK) for length in lengths)
    assert sum(lengths) == sum(reversed(lengths)) == sum(sorted(lengths))


@given(st.floats(0.0, 2.0**30))
@example(0.5 * TICK)
@example(1.5 * TICK)
def test_length_of_time_is_rounded_to_the_nearest_tick_and_ties_to_the_even_one(
    seconds: float,
) -> None:
    service = ServiceModel(7, Behaviour(warm=Constant(seconds)))
    drawn = service.answer("f", "a", first=False).duration
    assert drawn == round(seconds / TICK) * TICK


def test_first_call_has_a_distribution_of_its_own_if_it_is_given() -> None:
    service = ServiceModel(7, Behaviour(warm=Constant(1.0), cold=Constant(2.0)))
    assert service.answer("f", "a", first=True).duration == 2.0
    assert service.answer("f", "a", first=False).duration == 1.0
    same = ServiceModel(7, Behaviour(warm=Constant(1.0)))
    assert same.answer("f", "a", first=True).duration == 1.0


def test_functions_may_differ() -> None:
    service = ServiceModel(7, Behaviour(Constant(1.0)), {"slow": Behaviour(Constant(9.0))})
    assert service.answer("slow", "a", first=False).duration == 9.0
    assert service.answer("quick", "a", first=False).duration == 1.0


@pytest.mark.parametrize(
    ("distribution", "mean", "spread"),
    [
        (Constant(2.0), 2.0, 0.0),
        (Uniform(1.0, 3.0), 2.0, 0.577),
        (Exponential(2.0), 2.0, 2.0),
        (LogNormal(2.0, 0.5), 2.266, 1.208),
        (Measured((1.0, 2.0, 3.0)), 2.0, 0.816),
    ],
)
def test_distributions_have_the_mean_and_spread_that_they_say(
    distribution: Distribution, mean: float, spread: float
) -> None:
    chance = AnswerChance()
    chance.ask("3")
    drawn = [distribution.draw(chance) for _ in range(20_000)]
    assert statistics.fmean(drawn) == pytest.approx(mean, rel=0.03)
    assert statistics.pstdev(drawn) == pytest.approx(spread, rel=0.05)


def test_mishaps_come_with_their_shares() -> None:
    service = ServiceModel(7, BEHAVIOUR)
    outcomes = [service.start("f", number).outcome for number in range(5000)]
    assert outcomes.count(Outcome.ERROR) / 5000 == pytest.approx(0.2, abs=0.02)
    assert outcomes.count(Outcome.NEVER) / 5000 == pytest.approx(0.1, abs=0.02)
    assert outcomes.count(Outcome.OK) / 5000 == pytest.approx(0.7, abs=0.02)
