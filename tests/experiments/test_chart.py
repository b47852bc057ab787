from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from emulator.experiments.chart import chart, draw
from emulator.experiments.run_directory import read_run
from emulator.experiments.stats import all_series

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.conftest import MadeRun


def test_chart_is_a_png(study: MadeRun, tmp_path: Path) -> None:
    chart(read_run(study.write()), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_panels_show_the_four_series(study: MadeRun) -> None:
    run = read_run(study.write())
    slow, fast = all_series(run)
    users, slowest, average, hits = draw(run).axes
    np.testing.assert_array_equal(users.patches[0].get_data().values, slow.users)
    np.testing.assert_array_equal(hits.patches[0].get_data().values, slow.hits)
    np.testing.assert_array_equal(hits.patches[1].get_data().values, fast.hits)
    for panel, values in ((slowest, slow.max_ms), (average, slow.mean_ms)):
        line = next(line for line in panel.lines if line.get_marker() == ".")
        np.testing.assert_array_equal(line.get_xdata(), [0.5, 4.5])
        np.testing.assert_array_equal(line.get_ydata(), values[~np.isnan(values)])


def test_a_line_ends_where_nobody_was_answered_for_long(made: MadeRun) -> None:
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=1.0)
    for number, at in enumerate((3.0, 8.0, 13.5)):
        made.warm(f"w{number}", "slow", 1, at, took=0.1)
    line = next(
        line for line in draw(read_run(made.write())).axes[1].lines if line.get_marker() == "."
    )
    np.testing.assert_array_equal(line.get_xdata(), [0.5, 2.5, 7.5, 12.5])
    made.warm("late", "slow", 1, 20.0, took=0.1)
    line = next(
        line for line in draw(read_run(made.write())).axes[1].lines if line.get_marker() == "."
    )
    np.testing.assert_array_equal(line.get_xdata(), [0.5, 2.5, 7.5, 12.5, math.nan, 19.5])


def test_every_cold_start_is_marked_where_it_was_sent(study: MadeRun) -> None:
    slowest = draw(read_run(study.write())).axes[1]
    (marks,) = slowest.collections
    np.testing.assert_allclose(
        sorted(map(tuple, marks.get_offsets())),
        [(0.5, 3010.0), (1.5, 1500.0), (3.5, 1700.0), (4.5, 5020.0)],
    )


def test_a_dashed_line_stands_where_users_step_up(study: MadeRun) -> None:
    users = draw(read_run(study.write())).axes[0]
    dashed = [line.get_xdata()[0] for line in users.lines if line.get_linestyle() == "--"]
    assert dashed == [0, 4]
    assert [note.get_text() for note in users.texts] == ["1", "3"]


def test_heading_tells_backend_machine_and_the_medians(study: MadeRun) -> None:
    heading = draw(read_run(study.write())).get_suptitle()
    assert "Profile aws-2025, backend process" in heading
    assert "Linux 6, HZ 250" in heading
    assert "slow 4.02 s cold, 17 ms warm" in heading


def test_an_empty_run_has_empty_panels(made: MadeRun, tmp_path: Path) -> None:
    chart(read_run(made.write()), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size > 0


def test_users_that_nobody_told_are_not_drawn_as_none(made: MadeRun) -> None:
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=1.0)
    users = draw(read_run(made.write())).axes[0]
    assert all(math.isnan(value) for value in users.patches[0].get_data().values)
