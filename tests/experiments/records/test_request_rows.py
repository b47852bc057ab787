from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest

from emulator.core.journal import Entry
from emulator.core.messages.commands import (
    Dispatch,
    Fail,
    FreezeSandbox,
    ResetSandbox,
    StartSandbox,
)
from emulator.core.messages.events import (
    InvocationFinished,
    InvokeRequested,
    RuntimeExited,
    SandboxReady,
    SandboxReset,
)
from emulator.core.messages.measurements import Anatomy
from emulator.core.model import Failure, StartKind
from emulator.experiments.bill import bill_figures
from emulator.experiments.plan.cells import Condition
from emulator.experiments.records.host_verdict import HostVerdict, Verdict
from emulator.experiments.records.journal_file import LONGEST_ERROR_TYPE
from emulator.experiments.records.request_rows import UNKNOWN_USERS, cell_rows
from emulator.experiments.records.request_table import RequestRow
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.single_run import as_study
from emulator.experiments.records.study import CellStatus, MeasuredCell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.conftest import MadeRun

OF_THE_PLAN = ("cell", "loading", "pick_order", "scenario")
"""Columns that an emulator's own run cannot know."""


@pytest.fixture
def cell(tmp_path: Path) -> MeasuredCell:
    condition = Condition(
        function="slow",
        loading="template",
        profile="aws-2025",
        backend="auto",
        keep_alive="profile",
        pick_order="most-recently-used",
        scenario="ramp",
        dilation=1,
        page_cache="hot",
    )
    return MeasuredCell(
        "slow-512mb-ramp-r1", condition, 512, 1, 1, status=CellStatus.DONE, folder=tmp_path
    )


def test_both_sides_of_a_request_are_one_row(cell: MeasuredCell, study: MadeRun) -> None:
    bound = replace(cell, host=HostVerdict(Verdict.HOST_BOUND))
    rows = cell_rows(bound, read_run(study.write()))
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


def test_each_year_bills_by_its_own_rules(cell: MeasuredCell, study: MadeRun) -> None:
    cold, warm, *_ = cell_rows(cell, read_run(study.write()))
    assert (cold.billed_ms, warm.billed_ms) == (3000, 10)  # 2025: init is billed, to 1 ms
    assert cold.dollars == {
        "2018": pytest.approx(1.0 * 0.5 * 0.00001667 + 0.2e-6),
        "2025": pytest.approx(3.0 * 0.5 * 0.0000166667 + 0.2e-6),
    }
    assert warm.dollars["2018"] == pytest.approx(0.1 * 0.5 * 0.00001667 + 0.2e-6)
    old = replace(cell, condition=replace(cell.condition, profile="aws-2018"))
    cold, warm, *_ = cell_rows(old, read_run(study.path))
    assert (cold.billed_ms, warm.billed_ms) == (1000, 100)


def test_rows_cost_together_what_the_bill_asks_for(cell: MeasuredCell, made: MadeRun) -> None:
    """A function on arm64 with more /tmp, and a request that met a provisioned sandbox."""
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=2.0)
    dispatch = Dispatch(1, "b", StartKind.PROVISIONED)
    made.entries += [
        Entry(8.0, InvokeRequested("b", "slow:$LATEST"), (dispatch,)),
        Entry(9.5, InvocationFinished(1, "b"), (FreezeSandbox(1),)),
    ]
    functions = {"slow": {"architecture": "arm64", "ephemeral_storage_mb": 2048}}
    path = made.write(functions=functions)
    rows = cell_rows(cell, read_run(path))
    whole = bill_figures(path)["dollars"]
    assert sum(row.dollars["2025"] for row in rows) == pytest.approx(whole, rel=1e-12)
    assert [row.dollars.get("2018") for row in rows] == [None, None]  # there was no arm64


def test_what_no_sandbox_took_has_neither_duration_nor_price(
    cell: MeasuredCell, study: MadeRun
) -> None:
    refused = cell_rows(cell, read_run(study.write()))[-1]
    assert (refused.emulator_status, refused.start, refused.http_status) == ("throttled", "", 429)
    assert not refused.ok
    assert refused.dollars == {}
    assert refused.duration_ms is refused.billed_ms is refused.throttled_ms is None
    assert refused.max_memory_mb is refused.queued_ms is refused.init_ms is None


