from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import pytest

from emulator.core.journal import replay
from emulator.core.messages.events import InvokeRequested
from emulator.core.scheduler import Scheduler
from emulator.errors import RunDirectoryError, SettingsError
from emulator.experiments.policies import trace_command
from emulator.experiments.policies.trace_command import simulate_trace
from emulator.experiments.policies.trace_part import parts, run_parts, simulate_part
from emulator.experiments.policies.trace_run import Assumptions, run_policy
from emulator.experiments.policies.trace_study import TraceStudy
from emulator.experiments.records.parquet_journal import read_journal
from emulator.experiments.records.run_directory import read_run
from emulator.policy_choice import chosen
from emulator.sim.traces import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

TRACE = "at,function,duration\n0,a,0.5\n100,a,0.5\n1000,a,0.5\n1000,b,2\n1001,b,2\n"
ASSUMED = Assumptions(memory_mb=1024, cold_start=1.0)


def study(path: Path, *policies: str, assumed: Assumptions = ASSUMED, **more: Any) -> TraceStudy:
    return TraceStudy(path, "csv", policies or ("fixed:seconds=200",), assumed, **more)


def written(folder: Path, text: str = TRACE) -> Path:
    path = folder / "calls.csv"
    path.write_text(text)
    return path


def many(folder: Path, functions: int = 150) -> Path:
    chance = random.Random(1)
    rows = [f"{chance.random() * 3000},f{n % functions},0.2" for n in range(functions * 8)]
    return written(folder, "at,function,duration\n" + "\n".join(rows) + "\n")


def simulated(made: TraceStudy, folder: Path, **options: Any) -> list[dict[str, str]]:
    assert simulate_trace(made, folder, lambda _: None, **options) == 0
    return list(csv.DictReader((folder / "summary.csv").read_text().splitlines()))


@pytest.mark.parametrize("policy", ["fixed:seconds=200", "lru", "provisioned", "prewarming"])
def test_sums_are_those_of_a_comparison_of_policies(tmp_path: Path, policy: str) -> None:
    path = written(tmp_path)
    made = study(path, policy)
    trace = made.read()
    (part,) = parts(made, trace, tmp_path, journal=False)
    tally = simulate_part(part, trace)
    calls = list(table.read(path).draw(random.Random(0)))
    told = run_policy(calls, chosen(policy), policy, ASSUMED)
    assert (tally.calls, +tally.cold) == (told.calls, +told.cold)
    assert tally.end == 1004.0
    # lifetimes that are drawn are others', as each part has its own chance
    assert tally.wasted_mb_s == pytest.approx(told.wasted_mb_s, rel=0.1)
    assert tally.dollars == pytest.approx(told.dollars, rel=0.01)


def test_sandboxes_of_each_minute_are_those_worked_by_hand(tmp_path: Path) -> None:
    made = study(written(tmp_path))
    trace = made.read()
    (part,) = parts(made, trace, tmp_path, journal=False)
    tally = simulate_part(part, trace)
    # one from 0 to 300.5; from 1000 two, from 1001 three, until the last call ends at 1004
    assert dict(tally.sandboxes) == {0: 60, 1: 60, 2: 60, 3: 60, 4: 60, 5: 0.5, 16: 2 + 3 * 3}
    assert tally.memory[0] == 60 * 1024
    assert tally.waited == pytest.approx(4 * 1.0)


def test_number_of_processes_changes_no_figure(tmp_path: Path) -> None:
    made = study(many(tmp_path), "lifetime", "fixed:seconds=600")
    for jobs in (1, 2):
        simulated(made, tmp_path / str(jobs), jobs=jobs)
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert "over-time.csv" in names
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_functions_that_share_a_limit_are_simulated_together(tmp_path: Path) -> None:
    path = many(tmp_path)
    limited = Assumptions(memory_mb=1024, host_memory_mb=4096)
    for made, count in (
        (study(path), 16),
        (study(path, concurrency=3), 1),
        (study(path, assumed=limited), 1),
    ):
        todo = parts(made, made.read(), tmp_path, journal=False)
        assert len(todo) == count
        assert sum(len(part.names) for part in todo) == 150


