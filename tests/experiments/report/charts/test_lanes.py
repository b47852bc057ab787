from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from emulator.experiments.records.run_directory import read_run
from emulator.experiments.report.charts.lanes import MOST, draw_lanes

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


def segments(made: MadeRun, function: str) -> list[Any]:
    """Of the idle, starting and running spans: lane, begin and end."""
    drawn = draw_lanes(read_run(made.write()), function)
    assert drawn is not None
    return [
        [(line[0][1], line[0][0], line[1][0]) for line in np.array(collection.get_segments())]
        for collection in drawn[0].axes[0].collections
        if isinstance(collection, LineCollection)
    ]


def test_each_sandbox_has_a_lane_with_its_start_its_runs_and_its_end(study: MadeRun) -> None:
    alive, starting, running = segments(study, "fast")
    assert np.allclose(alive, [(1, 0, 2), (2, 2, 3.7)])
    assert np.allclose(starting, [(1, 0, 0.5), (2, 2, 2.7)])
    assert np.allclose(running, [(1, 0.5, 1.5), (2, 2.7, 3.7)])


def test_a_run_too_short_to_see_is_drawn_a_pixel_wide(study: MadeRun) -> None:
    study.warm("blink", "slow", 1, 5.8, took=1e-6)
    running = segments(study, "slow")[2]
    assert min(end - begun for _, begun, end in running) == pytest.approx(9.5 / 1000)


def test_of_many_sandboxes_the_first_are_drawn_and_all_counted(made: MadeRun) -> None:
    made.deploy("slow")
    for number in range(MOST + 5):
        made.cold(f"r{number}", "slow", number + 1, float(number), init=0.5)
    drawn = draw_lanes(read_run(made.write()), "slow")
    assert drawn is not None
    assert drawn[1] == MOST + 5
    assert max(lane for lane, _, _ in segments(made, "slow")[0]) == MOST


def test_a_function_without_sandboxes_has_no_chart(study: MadeRun) -> None:
    assert draw_lanes(read_run(study.write()), "nobody") is None
