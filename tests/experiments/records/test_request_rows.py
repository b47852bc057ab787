from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.core.model import StartKind
from emulator.experiments.records.request_rows import cell_rows
from emulator.experiments.records.run_directory import read_run
from tests.experiments.plans import cells_of

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import Cell
    from tests.experiments.conftest import MadeRun


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    found = cells_of(tmp_path)[1]
    return replace(found, axes=replace(found.axes, function="slow"))


def test_both_sides_of_a_request_are_one_row(cell: Cell, study: MadeRun) -> None:
    rows = cell_rows(cell, read_run(study.write()), host_bound=True)
    assert [row.request_id for row in rows] == ["s1", "s2", "s3", "s4", "s5"]
    first = rows[0]
    assert (first.cell, first.function, first.memory_mb) == (cell.id, "slow", 512)
    assert (first.backend, first.scenario, first.host_bound) == ("process", "ramp", True)
    assert (first.start, first.user_count, first.ok) == ("cold", 1, True)
    assert (first.sent_at_s, first.latency_ms) == (0, 3010)
    assert (first.queued_ms, first.create_ms) == (0, 0)
    assert (first.connect_ms, first.init_ms) == (400, 1600)
    assert (first.duration_ms, first.init_duration_ms) == (1000, 2000)
    assert first.emulator_status == "ok"


def test_each_year_bills_by_its_own_rules(cell: Cell, study: MadeRun) -> None:
    cold, warm, *_ = cell_rows(cell, read_run(study.write()), host_bound=False)
    assert (cold.billed_ms, warm.billed_ms) == (3000, 10)  # 2025: init is billed, to 1 ms
    assert cold.dollars_2018 == pytest.approx(1.0 * 0.5 * 0.00001667 + 0.2e-6)
    assert cold.dollars_2025 == pytest.approx(3.0 * 0.5 * 0.0000166667 + 0.2e-6)
    assert warm.dollars_2018 == pytest.approx(0.1 * 0.5 * 0.00001667 + 0.2e-6)
    old = replace(cell, axes=replace(cell.axes, profile="aws-2018"))
    cold, warm, *_ = cell_rows(old, read_run(study.path), host_bound=False)
    assert (cold.billed_ms, warm.billed_ms) == (1000, 100)


def test_what_no_sandbox_took_has_neither_duration_nor_price(cell: Cell, study: MadeRun) -> None:
    refused = cell_rows(cell, read_run(study.write()), host_bound=False)[-1]
    assert (refused.emulator_status, refused.start, refused.http_status) == ("throttled", "", 429)
    assert not refused.ok
    assert refused.duration_ms is refused.billed_ms is refused.dollars_2025 is None
    assert refused.max_memory_mb is refused.queued_ms is refused.init_ms is None


def test_a_request_that_never_arrived_is_told_by_its_client(cell: Cell, made: MadeRun) -> None:
    made.deploy("slow")
    made.seen("", 1.0, 100_000.0, status=0, start_kind=None, error="no answer")
    (row,) = cell_rows(cell, read_run(made.write()), host_bound=False)
    assert (row.emulator_status, row.error, row.duration_ms) == ("", "no answer", None)


def test_only_the_client_s_times_are_divided_by_the_dilation(cell: Cell, made: MadeRun) -> None:
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=2.0)
    made.seen("a", 1.0, 12_000.0, start_kind=StartKind.COLD)
    made.warm("b", "slow", 1, 5.0, took=0.5)
    made.seen("b", 17.0, 2400.0)
    rows = cell_rows(replace(cell, dilation=4), read_run(made.write()), host_bound=False)
    assert [(row.sent_at_s, row.latency_ms) for row in rows] == [(0, 3000), (4, 600)]
    assert [row.duration_ms for row in rows] == [1000, 500]
    assert rows[0].init_ms == 1600


def test_rows_stand_in_the_order_in_which_they_were_sent(cell: Cell, made: MadeRun) -> None:
    made.deploy("slow")
    made.seen("late", 9.0, 1.0)
    made.seen("early", 8.0, 1.0)
    rows = cell_rows(cell, read_run(made.write()), host_bound=False)
    assert [(row.request_id, row.sent_at_s) for row in rows] == [("early", 0), ("late", 1)]
