from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.analysis.latency_parts import (
    Part,
    all_parts,
    cell_parts,
    has_way,
    parts_of,
)
from tests.experiments.analysis.conftest import PINGED, RAMP

if TYPE_CHECKING:
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.study import StudyRun


@pytest.fixture
def cold(three_cells: StudyRun) -> RequestRow:
    row = next(row for row in three_cells.rows[RAMP.id] if row.start == "cold")
    return replace(
        row,
        latency_ms=1000.0,
        network_ms=200.0,
        gateway_ms=60.0,
        queued_ms=10.0,
        download_ms=100.0,
        create_ms=5.0,
        start_ms=6.0,
        connect_ms=7.0,
        init_ms=300.0,
        leftover_ms=2.0,
        waited_ms=430.0,
        duration_ms=300.0,
    )


@pytest.fixture
def warm(cold: RequestRow) -> RequestRow:
    parts = ("queued_ms", "download_ms", "create_ms", "start_ms", "connect_ms", "init_ms")
    warm = replace(cold, start="warm", leftover_ms=None, **dict.fromkeys(parts))
    return replace(warm, latency_ms=400.0, waited_ms=3.0, duration_ms=130.0)


def test_a_cold_request_is_split_into_all_of_its_parts(cold: RequestRow) -> None:
    assert dict(zip(Part, parts_of(cold), strict=True)) == {
        Part.NETWORK: 200,
        Part.GATEWAY: 60,
        Part.QUEUE: 12,
        Part.DOWNLOAD: 100,
        Part.INIT: 318,
        Part.HANDLER: 300,
        Part.REST: 10,
    }


def test_a_warm_request_waits_for_its_sandbox_alone(warm: RequestRow) -> None:
    parts = dict(zip(Part, parts_of(warm), strict=True))
    assert (parts[Part.QUEUE], parts[Part.INIT], parts[Part.DOWNLOAD]) == (3, 0, 0)
    assert parts[Part.REST] == 400 - 200 - 60 - 3 - 130


def test_no_part_is_longer_than_what_is_left_of_the_latency(cold: RequestRow) -> None:
    given_up = replace(cold, latency_ms=500.0)  # API Gateway did not wait for the function
    parts = dict(zip(Part, parts_of(given_up), strict=True))
    assert sum(parts.values()) == 500
    assert (parts[Part.INIT], parts[Part.HANDLER], parts[Part.REST]) == (128, 0, 0)


def test_the_parts_of_a_cell_add_up_to_its_mean_latency(
    three_cells: StudyRun, cold: RequestRow, warm: RequestRow
) -> None:
    failed = replace(warm, ok=False, latency_ms=9e9)
    ping = replace(warm, user_count=0, latency_ms=9e9)
    found = cell_parts(three_cells.cells[0], [cold, warm, failed, ping])
    assert found is not None
    assert found.requests == 2
    assert found.total_ms == pytest.approx(700)
    assert found.mean_ms[Part.INIT] == 159
    assert has_way([found])


def test_a_cell_without_any_answer_has_no_parts(three_cells: StudyRun, warm: RequestRow) -> None:
    cell = three_cells.cells[0]
    assert cell_parts(cell, []) is None
    assert cell_parts(cell, [replace(warm, duration_ms=None)]) is None


def test_a_study_without_a_network_is_split_too(three_cells: StudyRun) -> None:
    cells = all_parts(three_cells)
    assert len(cells) == 3
    assert not has_way(cells)
    pinged = next(each for each in cells if each.cell.id == PINGED.id)
    assert pinged.requests == 5
    assert pinged.total_ms == pytest.approx(
        sum(r.latency_ms for r in three_cells.rows[PINGED.id] if r.user_count) / 5
    )
