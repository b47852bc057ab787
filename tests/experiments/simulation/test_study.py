from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.core import journal
from emulator.core.policy import PickOrder
from emulator.core.profiles import PROFILES
from emulator.core.scheduler import Scheduler
from emulator.core.scheduling import scheduling
from emulator.errors import SettingsError
from emulator.experiments.analysis.cell_stats import all_stats
from emulator.experiments.plan.cells import Origin, planned_cells
from emulator.experiments.plan.loader import load
from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.study import CellStatus
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.simulation import study as study_module
from emulator.experiments.simulation.study import SimulationOptions, simulate
from emulator.project import LOCUSTFILES, project_path
from tests.experiments.plans import write_plan
from tests.experiments.simulation.simulated import BEHAVIOURS, PLAN, simulated

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.simulation.cell import SimulatedCell


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("simulated"))


def test_a_study_has_the_plans_cells_once_whatever_its_backends(run: Path) -> None:
    study = read_study(run)
    assert [cell.id for cell in study.cells] == [
        f"kdd99-numpy-{size}mb-{kind}-r1"
        for kind in ("ramp", "keep-warm")
        for size in (256, 512, 1024)
    ]
    assert {cell.status for cell in study.cells} == {CellStatus.DONE}
    assert not study.problems


def test_study_and_every_run_say_that_they_are_simulated(run: Path) -> None:
    study = read_study(run)
    assert study.origin is Origin.SIMULATED
    assert {cell.condition.origin for cell in study.cells} == {Origin.SIMULATED}
    assert {row.backend for rows in study.rows.values() for row in rows} == {"simulated"}
    assert {run.info.origin for run in study.runs.values()} == {Origin.SIMULATED}
    (one, *_) = study.runs.values()
    assert read_study(one.path).origin is Origin.SIMULATED


def test_clients_see_the_network_on_top_of_the_emulators_latency(run: Path) -> None:
    one = read_run(run / "cells" / "kdd99-numpy-512mb-ramp-r1")
    by_id = {record.invocation: record for record in one.invocations}
    overheads = [row.latency_ms / 1000 - by_id[row.request_id].latency for row in one.clients]
    assert len(overheads) > 100
    assert (min(overheads), max(overheads)) == pytest.approx((0.001, 0.003), abs=0.0001)


def test_users_obey_littles_law_and_each_brings_a_cold_start(run: Path) -> None:
    stats = {s.cell.id: s for s in all_stats(read_study(run))}
    ramp = stats["kdd99-numpy-512mb-ramp-r1"]
    assert ramp.mean_ms.value is not None
    # 8 users on average, who pause .1 s
    assert ramp.requests / 20 == pytest.approx(8 / (ramp.mean_ms.value / 1000 + 0.1), rel=0.03)
    assert ramp.cold_starts == 12
    expected = 0.02 + 0.03 * 1792 / 512 + 0.002
    assert ramp.warm_ms.value == pytest.approx(expected * 1000, rel=0.02)


def test_pings_keep_the_sandbox_of_single_requests_warm(run: Path) -> None:
    rows = read_study(run).rows["kdd99-numpy-256mb-keep-warm-r1"]
    assert [row.start for row in rows if row.user_count] == ["cold", "warm", "warm"]
    assert [round(row.sent_at_s) for row in rows if not row.user_count] == [10, 20, 30, 40]


def test_same_seed_gives_the_same_records_on_any_number_of_processes(
    run: Path, tmp_path: Path
) -> None:
    again = simulated(tmp_path, jobs=2)
    for path in sorted(run.rglob("journal.jsonl")):
        assert path.read_bytes() == (again / path.relative_to(run)).read_bytes()
    assert (run / "requests.csv").read_bytes() == (again / "requests.csv").read_bytes()
    other = simulated(tmp_path, name="other", seed=4)
    assert (run / "requests.csv").read_bytes() != (other / "requests.csv").read_bytes()


