"""Plans whose loads are asynchronous events, simulated: hand-worked waits, retries and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.core.asynchronous.attempts import Condition
from emulator.core.asynchronous.ended_event import Receiver
from emulator.core.journal import decode
from emulator.core.messages.events import InvokeRequested, ReservedConcurrencySet
from emulator.experiments.analysis.cell_stats import all_stats
from emulator.experiments.analysis.comparison import Change, Figure, compare
from emulator.experiments.analysis.events import all_events
from emulator.experiments.records.run_directory import JOURNAL, join, read_run
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.report.comparison_page import comparison_document
from emulator.experiments.report.markdown import markdown
from emulator.experiments.report.study_page import report_run
from emulator.experiments.simulation.samples import Phase, gather
from emulator.experiments.simulation.study import SimulationOptions, simulate
from tests.experiments.plans import TEMPLATE
from tests.experiments.simulation.simulated import as_measured, simulated

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.journal import Entry
    from emulator.experiments.records.request_table import RequestRow
    from emulator.experiments.records.run_directory import Run

PLAN = """\
name = "events"
template = "template.yaml"
seed = 3

[axes]
function = ["kdd99-numpy"]
memory_mb = [256]

[[scenario]]
kind = "trace"
file = "calls.csv"
"""
HALF = """\
[[behaviour]]
create = 0.25
init = 0.5
warm = 0.5
overhead = 0.002
"""
FAILING = HALF + "failures = { error = 1.0 }\n"
CELL = "kdd99-numpy-256mb-trace-events-r1"


def played(
    folder: Path,
    asked: str = "true",
    *,
    behaviours: str = HALF,
    times: tuple[float, ...] = (0.0, 10.0),
    more: str = "",
    idle_speedup: int = 1,
) -> Path:
    """The run directory of a study with one cell of events at the times."""
    folder.mkdir(exist_ok=True)
    (folder / "calls.csv").write_text("at\n" + "".join(f"{at}\n" for at in times))
    plan = f"{PLAN}idle_speedup = {idle_speedup}\nasynchronous = {asked}\n{more}"
    return simulated(folder, plan, behaviours)


def rows_of(run: Path) -> tuple[RequestRow, ...]:
    return read_study(run).rows[CELL]


def cell_of(run: Path) -> Run:
    return read_run(run / "cells" / CELL)


def test_a_client_has_202_before_its_function_runs(tmp_path: Path) -> None:
    first, second = rows_of(played(tmp_path))
    assert (first.http_status, first.ok, first.latency_ms) == (202, True, pytest.approx(2.0))
    assert (first.start, first.attempts, first.event_end) == ("cold", 1, "Success")
    assert first.event_waited_ms == pytest.approx(750)
    assert first.executed_at_s == pytest.approx(1.25)
    assert first.event_age_ms == pytest.approx(1250)
    assert (second.start, second.event_waited_ms) == ("warm", pytest.approx(0.0))
    assert second.executed_at_s == pytest.approx(10.5)


def test_an_event_that_fails_has_two_retries_and_costs_three_times(tmp_path: Path) -> None:
    run = played(tmp_path, behaviours=FAILING, times=(0.0,))
    (row,) = rows_of(run)
    sent = [e.requested_at for e in cell_of(run).invocations]
    assert sent == pytest.approx([0.0, 61.25, 181.75])
    assert (row.attempts, row.refusals, row.cold_attempts) == (3, 0, 1)
    assert (row.event_end, row.executed_at_s) == ("RetriesExhausted", pytest.approx(182.25))
    once = rows_of(played(tmp_path / "once", "{ retries = 0 }", behaviours=FAILING, times=(0.0,)))
    assert once[0].attempts == 1
    # the retries are warm: no init is billed
    assert row.dollars["2025"] > 1.7 * once[0].dollars["2025"]


def test_a_retrys_wait_is_told_as_on_lambdas_clock(tmp_path: Path) -> None:
    run = played(tmp_path, behaviours=FAILING, times=(0.0,), idle_speedup=60)
    (row,) = rows_of(run)
    sent = [e.requested_at for e in cell_of(run).invocations]
    assert sent == pytest.approx([0.0, 2.25, 4.75])
    assert row.event_age_ms == pytest.approx(182_250)
    assert row.executed_at_s == pytest.approx(5.25)


def test_an_event_is_dropped_at_its_greatest_age(tmp_path: Path) -> None:
    run = played(tmp_path, "{ max_age_s = 100 }", behaviours=FAILING, times=(0.0,))
    (row,) = rows_of(run)
    assert (row.attempts, row.event_end) == (2, Condition.EVENT_AGE_EXCEEDED)
    assert row.event_age_ms == pytest.approx(100_000)


def test_what_reserved_concurrency_refuses_is_tried_again(tmp_path: Path) -> None:
    reserved = "[functions.kdd99-numpy]\nreserved_concurrency = 1\n"
    run = played(tmp_path, times=(0.0, 0.1), more=reserved)
    first, second = rows_of(run)
    assert (first.refusals, second.refusals, second.event_end) == (0, 1, "Success")
    # throttled at .1 and due at 1.1, when as many run as had room; the first ends at 1.25
    assert second.event_waited_ms == pytest.approx(1150)
    events = [e.event for e in _entries(run) if isinstance(e.event, ReservedConcurrencySet)]
    assert events == [ReservedConcurrencySet("kdd99-numpy", 1)]


def test_no_reserved_concurrency_drops_every_event(tmp_path: Path) -> None:
    reserved = "[functions.kdd99-numpy]\nreserved_concurrency = 0\n"
    run = played(tmp_path, more=reserved)
    assert [row.event_end for row in rows_of(run)] == [Condition.ZERO_RESERVED_CONCURRENCY] * 2
    assert cell_of(run).invocations == ()
    (stats,) = all_stats(read_study(run))
    assert (stats.requests, stats.throttles, stats.errors) == (2, 0, 0)
    assert [row.event_waited_ms for row in rows_of(run)] == [None, None]


def test_destinations_of_the_template_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = TEMPLATE.replace(
        "      FunctionName: kdd99-numpy\n",
        "      FunctionName: kdd99-numpy\n"
        "      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Letters.Arn}\n"
        "      EventInvokeConfig: {MaximumRetryAttempts: 0}\n",
    )
    monkeypatch.setattr("tests.experiments.plans.TEMPLATE", asking)
    run = played(tmp_path, behaviours=FAILING)
    (figures,) = all_events(read_study(run))
    assert figures.told == {Receiver.DEAD_LETTERS: 2}
    assert (figures.accepted, figures.dropped, figures.retries, figures.left) == (2, 2, 0, 0)


def test_users_send_events_at_their_pauses_pace(tmp_path: Path) -> None:
    plan = PLAN.partition("[[scenario]]")[0] + (
        '[[scenario]]\nkind = "ramp"\nusers = [1, 3]\nseconds = 4\nwait_s = 0.498\n'
        "asynchronous = true\n"
    )
    run = simulated(tmp_path, plan, HALF)
    rows = read_study(run).rows["kdd99-numpy-256mb-ramp-events-r1"]
    # two a second from each user; the pause counts from the 202, which takes 2 ms
    assert len(rows) == pytest.approx(2 * (1 * 2 + 3 * 2), abs=3)
    assert {row.http_status for row in rows} == {202}


def test_warm_up_requests_wait_for_their_answers(tmp_path: Path) -> None:
    run = played(tmp_path, more="warm_up = 2\n")
    one = cell_of(run)
    asked = [record.invocation for record in one.invocations]
    assert asked == ["w1", "w2", "i3", "i4"]
    assert [row.attempts for row in rows_of(run)] == [1, 1]
    assert {row.start for row in rows_of(run)} == {"warm"}


def test_the_same_seed_gives_the_same_records(tmp_path: Path) -> None:
    mixed = HALF + "failures = { error = 0.5 }\n"
    times = tuple(0.2 * place for place in range(50))
    one = played(tmp_path / "a", behaviours=mixed, times=times)
    two = played(tmp_path / "b", behaviours=mixed, times=times)
    for name in (JOURNAL, "events.jsonl", "clients.csv"):
        files = [(run / "cells" / CELL / name).read_bytes() for run in (one, two)]
        assert files[0] == files[1]
    figures = all_events(read_study(one))[0]
    assert figures.ends["Success"] + figures.dropped == 50
    assert 20 < figures.retries < 80


def test_a_network_comes_before_the_queue_and_after_the_202(tmp_path: Path) -> None:
    folder = tmp_path / "far"
    folder.mkdir()
    (folder / "calls.csv").write_text("at\n0.0\n5.0\n")
    plan = f'network = "aws-2018/sao-paulo-us-east-1"\n{PLAN}asynchronous = true\n'
    run = simulated(folder, plan, HALF)
    first, second = rows_of(run)
    assert first.latency_ms > second.latency_ms > 100
    asked = [e.at for e in _entries(run) if isinstance(e.event, InvokeRequested)]
    assert 0.05 < asked[0] < first.latency_ms / 1000
    assert (first.event_end, first.network_ms) == ("Success", 0.0)


def test_report_has_a_table_of_events(tmp_path: Path) -> None:
    run = played(tmp_path, behaviours=FAILING)
    page = report_run(run).with_suffix(".md").read_text()
    section = page.partition("## Asynchronous events")[2].partition("\n## ")[0]
    head, _, row = [line for line in section.splitlines() if line.startswith("|")]
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells["events"] == "2"
    assert (cells["dropped"], cells["RetriesExhausted"], cells["retries"]) == ("2", "2", "4")
    assert cells["longest"] == "750 ms"
    assert cells["oldest at its end"] == "182 s"
    assert "EventAgeExceeded" not in cells


def test_two_runs_are_compared_by_what_became_of_their_events(tmp_path: Path) -> None:
    times = tuple(float(place) for place in range(30))
    fast = played(tmp_path / "fast", times=times)
    slow = played(tmp_path / "slow", times=times, behaviours=FAILING)
    comparison = compare(read_study(fast), read_study(slow))
    (pair,) = comparison.pairs
    found = {difference.figure: difference for difference in pair.differences}
    age = found[Figure.AGE].difference.value
    assert age == pytest.approx(181_000, rel=0.01)
    assert found[Figure.WAITED].change is Change.NONE
    page = markdown(comparison_document(read_study(fast), read_study(slow)))
    assert "Average age of an asynchronous event at its end" in page
    assert "Median latency, cold" not in page


def test_a_run_of_events_calibrates_by_its_every_attempt(tmp_path: Path) -> None:
    times = tuple(float(place) for place in range(30))
    mixed = HALF + "failures = { error = 0.5 }\n"
    run = as_measured(played(tmp_path, times=times, behaviours=mixed))
    retried = sum(len(r.attempts) for r in join(cell_of(run)))
    (samples,) = gather(read_study(run))
    assert sum(samples.ends.values()) == retried > 40
    assert samples.seconds[Phase.OVERHEAD] == []
    again = tmp_path / "again"
    assert simulate(tmp_path / "plan.toml", SimulationOptions(calibrate=run, jobs=1), again) == 0
    (figures,) = all_events(read_study(again))
    assert figures.runs == pytest.approx(retried, rel=0.3)


def test_no_claim_is_tested_on_events_alone(tmp_path: Path) -> None:
    page = report_run(played(tmp_path)).with_suffix(".md").read_text()
    assert "What the study found" not in page
    assert "Latencies of cold and of warm requests" not in page


def _entries(run: Path) -> list[Entry]:
    lines = (run / "cells" / CELL / JOURNAL).read_text().splitlines()
    return [decode(line) for line in lines]
