"""Where queueing theory knows the answer, the simulator must find it.

Seeds are fixed. Tolerances are about three standard deviations of the estimate, from its variation
over seeds.
"""

from __future__ import annotations

import math
import random

import pytest

from emulator.core.messages.commands import Dispatch
from emulator.core.policy import FixedKeepAlive, PickOrder
from emulator.sim.behaviour import Behaviour
from emulator.sim.distributions import Constant, Distribution, Exponential, LogNormal, Uniform
from emulator.sim.workload import Arrival, at_times, constant, poisson
from tests.sim.tally import ECHO, UNLIMITED, Tally, simulated

RATE, MEAN = 0.9, 1.991
FOREVER = FixedKeepAlive(math.inf)
SHAPES = [Constant(MEAN), Exponential(MEAN), LogNormal(MEAN * math.exp(-0.5), 1.0)]
"""All with the same mean."""


def poisson_run(
    behaviour: Behaviour, rate: float, until: float, seed: int = 1, **settings: object
) -> Tally:
    arrivals = poisson(ECHO.key, rate, random.Random(seed))
    run = simulated(behaviour, arrivals, seed=seed, until=until, **(UNLIMITED | settings))
    return Tally().feed(run)


@pytest.mark.parametrize("order", PickOrder)
@pytest.mark.parametrize("keep_alive", [0.0, 1.0, 10.0])
def test_busy_sandboxes_obey_littles_law_under_any_policy(
    order: PickOrder, keep_alive: float
) -> None:
    behaviour = Behaviour(warm=Exponential(MEAN), cold=Uniform(2.0, 4.0), init=Constant(1.0))
    tally = poisson_run(
        behaviour, RATE, 1e4, keep_alive=FixedKeepAlive(keep_alive), pick_order=order
    )
    expected = RATE * (MEAN + tally.cold_share * (1.0 + 3.0 - MEAN))
    assert tally.cold > 10
    assert tally.busy.mean == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("shape", SHAPES)
def test_busy_sandboxes_without_a_limit_are_poisson_whatever_the_service_time(
    shape: Distribution,
) -> None:
    tally = poisson_run(Behaviour(warm=shape), RATE, 6e4, keep_alive=FOREVER)
    assert tally.busy.mean == pytest.approx(RATE * MEAN, rel=0.02)
    assert tally.busy.variance == pytest.approx(RATE * MEAN, rel=0.03)


def erlang_b(servers: int, load: float) -> float:
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def test_erlang_b_is_computed_right() -> None:
    assert [round(erlang_b(n, RATE * MEAN), 5) for n in (4, 5, 6, 7)] == [
        0.07425,
        0.02592,
        0.00768,
        0.00196,
    ]