def test_a_request_that_never_arrived_is_told_by_its_client(
    cell: MeasuredCell, made: MadeRun
) -> None:
    made.deploy("slow")
    made.seen("", 1.0, 100_000.0, status=0, start_kind=None, error="no answer")
    (row,) = cell_rows(cell, read_run(made.write()))
    assert (row.emulator_status, row.error, row.duration_ms) == ("", "no answer", None)


def test_only_the_client_s_times_are_divided_by_the_dilation(
    cell: MeasuredCell, made: MadeRun
) -> None:
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=2.0)
    made.seen("a", 1.0, 12_000.0, start_kind=StartKind.COLD)
    made.warm("b", "slow", 1, 5.0, took=0.5)
    made.seen("b", 17.0, 2400.0)
    dilated = replace(cell, condition=replace(cell.condition, dilation=4))
    rows = cell_rows(dilated, read_run(made.write()))
    assert [(row.sent_at_s, row.latency_ms) for row in rows] == [(0, 3000), (4, 600)]
    assert [row.duration_ms for row in rows] == [1000, 500]
    assert rows[0].init_ms == 1600


def test_rows_stand_in_the_order_in_which_they_were_sent(cell: MeasuredCell, made: MadeRun) -> None:
    made.deploy("slow")
    made.seen("late", 9.0, 1.0)
    made.seen("early", 8.0, 1.0)
    rows = cell_rows(cell, read_run(made.write()))
    assert [(row.request_id, row.sent_at_s) for row in rows] == [("early", 0), ("late", 1)]


def test_warm_up_requests_that_no_client_row_tells_of_are_no_rows(
    cell: MeasuredCell, made: MadeRun
) -> None:
    made.deploy("slow")
    made.cold("warm-up", "slow", 1, 1.0, init=2.0)
    made.warm("a", "slow", 1, 5.0, took=0.5)
    made.seen("a", 5.0, 501.0)
    assert [row.request_id for row in cell_rows(cell, read_run(made.write()))] == ["a"]


def test_without_clients_rows_are_the_journal_s(cell: MeasuredCell, made: MadeRun) -> None:
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=2.0)
    made.throttled("b", "slow", 2.0)
    first, second = cell_rows(cell, read_run(made.write()))
    assert (first.user_count, first.latency_ms, first.http_status) == (UNKNOWN_USERS, 3000, 200)
    assert (second.sent_at_s, second.http_status, second.error) == (1, 0, "throttled")


def test_the_parts_of_a_cold_start_add_up_to_what_the_request_waited(
    cell: MeasuredCell, made: MadeRun
) -> None:
    made.deploy("slow")
    awkward(made)
    cold, *_ = cell_rows(cell, read_run(made.write()))
    parts = (cold.queued_ms, cold.create_ms, cold.start_ms, cold.connect_ms, cold.init_ms)
    assert parts == (250, 100, 50, 150, 700)
    # the sandbox itself knows of 200 ms besides; 300 ms more went by before the hand-over
    assert cold.leftover_ms == 500
    assert sum(part or 0 for part in (*parts, cold.leftover_ms)) == 1750


def test_starts_have_the_names_that_the_journal_and_the_answers_give_them(
    cell: MeasuredCell, made: MadeRun
) -> None:
    made.deploy("slow")
    awkward(made)
    rows = cell_rows(cell, read_run(made.write()))
    assert [row.start for row in rows] == ["cold", "warm", "suppressed-init"]


def test_memory_that_nobody_could_tell_is_unknown_and_not_0(
    cell: MeasuredCell, made: MadeRun
) -> None:
    made.deploy("slow")
    awkward(made)
    assert [row.max_memory_mb for row in cell_rows(cell, read_run(made.write()))] == [80, None, 90]


