from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.experiments.analysis.cell_stats import ANATOMY, all_stats, cell_stats
from tests.experiments.analysis.conftest import IDLE, PINGED, RAMP

if TYPE_CHECKING:
    from emulator.experiments.records.study import StudyRun


def test_rates_and_latencies_are_those_of_the_raw_rows(three_cells: StudyRun) -> None:
    rows = three_cells.rows[RAMP.id]
    figures = all_stats(three_cells)[0]
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


def test_failed_requests_are_counted_and_enter_no_latency(three_cells: StudyRun) -> None:
    rows = list(three_cells.rows[IDLE.id])
    rows[1] = replace(rows[1], ok=False, emulator_status="out of memory", latency_ms=1e9)
    rows[2] = replace(rows[2], ok=False, emulator_status="throttled", dollars={})
    figures = cell_stats(three_cells.cells[1], rows)
    assert (figures.errors, figures.out_of_memory, figures.throttles) == (2, 1, 1)
    assert figures.max_ms is not None
    assert figures.max_ms < 1e9
    served = [row.dollars["2018"] for row in rows if row.dollars]
    assert figures.costs["2018"].per_million == pytest.approx(sum(served) / 4 * 1e6)


def test_pings_cost_and_enter_no_latency_and_no_rate(three_cells: StudyRun) -> None:
    rows = three_cells.rows[PINGED.id]
    figures = all_stats(three_cells)[2]
    assert (figures.requests, figures.pings) == (5, 9)
    assert figures.costs["2018"].total == pytest.approx(
        sum(row.dollars.get("2018", 0) for row in rows)
    )
    assert figures.costs["2018"].per_million == pytest.approx(figures.costs["2018"].total / 5 * 1e6)
    assert figures.mean_ms.n == 5


def test_single_requests_have_no_rate(three_cells: StudyRun) -> None:
    figures = all_stats(three_cells)[1]
    assert (figures.hits_mean, figures.hits_peak) == (None, None)


def test_parts_of_cold_starts_add_up_to_what_they_waited(three_cells: StudyRun) -> None:
    figures = all_stats(three_cells)[0]
    waited = [row.latency_ms - (row.duration_ms or 0) for row in three_cells.rows[RAMP.id]]
    mean = np.mean([value for value in waited if value > 1])
    assert list(figures.anatomy_ms) == list(ANATOMY)
    assert sum(figures.anatomy_ms.values()) == pytest.approx(mean)