def test_limits_are_met(tmp_path: Path) -> None:
    path = many(tmp_path)
    limited = Assumptions(memory_mb=1024, host_memory_mb=4096)
    (row,) = simulated(study(path, concurrency=1), tmp_path / "c")
    assert int(row["throttled"]) > 10
    (row,) = simulated(study(path, "lru", assumed=limited), tmp_path / "m")
    memory = csv.DictReader((tmp_path / "m/over-time.csv").read_text().splitlines())
    assert max(float(each["memory_mb"]) for each in memory) <= 4096


def test_window_scale_and_sample_choose_the_calls(tmp_path: Path) -> None:
    path = written(tmp_path)
    (row,) = simulated(study(path, window=(50.0, 1000.5)), tmp_path / "w")
    assert row["calls"] == "3"
    (row,) = simulated(study(path, scale=2.0), tmp_path / "s")
    assert row["calls"] == "10"
    (row,) = simulated(study(path, sample=1), tmp_path / "n")
    assert row["calls"] in {"3", "2"}


def test_journal_is_replayed_by_a_fresh_scheduler(tmp_path: Path) -> None:
    made = study(many(tmp_path), "lru", "fixed:seconds=600")
    journal = tmp_path / "journal.parquet"
    simulated(made, tmp_path / "run", jobs=2, journal=journal)
    assert {path.suffix for path in (tmp_path / "run").iterdir()} == {
        ".csv",
        ".png",
        ".md",
        ".json",
    }
    names = {name for name, _ in read_journal(journal)}
    assert names == {f"{p}/{n}" for p in made.policies for n in range(16)}
    entries = [entry for _, entry in read_journal(journal, "lru/3")]
    trace = made.read()
    part = next(p for p in parts(made, trace, tmp_path, journal=False) if p.number == 3)
    replay(entries, Scheduler(part.settings(), random.Random(part.seed)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at,function\nsoon,a\n", "line 2"),
        ("at,function\n", "holds no functions"),
        ("when,function\n", "line 1: there is no column at"),
    ],
)
def test_wrong_trace_is_refused_before_a_folder_is_made(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        simulated(study(written(tmp_path, text)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_tenants_share_no_sandbox(tmp_path: Path) -> None:
    rows = "at,function,tenant\n1,a,x\n20,a,y\n30,a,x\n"
    (row,) = simulated(study(written(tmp_path, rows)), tmp_path / "run", jobs=1)
    assert (row["calls"], float(row["cold"])) == ("3", pytest.approx(2 / 3, rel=1e-4))


def test_wrong_policy_and_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="luck"):
        simulated(study(written(tmp_path), "luck"), tmp_path / "run")
    with pytest.raises(SettingsError, match="see compare-policies"):
        simulated(study(written(tmp_path), "oracle"), tmp_path / "run")
    made = TraceStudy(written(tmp_path), "excel", ("lru",), ASSUMED)
    with pytest.raises(SettingsError, match="excel"):
        simulated(made, tmp_path / "run")


@pytest.mark.parametrize(
    ("cut", "named"),
    [
        ({"window": (90_000.0, 1e9)}, " after --window"),
        ({"scale": 0.0}, " after --scale"),
        ({}, ""),
    ],
)
def test_a_trace_without_a_call_is_refused_and_leaves_nothing(
    tmp_path: Path, cut: dict[str, Any], named: str
) -> None:
    text = TRACE if cut else "day,time,a\n0,0,0\n"
    made = TraceStudy(written(tmp_path, text), "csv" if cut else "huawei", ("lru",), ASSUMED, **cut)
    with pytest.raises(SettingsError, match=f"is left to simulate{named}"):
        simulated(made, tmp_path / "run", jobs=1)
    assert not (tmp_path / "run").exists()


def test_a_line_that_is_wrong_late_leaves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "day,time,a\n0,0,3\n0,60,x\n")
    with pytest.raises(SettingsError, match=r"calls\.csv, line 3"):
        simulated(TraceStudy(path, "huawei", ("lru",), ASSUMED), tmp_path / "run", jobs=1)
    assert not (tmp_path / "run").exists()


def test_a_journals_folder_that_is_missing_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--journal: there is no folder"):
        simulated(study(tmp_path / "no.csv"), tmp_path / "run", journal=tmp_path / "no" / "j")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_another_run_is_refused(tmp_path: Path) -> None:
    simulated(study(written(tmp_path)), tmp_path / "run", jobs=1)
    with pytest.raises(SettingsError, match="is not empty"):
        simulated(study(written(tmp_path)), tmp_path / "run", jobs=1)


def test_a_simulated_trace_is_no_run_to_report(tmp_path: Path) -> None:
    simulated(study(written(tmp_path)), tmp_path / "run", jobs=1)
    with pytest.raises(
        RunDirectoryError, match=r"a simulated trace keeps sums: see its summary\.md"
    ):
        read_run(tmp_path / "run")


def test_ctrl_c_leaves_the_policies_that_were_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any) -> Iterator[Any]:
        for number, done in enumerate(run_parts(*given)):
            if number == 20:  # of 32: all of the first policy, and a few of the second
                raise KeyboardInterrupt
            yield done

    monkeypatch.setattr(trace_command, "run_parts", interrupted)
    made = study(many(tmp_path), "lru", "fixed:seconds=600")
    journal = tmp_path / "journal.parquet"
    lines: list[str] = []
    assert simulate_trace(made, tmp_path / "run", lines.append, jobs=1, journal=journal) == 130
    rows = list(csv.DictReader((tmp_path / "run/summary.csv").read_text().splitlines()))
    assert [row["policy"] for row in rows] == ["lru"]
    assert len({name for name, _ in read_journal(journal)}) == 20
    assert "1 of 2 policies" in " ".join(lines)


