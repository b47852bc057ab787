from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.fidelity.aws_curve import AWS
from emulator.experiments.fidelity.figures import (
    cpu_drift,
    fidelity_results,
    host_ms,
    match,
    matches,
    size_figures,
)
from emulator.experiments.fidelity.rows import read_fidelity
from tests.experiments.fidelity.conftest import CALM

if TYPE_CHECKING:
    from tests.experiments.fidelity.conftest import MadeFidelity


def test_figures_of_a_size_are_those_of_its_rows(fidelity: MadeFidelity) -> None:
    for wall_ms, cpu_ms, throttled_ms in ((200, 17, 183), (210, 18, 192), (280, 19, 190)):
        fidelity.add(128, wall_ms, cpu_ms=cpu_ms, throttled_ms=throttled_ms)
    (size,) = size_figures(read_fidelity(fidelity.write()).served["process"])
    assert (size.memory_mb, size.count, size.aws_ms) == (128, 3, 224.7)
    assert (size.mean_ms, size.median_ms) == (230.0, 210.0)
    assert size.duration_mean_ms == pytest.approx(235.0)
    assert size.duration_median_ms == pytest.approx(215.0)
    assert (size.cpu_ms, size.throttled_ms) == (18.0, pytest.approx(565 / 3))
    assert size.ratio == pytest.approx(230 / 224.7)
    assert size.error == pytest.approx(230 / 224.7 - 1)
    assert size.host_share == pytest.approx(71 / 690)
    assert size.host_bound
    assert (size.undisturbed, size.undisturbed_mean_ms) == (2, 205.0)


def test_what_a_cgroup_did_not_tell_is_not_guessed(fidelity: MadeFidelity) -> None:
    fidelity.add(128, 230.0, throttles=None, throttled_ms=None)
    run = read_fidelity(fidelity.write())
    (size,) = size_figures(run.served["process"])
    assert (size.throttled_ms, size.host_share, size.undisturbed) == (None, None, None)
    assert match([size], lambda one: one.undisturbed_mean_ms) is None
    assert "wall time of undisturbed invocations, means" not in matches([size])


@pytest.mark.parametrize(
    ("wall_ms", "throttled_ms", "expected"), [(200, 180, 2.5), (200, 190, 0), (200, None, None)]
)
def test_the_host_took_what_neither_cpu_nor_throttling_did(
    wall_ms: float, throttled_ms: float | None, expected: float | None
) -> None:
    assert host_ms(replace(CALM, wall_ms=wall_ms, throttled_ms=throttled_ms)) == expected


def test_work_that_took_more_cpu_than_calibrated_was_disturbed(fidelity: MadeFidelity) -> None:
    fidelity.add(1770, 17.6, cpu_ms=17.5, throttled_ms=0)
    fidelity.add(1770, 21.6, cpu_ms=21.5, throttled_ms=0)
    run = read_fidelity(fidelity.write())
    (size,) = size_figures(run.served["process"])
    assert (size.host_share, size.undisturbed) == (pytest.approx(0.2 / 39.2), 1)
    assert cpu_drift([size]) == pytest.approx(19.5 / 17.56 - 1)


def test_a_match_counts_sizes_and_averages_errors(measured: MadeFidelity) -> None:
    measured.add(128, 224.7 * 1.3)  # so the mean of this size is a fifth too long
    of_sizes = size_figures(read_fidelity(measured.write()).served["process"])
    found = match(of_sizes, lambda size: size.mean_ms)
    assert found is not None
    assert (found.within, found.sizes, found.as_wanted) == (10, 11, False)
    assert found.mean_error == pytest.approx((10 * 0.1 + 0.2) / 11, abs=1e-4)


def test_results_are_a_document_of_plain_figures(measured: MadeFidelity) -> None:
    run = read_fidelity(measured.write())
    document = json.loads(json.dumps(fidelity_results(run)))
    process = document["backends"]["process"]
    assert [size["memory_mb"] for size in process["sizes"]] == list(AWS.mean_ms)
    assert process["sizes"][0]["error"] == pytest.approx(0.1, abs=1e-4)
    assert process["matches"]["the handler's wall time, means"] == {
        "mean_error": pytest.approx(0.1, abs=1e-4),
        "within": 11,
        "sizes": 11,
        "as_wanted": False,
    }
    assert process["cpu_drift"] is None
