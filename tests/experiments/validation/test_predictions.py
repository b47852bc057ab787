"""Predictions where the right answer is known by hand."""

from __future__ import annotations

import pytest

from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.experiments.validation.bursts import earlier_sizes, predict_bursts
from emulator.experiments.validation.cold_starts import predict_cold_starts
from emulator.experiments.validation.datasets import Burst, InitTimes, LongRun, Request, Shot
from emulator.experiments.validation.figures import Comparison, Prediction, quantile
from emulator.experiments.validation.init_times import predict_inits
from emulator.experiments.validation.memory_curves import MemoryCurve, predict_curve
from emulator.sim.cpu_share import ProportionalShare


def shot(number: int, *, cold: bool) -> Shot:
    before = 0.3 if cold else 0.07
    return Shot(0.0, before, before + 1.0, before + 1.06, number, 256)


def burst(size: int, cold: int) -> Burst:
    shots = [shot(number, cold=number < cold) for number in range(size)]
    return Burst("sleep", size, tuple(shots))


def test_burst_finds_the_sandboxes_of_the_bursts_before() -> None:
    data = [burst(4, 4), burst(10, 6), burst(30, 20)]
    assert earlier_sizes(data[2], data) == (4, 10)
    by_size = {each.burst.size: each.comparisons for each in predict_bursts(data, seeds=2)}
    for size, cold in ((4, 4), (10, 6), (30, 20)):
        figures = {each.what: each.predicted.mean for each in by_size[size]}
        assert figures["sandboxes"] == size
        assert figures["cold requests"] == cold


def test_second_burst_of_a_size_meets_the_sandboxes_of_the_first() -> None:
    assert earlier_sizes(Burst("sleep_warm", 50, ()), []) == (50,)


def test_overhead_comes_from_the_other_bursts_alone() -> None:
    odd = Burst("sleep", 3, tuple(Shot(0.0, 5.0, 6.0, 9.0, n, 256) for n in range(3)))
    (predicted,) = [
        each for each in predict_bursts([burst(4, 2), burst(9, 5), odd], 2) if each.burst is odd
    ]
    assert max(predicted.predicted_overheads) < 0.4


def long_run(name: str, gap: float, number: int) -> LongRun:
    cold = gap > 700
    return LongRun(
        name,
        tuple(Request(n * gap, cold or n == 0, 1.0, 1.0, n if cold else 0) for n in range(number)),
    )


def test_gaps_beyond_every_quiet_are_cold_and_gaps_within_are_warm() -> None:
    runs = [long_run("far", 1000.0, 30), long_run("near", 100.0, 30)]
    own = predict_cold_starts(runs, seeds=3)[0]
    assert [each.predicted.mean for each in own.cold_starts] == [29, 0, 29]
    assert [each.measured for each in own.cold_starts] == [29, 0, 29]
    assert own.cold_starts[0].error == 0


def test_mean_sandboxes_count_from_first_use_to_last() -> None:
    near = predict_cold_starts([long_run("a", 100.0, 30), long_run("b", 100.0, 30)], 2)[0]
    assert near.sandboxes[0].measured == pytest.approx(1.0)
    assert near.sandboxes[0].predicted.mean == pytest.approx(1.0)


def test_memory_size_is_predicted_from_the_others() -> None:
    even = {128: 1769.0 / 128 * 10, 256: 1769.0 / 256 * 10, 1769: 11.0}
    curve = MemoryCurve("c", "by hand", AWS_2025, ProportionalShare(), even, 1.0, 0.15)
    errors = [each.error for each in predict_curve(curve)]
    assert errors[2] == pytest.approx(10 / 11 - 1)
    assert errors[0] == pytest.approx(0.05)  # the mean of 10 and 11 against 10


def test_parallel_work_needs_more_than_one_vcpu() -> None:
    times = {1769: 100.0, 3538: 50.0}
    curve = MemoryCurve("c", "by hand", AWS_2025, ProportionalShare(), times, 2.0, 0.15)
    assert [each.error for each in predict_curve(curve)] == pytest.approx([0.0, 0.0])


def test_init_is_predicted_from_the_other_sizes_of_its_set_up() -> None:
    measured = [
        InitTimes("python", "zip", "arm64", 128, (100.0,)),
        InitTimes("python", "zip", "arm64", 256, (110.0,)),
        InitTimes("python", "zip", "x86_64", 128, (500.0,)),
    ]
    (zips,) = predict_inits(measured)
    assert zips.errors == pytest.approx((100 / 110 - 1, 110 / 100 - 1))
    assert zips.within(0.095) == 0.5


def test_error_of_nothing_measured_is_none_unless_nothing_was_predicted() -> None:
    assert Comparison("x", Prediction(0.0, 0.0, 0.0), 0.0, wanted=0.1).met
    assert Comparison("x", Prediction(1.0, 1.0, 1.0), 0.0, wanted=0.1).met is False


def test_prediction_of_one_run_has_no_width() -> None:
    assert Prediction.of_runs([3.0]) == Prediction(3.0, 3.0, 3.0)
    wide = Prediction.of_runs([1.0, 3.0])
    assert wide.low < 1.0
    assert wide.high > 3.0


def test_quantile_lies_between_two_values() -> None:
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3.0
    assert quantile([5.0], 0.9) == 5.0
