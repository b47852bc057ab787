"""Ends of asynchronous events, and what a request table says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.ended_event import EVENTS_FILE, EndedEvent, encode_ended
from emulator.core.model import StartKind
from emulator.errors import RunDirectoryError
from emulator.experiments.records.event_ends import executions, read_ends
from emulator.experiments.records.run_directory import join, read_run
from emulator.experiments.records.single_run import as_study

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.records.request_table import RequestRow
    from tests.experiments.conftest import MadeRun

ENDED = EndedEvent("e1", Condition.SUCCESS, 2, 68.0, 0.5, 68.5)


@pytest.fixture
def run(made: MadeRun) -> MadeRun:
    """An event that was throttled, then failed to please, then ran warm; accepted at .5 s."""
    made.deploy("slow")
    made.throttled("e1", "slow", 0.5)
    made.cold("e1", "slow", 1, 1.5, init=2.0)
    made.warm("e1", "slow", 1, 64.5, took=4.0)
    made.seen("e1", 0.4, 110.0, status=202, start_kind=None, sandbox="", path="/invocations")
    (made.path / EVENTS_FILE).write_text(encode_ended(ENDED) + "\n")
    return made


def row_of(run: MadeRun) -> RequestRow:
    (row,) = as_study(read_run(run.write())).rows["slow"]
    return row


def test_a_request_has_all_attempts_and_the_last_that_ran(run: MadeRun) -> None:
    (request,) = join(read_run(run.write()))
    assert request.is_event
    assert [record.requested_at for record in request.attempts] == [0.5, 1.5, 64.5]
    assert request.record == request.attempts[-1]
    assert request.event == ENDED


def test_a_row_tells_when_the_event_had_run(run: MadeRun) -> None:
    row = row_of(run)
    assert (row.http_status, row.latency_ms, row.ok) == (202, 110.0, True)
    assert (row.attempts, row.refusals, row.cold_attempts) == (2, 1, 1)
    assert (row.event_end, row.event_waited_ms, row.event_age_ms) == ("Success", 3000, 68_000)
    assert row.executed_at_s == pytest.approx(68.1)


def test_every_attempt_that_ran_is_paid_for(run: MadeRun) -> None:
    whole = row_of(run).dollars["2025"]
    run.entries = [entry for entry in run.entries if entry.at < 60]
    (run.path / "clients.csv").unlink()
    first = row_of(run).dollars["2025"]
    run.entries.clear()
    run.deploy("slow")
    run.cold("e1", "slow", 1, 1.0, init=2.0)
    run.warm("e1", "slow", 1, 60.0, took=4.0)
    (run.path / "clients.csv").unlink()
    assert whole == pytest.approx(row_of(run).dollars["2025"])
    assert whole > 1.5 * first


def test_an_event_that_has_not_ended_has_no_end(run: MadeRun) -> None:
    (run.path / EVENTS_FILE).unlink()
    row = row_of(run)
    assert (row.attempts, row.event_end, row.event_age_ms) == (2, None, None)
    assert row.event_waited_ms == 3000


def test_an_event_of_which_no_client_tells_is_one_row(run: MadeRun) -> None:
    run.rows.clear()
    row = row_of(run)
    assert (row.attempts, row.event_end) == (2, "Success")


def test_an_event_whose_emulator_was_killed_is_known_by_its_attempts(run: MadeRun) -> None:
    run.rows.clear()
    (run.path / EVENTS_FILE).unlink()
    row = row_of(run)
    assert (row.attempts, row.refusals, row.event_end) == (2, 1, None)


def test_invocations_of_one_event_are_not_missing(run: MadeRun) -> None:
    assert "had not ended" not in " ".join(read_run(run.write()).notes)


def test_the_machine_was_at_work_during_the_attempts(run: MadeRun) -> None:
    read = read_run(run.write())
    begun = read.info.started_at
    found = [(row.start - begun, row.latency_ms, row.start_kind) for row in executions(read, 2.0)]
    assert found == [
        (1.0, 0.0, None),
        (3.0, 6000.0, StartKind.COLD),
        (129.0, 8000.0, StartKind.WARM),
    ]


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    path, missing = tmp_path / EVENTS_FILE, list[str]()
    path.write_text(encode_ended(ENDED) + '\n{"invocation": "e')
    assert list(read_ends(path, missing)) == ["e1"]
    assert missing == ["The last line of events.jsonl was cut short and is left out."]


def test_lines_that_a_full_disk_has_cost_are_told(tmp_path: Path) -> None:
    path, missing = tmp_path / EVENTS_FILE, list[str]()
    path.write_text('{"lost": 3, "since": 1.0, "until": 2.0}\n' + encode_ended(ENDED) + "\n")
    assert list(read_ends(path, missing)) == ["e1"]
    assert missing == ["3 ends of events are missing from events.jsonl."]


def test_a_damaged_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / EVENTS_FILE
    path.write_text(encode_ended(ENDED) + "\nnothing\n")
    with pytest.raises(RunDirectoryError, match=r"events\.jsonl, line 2: not the end of an event"):
        read_ends(path, [])


def test_a_run_without_events_has_no_ends(tmp_path: Path) -> None:
    assert read_ends(tmp_path / EVENTS_FILE, []) == {}
