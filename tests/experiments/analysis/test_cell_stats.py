from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.experiments.analysis.cell_stats import (
    ANATOMY,
    all_stats,
    cell_series,
    cell_stats,
    emulated_minutes,
    gaps,
    start_string,
)
from emulator.experiments.analysis.ramp_steps import ramp_steps
from emulator.experiments.records.study_reader import read_study
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.records.study import StudyRun

RAMP, IDLE, PINGED = CellPlan(TF, 512), CellPlan(TF, 512, "idle"), CellPlan(TF, 512, "keep-warm")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> StudyRun:
    path: Path = tmp_path_factory.mktemp("study") / "run"
    return read_study(write_study(path, [RAMP, IDLE, PINGED]))


def test_rates_and_latencies_are_those_of_the_raw_rows(made: StudyRun) -> None:
    rows = made.rows[RAMP.id]
    figures = all_stats(made)[0]
    took = [row.latency_ms for row in rows]
    end = max(row.sent_at_s + row.latency_ms / 1000 for row in rows)
    assert figures.requests == len(rows)
    assert figures.hits_mean == pytest.approx(len(rows) / end)
    seconds = [int(row.sent_at_s) for row in rows]
    assert figures.hits_peak == max(seconds.count(second) for second in set(seconds))
    assert (figures.min_ms, figures.max_ms) == (min(took), max(took))
    assert figures.mean_ms.value == pytest.approx(np.mean(took))
    assert figures.p95_ms.value == pytest.approx(np.percentile(took, 95))
    assert figures.cold_starts == 18
    assert figures.cold_ms.value == pytest.approx(
        np.median([row.latency_ms for row in rows if row.start == "cold"])
    )


def test_failed_requests_are_counted_and_enter_no_latency(made: StudyRun) -> None:
    rows = list(made.rows[IDLE.id])
    rows[1] = replace(rows[1], ok=False, emulator_status="out of memory", latency_ms=1e9)
    rows[2] = replace(rows[2], ok=False, emulator_status="throttled", dollars={})
    figures = cell_stats(made.cells[1], rows)
    assert (figures.errors, figures.out_of_memory, figures.throttles) == (2, 1, 1)
    assert figures.max_ms is not None
    assert figures.max_ms < 1e9
    served = [row.dollars["2018"] for row in rows if row.dollars]
    assert figures.million_2018 == pytest.approx(sum(served) / 4 * 1e6)


def test_pings_cost_and_enter_no_latency_and_no_rate(made: StudyRun) -> None:
    rows = made.rows[PINGED.id]
    figures = all_stats(made)[2]
    assert (figures.requests, figures.pings) == (5, 9)
    assert figures.dollars_2018 == pytest.approx(sum(row.dollars.get("2018", 0) for row in rows))
    assert figures.million_2018 == pytest.approx(figures.dollars_2018 / 5 * 1e6)
    assert figures.mean_ms.n == 5


def test_single_requests_have_no_rate(made: StudyRun) -> None:
    figures = all_stats(made)[1]
    assert (figures.hits_mean, figures.hits_peak) == (None, None)


def test_parts_of_cold_starts_add_up_to_what_they_waited(made: StudyRun) -> None:
    figures = all_stats(made)[0]
    waited = [row.latency_ms - (row.duration_ms or 0) for row in made.rows[RAMP.id]]
    mean = np.mean([value for value in waited if value > 1])
    assert list(figures.anatomy_ms) == list(ANATOMY)
    assert sum(figures.anatomy_ms.values()) == pytest.approx(mean)


def test_series_put_each_request_in_the_second_it_was_sent_in(made: StudyRun) -> None:
    series = cell_series(made.rows[RAMP.id])
    assert series.width_s == 1
    assert series.hits.sum() == len(made.rows[RAMP.id])
    assert series.users[0] == 3
    assert series.users[-1] == 18
    assert np.nanmax(series.max_ms) == all_stats(made)[0].max_ms


def test_a_long_cell_has_wider_buckets(made: StudyRun) -> None:
    rows = [replace(made.rows[IDLE.id][0], sent_at_s=at) for at in (0.0, 3599.0)]
    series = cell_series(rows)
    assert series.width_s == 6
    assert len(series.at_s) == 600
    assert series.hits.sum() * series.width_s == pytest.approx(2)


def test_starts_read_as_letters_and_gaps_as_minutes_of_emulated_time(made: StudyRun) -> None:
    rows = made.rows[IDLE.id]
    assert start_string(rows) == "CWWWC"
    found = gaps(made.cells[1], rows)
    assert [gap.survived for gap in found] == [True, True, True, False]
    assert [gap.minutes for gap in found] == pytest.approx([6, 10, 15, 30])


def test_the_clock_of_idle_time_stands_nearly_still_while_a_handler_runs(made: StudyRun) -> None:
    row = made.rows[IDLE.id][0]
    rows = [
        replace(row, sent_at_s=at, latency_ms=ms)
        for at, ms in ((0.0, 2000.0), (1.0, 3000.0), (10.0, 1.0))
    ]
    minutes = emulated_minutes(made.cells[1], rows)
    assert minutes == pytest.approx([0, 1 / 60, 4 / 60 + 6])


def test_each_step_of_a_ramp_has_its_users_and_cold_starts(made: StudyRun) -> None:
    steps = ramp_steps(made.rows[RAMP.id])
    assert [step.users for step in steps] == [3, 3, 3, 9]
    assert [step.cold_starts for step in steps] == [3, 3, 3, 9]
    assert all(step.has_peak for step in steps)


def test_users_who_come_within_seconds_make_one_step(made: StudyRun) -> None:
    row = made.rows[RAMP.id][0]
    rows = [
        replace(row, sent_at_s=at, user_count=users, start="warm")
        for at, users in ((0.0, 1), (1.0, 2), (2.0, 3), (20.0, 5), (21.0, 6))
    ]
    steps = ramp_steps(rows)
    assert [step.users for step in steps] == [3, 3]
    assert not any(step.has_peak for step in steps)