@pytest.mark.parametrize(("sandboxes", "tolerance"), [(4, 0.05), (5, 0.1), (6, 0.15)])
def test_requests_beyond_the_concurrency_limit_are_lost_as_erlang_says(
    sandboxes: int, tolerance: float
) -> None:
    tally = poisson_run(
        Behaviour(warm=Exponential(MEAN)),
        RATE,
        6e4,
        keep_alive=FOREVER,
        account_concurrency=sandboxes,
    )
    assert tally.cold == tally.sandboxes.value == sandboxes
    share = tally.throttled / tally.requests
    assert share == pytest.approx(erlang_b(sandboxes, RATE * MEAN), rel=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
def test_erlangs_loss_does_not_depend_on_the_shape_of_the_service_time(
    shape: Distribution,
) -> None:
    tally = poisson_run(Behaviour(warm=shape), RATE, 3e4, keep_alive=FOREVER, account_concurrency=4)
    share = tally.throttled / tally.requests
    assert share == pytest.approx(erlang_b(4, RATE * MEAN), rel=0.08)


@pytest.mark.parametrize(("lifetime", "tolerance"), [(200.0, 0.02), (600.0, 0.03), (1200.0, 0.07)])
def test_sparse_requests_start_cold_as_often_as_gaps_outlive_the_keep_alive(
    lifetime: float, tolerance: float
) -> None:
    rate = 1 / 600
    tally = poisson_run(
        Behaviour(warm=Constant(0.01)), rate, 6e6, keep_alive=FixedKeepAlive(lifetime)
    )
    assert tally.cold_share == pytest.approx(math.exp(-rate * lifetime), rel=tolerance)


def test_idle_time_that_is_paid_for_is_the_gap_or_the_keep_alive_if_that_is_less() -> None:
    rate, lifetime = 1 / 600, 600.0
    tally = poisson_run(
        Behaviour(warm=Constant(0.01)), rate, 6e6, keep_alive=FixedKeepAlive(lifetime)
    )
    wasted = (tally.sandboxes.sum - tally.busy.sum) / tally.requests
    assert wasted == pytest.approx((1 - math.exp(-rate * lifetime)) / rate, rel=0.03)


@pytest.mark.parametrize(("period", "cold"), [(10.9, 1), (11.1, 50)])
def test_steady_requests_start_cold_once_or_always(period: float, cold: int) -> None:
    arrivals = constant(ECHO.key, period)
    run = simulated(
        Behaviour(warm=Constant(1.0)),
        arrivals,
        until=49.5 * period,
        keep_alive=FixedKeepAlive(10.0),
    )
    tally = Tally().feed(run)
    assert (tally.requests, tally.cold) == (50, cold)


def test_published_example_of_simfaas_is_met() -> None:
    """λ .9/s, warm 1.991 s, cold 2.244 s, keep-alive 600 s, the newest idle one first.

    Source: the README of pacslab/simfaas, a run of 10^6 s: cold share .0014, 7.66 sandboxes of
    which 1.788 are busy. This run has a fifth of that length.
    """
    behaviour = Behaviour(warm=Exponential(1.991), cold=Exponential(2.244))
    tally = poisson_run(
        behaviour,
        RATE,
        2e5,
        keep_alive=FixedKeepAlive(600.0),
        pick_order=PickOrder.MOST_RECENTLY_USED,
    )
    assert tally.cold_share == pytest.approx(0.0014, rel=0.15)
    assert tally.sandboxes.mean == pytest.approx(7.66, rel=0.02)
    assert tally.busy.mean == pytest.approx(1.788, rel=0.01)


def test_least_recently_used_first_keeps_more_sandboxes_and_rarely_starts_cold() -> None:
    """Over 10^6 s the cold share differs a hundredfold; here the first ten starts count as well."""
    newest, oldest = (
        poisson_run(
            Behaviour(warm=Exponential(MEAN)),
            RATE,
            6e4,
            keep_alive=FixedKeepAlive(600.0),
            pick_order=order,
        )
        for order in (PickOrder.MOST_RECENTLY_USED, PickOrder.LEAST_RECENTLY_USED)
    )
    assert newest.cold_share == pytest.approx(0.00132, rel=0.3)
    assert oldest.cold_share < newest.cold_share / 5
    assert newest.sandboxes.mean == pytest.approx(7.7, rel=0.03)
    assert 9 < oldest.sandboxes.mean < 12


@pytest.mark.parametrize(
    ("lifetime_minutes", "starts"),
    [
        (5, "CCCCC"),
        (5.7, "CCCCC"),
        (9, "CWCCC"),
        (10.1, "CWWCC"),
        (12, "CWWCC"),
        (16, "CWWWC"),
        (27, "CWWWC"),
        (45, "CWWWW"),
        (60, "CWWWW"),
    ],
)
def test_gaps_of_6_10_15_and_30_minutes_tell_the_lifetime(
    lifetime_minutes: float, starts: str
) -> None:
    """The study's first scenario; a lifetime of exactly ten minutes is a race."""
    arrivals: list[Arrival] = list(at_times(ECHO.key, [60.0 * at for at in (0, 6, 16, 31, 61)]))
    run = simulated(
        Behaviour(warm=Constant(0.1), init=Constant(0.2)),
        arrivals,
        keep_alive=FixedKeepAlive(60.0 * lifetime_minutes),
    )
    dispatches = [each for entry in run for each in entry.commands if isinstance(each, Dispatch)]
    assert "".join(each.start.value[0].upper() for each in dispatches) == starts
