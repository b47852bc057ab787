from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from emulator.experiments.records.run_directory import read_run
from emulator.experiments.report.text import aligned_table, machine_facts, milliseconds, run_title

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


def test_a_run_is_called_by_profile_backend_and_start(made: MadeRun) -> None:
    started = f"{datetime.fromtimestamp(1_700_000_000).astimezone():%Y-%m-%d %H:%M}"
    info = read_run(made.write()).info
    assert run_title(info) == f"Profile aws-2025, backend process, started {started}"
    assert machine_facts(info.machine) == "Linux 6, HZ 250, cgroup v2, 2 CPUs, 8 GB"


def test_machine_line_tells_what_is_known_alone(made: MadeRun) -> None:
    info = read_run(made.write(machine={"cpus": 4, "hz": None, "load": 0.0})).info
    assert machine_facts(info.machine) == "4 CPUs, load 0.0 at the start"
    disks = read_run(made.write(machine={"read_ahead_kb": {"vda": 8192}})).info
    assert machine_facts(disks.machine) == "vda reads 8192 KB ahead"
    assert machine_facts({}) == "unknown machine"


def test_times_have_three_figures() -> None:
    assert [milliseconds(value) for value in (None, 0.1234, 9.999, 12.345, 1234.5)] == [
        "-", "0.12", "10.00", "12.3", "1234",
    ]  # fmt: skip


def test_columns_align_names_left_and_figures_right() -> None:
    assert aligned_table([("name", "n"), ("a", "100"), ("bcdef", "7")]) == [
        "name      n",
        "-----------",
        "a       100",
        "bcdef     7",
    ]
