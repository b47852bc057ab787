from __future__ import annotations

import random

import numpy as np
import pytest

from emulator.experiments.simulation.fit import errors, fit, quantiles, split


def samples(wait: float, work: float, share: float, n: int = 400, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [chance.uniform(0.9, 1.1) * (wait + work / share) for _ in range(n)]


def test_two_sizes_predict_a_third_below_between_and_above() -> None:
    shares = {0.25: samples(0.02, 0.03, 0.25), 0.5: samples(0.02, 0.03, 0.5, seed=2)}
    law = fit(shares)
    for share in (0.125, 0.4, 1.0):
        assert np.median(law.at(share)) == pytest.approx(0.02 + 0.03 / share, rel=0.05)


def test_pure_work_and_pure_waiting_are_told_apart() -> None:
    work = fit({0.25: samples(0, 0.03, 0.25), 0.5: samples(0, 0.03, 0.5, seed=2)})
    wait = fit({0.25: samples(0.1, 0, 0.25), 0.5: samples(0.1, 0, 0.5, seed=2)})
    assert np.mean(work.wait) < 0.05 * 0.03
    assert np.mean(wait.work) < 0.05 * 0.1


def test_a_time_that_falls_with_less_cpu_is_no_negative_work() -> None:
    law = fit({0.25: [0.1] * 20, 0.5: [0.2] * 20})
    assert set(law.work) == {0.0}
    assert 0.1 < law.wait[0] < 0.2


def test_a_size_with_more_samples_weighs_more() -> None:
    few_high = fit({0.25: [4.2] * 10, 0.5: [2.0] * 1000, 1.0: [1.0] * 1000})
    assert np.median(few_high.at(0.5)) == pytest.approx(2.0, rel=0.01)


def test_one_size_is_split_by_its_throttled_time() -> None:
    share, work = 0.25, 0.03
    law = split(samples(0.02, work, share), throttled=work * (1 / share - 1), share=share)
    assert law is not None
    assert np.mean(law.work) == pytest.approx(work, rel=0.02)
    assert np.mean(law.at(1.0)) == pytest.approx(0.05, rel=0.03)


def test_one_size_without_throttled_time_tells_nothing() -> None:
    assert split([0.1, 0.2], throttled=0.0, share=0.5) is None
    assert split([0.1, 0.2], throttled=0.1, share=1.0) is None


def test_quantiles_are_no_more_than_the_samples() -> None:
    assert quantiles([3.0]) == (3.0,)
    assert quantiles([3.0, 1.0, 2.0]) == (1.0, 2.0, 3.0)
    assert len(quantiles(list(range(5000)))) == 1001


def test_errors_are_shares_of_what_was_seen() -> None:
    assert errors((1.1, 1.1), [1.0, 1.0]) == pytest.approx((0.1,) * 5)