def test_dilated_cells_have_client_rows_in_real_time_as_live_cells(
    run: Path, tmp_path: Path
) -> None:
    text = PLAN.replace("seed = 3", "seed = 3\ndilation = 4")
    dilated = simulated(tmp_path, text)
    cell = "kdd99-numpy-256mb-ramp-r1"
    plain, slow = (read_run(folder / "cells" / cell).clients for folder in (run, dilated))
    assert slow[0].latency_ms == pytest.approx(4 * plain[0].latency_ms, abs=0.01)
    ours, theirs = read_study(run).rows[cell], read_study(dilated).rows[cell]
    assert [r.latency_ms for r in theirs] == pytest.approx([r.latency_ms for r in ours], abs=0.01)


def test_replay_of_a_cells_journal_gives_the_same_commands(run: Path) -> None:
    cell = read_run(run / "cells" / "kdd99-numpy-256mb-keep-warm-r1")
    settings = scheduling(
        PROFILES["aws-2018"],
        host_memory_mb=1 << 30,
        pick_order=PickOrder.MOST_RECENTLY_USED,
        idle_speedup=60,
    )
    lines = (cell.path / "journal.jsonl").read_text().splitlines()
    assert cell.info.seed is not None
    scheduler = Scheduler(settings, random.Random(cell.info.seed))
    journal.replay(map(journal.decode, lines), scheduler)


@pytest.mark.parametrize(
    ("kind", "requests"),
    [
        ('kind = "constant"\nusers = 2\nseconds = 10', 98),
        ('kind = "poisson"\nrate = 9\nseconds = 10', 74),
        ('kind = "trace"\nfile = "arrivals.csv"', 3),
        ('kind = "idle"\nidle_speedup = 60', 5),
    ],
)
def test_every_kind_of_load_is_simulated(tmp_path: Path, kind: str, requests: int) -> None:
    (tmp_path / "arrivals.csv").write_text("at\n0\n0.5\n7\n")
    plan = PLAN[: PLAN.index("[[scenario]]")] + f"[[scenario]]\n{kind}\nwarm_up = 2\n"
    run = simulated(tmp_path, plan, "[[behaviour]]\nwarm = 0.1\ninit = 0.5\n")
    rows = read_study(run).rows
    assert {len(of_cell) for of_cell in rows.values()} == {requests}
    assert all(row.ok for of_cell in rows.values() for row in of_cell)


def test_arrivals_by_chance_come_when_the_locustfile_sends_them(tmp_path: Path) -> None:
    load = '[[scenario]]\nkind = "poisson"\nrate = 9\nseconds = 10\n'
    run = simulated(tmp_path, PLAN[: PLAN.index("[[scenario]]")] + load)
    script = "import poisson; print(*poisson.arrivals(9, 10.0, 3))"
    # in a process of its own: Locust changes the one that imports it
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project_path(LOCUSTFILES),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    wanted = [float(at) for at in told.split()]
    (rows, *_) = read_study(run).rows.values()
    sent = [row.sent_at_s for row in rows]
    assert sent == pytest.approx([at - wanted[0] for at in wanted], abs=1e-5)


def test_plans_network_stands_between_clients_and_the_function(run: Path, tmp_path: Path) -> None:
    far = simulated(
        tmp_path, PLAN.replace("[axes]", '[network]\npath = "aws-2018/sao-paulo-us-east-1"\n[axes]')
    )
    cell = "kdd99-numpy-512mb-ramp-r1"
    ours = {s.cell.id: s for s in all_stats(read_study(far))}[cell]
    near = {s.cell.id: s for s in all_stats(read_study(run))}[cell]
    assert ours.warm_ms.value is not None
    assert near.warm_ms.value is not None
    assert ours.warm_ms.value > near.warm_ms.value + 100
    for row in read_study(far).rows[cell]:
        assert row.network_ms is not None
        assert row.latency_ms > row.network_ms > 50


def test_stem_cells_spare_the_first_cold_starts_the_making_of_a_sandbox(
    run: Path, tmp_path: Path
) -> None:
    behaviours = BEHAVIOURS + "specialise = 0.004\n"
    with_cells = simulated(tmp_path, behaviours=behaviours, stem_cells=3)
    cell = "kdd99-numpy-512mb-ramp-r1"
    records = read_run(with_cells / "cells" / cell).invocations
    of_a_cell = [record.anatomy for record in records if record.stem_cell]
    assert len(of_a_cell) >= 3
    for anatomy in of_a_cell:
        assert anatomy is not None
        assert (anatomy.create, anatomy.start) == (0, 0)
        assert anatomy.connect == pytest.approx(0.004, abs=1e-6)
    as_ever = read_run(run / "cells" / cell).invocations
    assert not any(record.stem_cell for record in as_ever)