@pytest.mark.parametrize("clients", [True, False])
def test_a_study_s_table_and_an_emulator_s_own_run_tell_the_same_of_a_journal(
    cell: MeasuredCell, made: MadeRun, clients: bool
) -> None:
    made.deploy("slow")
    awkward(made)
    made.throttled("e", "slow", 9.0)
    if clients:
        made.seen("a", 1.0, 2800.0, start_kind=StartKind.COLD)
        made.seen("b", 4.0, 1010.0, error="status 502", status=502)
        made.seen("c", 6.0, 1600.0, start_kind=StartKind.SUPPRESSED)
        made.seen("", 7.0, 100_000.0, status=0, start_kind=None, error="no answer", sandbox="")
        made.seen("e", 9.0, 2.0, status=429, start_kind=None, error="status 429", sandbox="")
    run = read_run(made.write())
    (own,) = as_study(run).rows.values()
    table = cell_rows(cell, run)
    assert len(own) == len(table) == 4 + clients
    for mine, theirs in zip(own, table, strict=True):
        for name in (field.name for field in fields(RequestRow)):
            if name not in OF_THE_PLAN:
                assert getattr(mine, name) == getattr(theirs, name), name


def test_an_error_type_of_megabytes_is_cut_short(cell: MeasuredCell, made: MadeRun) -> None:
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=2.0)
    finished = InvocationFinished(1, "b", error_type="x" * 30_000_000)
    dispatch = Dispatch(1, "b", StartKind.WARM)
    made.entries += [
        Entry(8.0, InvokeRequested("b", "slow:$LATEST"), (dispatch,)),
        Entry(9.0, finished, (FreezeSandbox(1),)),
    ]
    _, row = cell_rows(cell, read_run(made.write()))
    assert row.emulator_status == "handler error"
    assert row.error_type == "x" * LONGEST_ERROR_TYPE


def awkward(made: MadeRun) -> None:
    """A cold start that waited longer than its sandbox knows, an exit, and a suppressed init."""
    key = "slow:$LATEST"
    parts = Anatomy(create=0.1, start=0.05, connect=0.15, init=0.7, other=0.2)
    made.entries += [
        Entry(1.0, InvokeRequested("a", key), ()),
        Entry(1.25, SandboxReset(99), (StartSandbox(1, key, "a"),)),
        Entry(2.75, SandboxReady(1, parts), (Dispatch(1, "a", StartKind.COLD),)),
        Entry(3.75, InvocationFinished(1, "a", "", 80), (FreezeSandbox(1),)),
        Entry(4.0, InvokeRequested("b", key), (Dispatch(1, "b", StartKind.WARM),)),
        Entry(
            5.0,
            RuntimeExited(1, 1),
            (Fail("b", Failure.EXITED, 1, 1), ResetSandbox(1, Failure.EXITED)),
        ),
        Entry(5.5, SandboxReset(1), (FreezeSandbox(1),)),
        Entry(6.0, InvokeRequested("c", key), (Dispatch(1, "c", StartKind.SUPPRESSED),)),
        Entry(6.5, SandboxReady(1, Anatomy(connect=0.1, init=0.4)), ()),
        Entry(7.5, InvocationFinished(1, "c", "", 90), (FreezeSandbox(1),)),
    ]


def test_a_row_tells_what_the_request_lost_on_its_way(cell: MeasuredCell, made: MadeRun) -> None:
    made.deploy("slow")
    made.cold("a", "slow", 1, 1.0, init=2.0)
    dispatch = Dispatch(1, "b", StartKind.WARM)
    made.entries += [
        Entry(8.0, InvokeRequested("b", "slow:$LATEST", 0.12, 0.06), ()),
        Entry(8.25, InvocationFinished(1, "z"), (dispatch,)),
        Entry(9.5, InvocationFinished(1, "b"), (FreezeSandbox(1),)),
    ]
    near, far = cell_rows(cell, read_run(made.write()))
    assert (near.network_ms, near.gateway_ms, near.waited_ms) == (0, 0, 2000)
    assert (far.network_ms, far.gateway_ms, far.waited_ms) == (120, 60, 250)
    assert far.duration_ms == 1250
    assert far.latency_ms == 1680  # no client told