def test_failing_events_are_tried_three_times_with_the_waits_of_aws(tmp_path: Path) -> None:
    made = study(
        written(tmp_path, "at,function,duration\n10,a,0.5\n"), asynchronous=True, failing=1.0
    )
    trace = made.read()
    journal = tmp_path / "journal.parquet"
    simulated(made, tmp_path / "run", journal=journal)
    entries = [entry for _, entry in read_journal(journal)]
    asked = [entry.at for entry in entries if isinstance(entry.event, InvokeRequested)]
    first = 10.0 + 1.0 + 0.5  # a cold start, and the handler
    second = first + 60.0 + 0.5
    assert asked == pytest.approx([10.0, first + 60.0, second + 120.0])
    (part,) = parts(made, trace, tmp_path, journal=False)
    events = simulate_part(part, trace).events
    assert (events.accepted, events.attempts) == (1, 3)
    assert events.ends == {"RetriesExhausted": 1}
    assert events.oldest == pytest.approx(second + 120.0 + 0.5 - 10.0)
    assert "| RetriesExhausted |" in (tmp_path / "run" / "summary.md").read_text()


def test_throttled_events_wait_until_there_is_room(tmp_path: Path) -> None:
    text = "at,function,duration\n" + "".join(f"{n / 100},a,5\n" for n in range(20))
    made = study(written(tmp_path, text), asynchronous=True, concurrency=4)
    trace = made.read()
    (part,) = parts(made, trace, tmp_path, journal=False)
    tally = simulate_part(part, trace)
    assert tally.events.ends == {"Success": 20}
    assert tally.events.attempts == 20
    synchronous = simulate_part(
        parts(study(tmp_path / "calls.csv", concurrency=4), trace, tmp_path, journal=False)[0],
        trace,
    )
    assert synchronous.throttled.total() == 16