def test_failures_are_answers_that_are_not_right(tmp_path: Path) -> None:
    text = BEHAVIOURS + "failures = { error = 0.5, out-of-memory = 0.2 }\n"
    rows = [r for rows in read_study(simulated(tmp_path, behaviours=text)).rows.values()
            for r in rows]  # fmt: skip
    statuses = {row.emulator_status for row in rows}
    assert statuses == {"ok", "handler error", "out of memory"}
    assert all(row.ok == (row.emulator_status == "ok") for row in rows)


def test_ctrl_c_leaves_a_run_of_the_cells_that_were_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = study_module._one
    done: list[str] = []

    def stopped_at_the_third(task: tuple[SimulatedCell, Path]) -> tuple[str, int]:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(task[0].cell.id)
        return whole(task)

    monkeypatch.setattr(study_module, "_one", stopped_at_the_third)
    path = write_plan(tmp_path, PLAN)
    (tmp_path / "b.toml").write_text(BEHAVIOURS)
    options = SimulationOptions(behaviours=tmp_path / "b.toml", jobs=1)
    assert simulate(path, options, tmp_path / "run") == 130
    assert "2 of 6 cells are in" in capsys.readouterr().out
    study = read_study(tmp_path / "run")
    assert list(study.rows) == done
    assert [cell.status for cell in study.cells].count(CellStatus.PENDING) == 4
    assert "The simulation was stopped before its end" in study.problems[-1]


def is_gone(group: int) -> bool:
    """Returns whether a group's processes end; init takes a moment to see that orphans have."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_ctrl_c_ends_all_processes_and_keeps_what_was_done(tmp_path: Path) -> None:
    """The real signal, to the real command, with two processes: the second cell never ends soon."""
    load = '[[scenario]]\nkind = "constant"\nseconds = 5\n'
    load += '[[scenario]]\nkind = "poisson"\nrate = 500\nseconds = 100_000\n'
    path = write_plan(tmp_path, PLAN[: PLAN.index("[[scenario]]")] + load)
    (tmp_path / "b.toml").write_text(BEHAVIOURS)
    command = [sys.executable, "-m", "emulator.cli", "simulate", str(path), "--jobs", "2"]
    command += ["--behaviours", str(tmp_path / "b.toml"), "--run-dir", str(tmp_path / "run")]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and process.poll() is None:
                study = tmp_path / "run" / "study.json"
                if study.exists() and study.read_text().count('"done"') == 3:
                    break
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert is_gone(process.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    found = read_study(tmp_path / "run")
    assert len(found.rows) == 3
    assert {cell.condition.scenario for cell, _ in found.measured()} == {"constant"}


def test_plan_without_behaviours_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    path = write_plan(tmp_path, PLAN)
    with pytest.raises(SettingsError, match=r"--behaviours FILE.*--calibrate RUN"):
        simulate(path, SimulationOptions(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_plan_may_name_its_behaviours(tmp_path: Path) -> None:
    path = write_plan(tmp_path, PLAN.replace("seed = 3", 'behaviours = "b.toml"'))
    (tmp_path / "b.toml").write_text(BEHAVIOURS)
    assert simulate(path, SimulationOptions(jobs=1), tmp_path / "run") == 0
    facts = json.loads((tmp_path / "run/cells/kdd99-numpy-256mb-ramp-r1/run.json").read_text())
    assert facts["settings"]["behaviour"] == "b.toml"


def test_simulated_cells_are_never_equal_to_measured_ones(tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path, PLAN.replace('"docker", "process"', '"process"')))
    measured, predicted = planned_cells(plan), planned_cells(plan, origin=Origin.SIMULATED)
    assert [cell.id for cell in measured] == [cell.id for cell in predicted]
    for one, other in zip(measured, predicted, strict=True):
        assert one.condition != replace(other.condition, backend=one.condition.backend)
