from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from emulator.experiments.report import aligned, machine_line, milliseconds, table
from emulator.experiments.run_directory import read_run

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


STARTED = f"{datetime.fromtimestamp(1_700_000_000).astimezone():%Y-%m-%d %H:%M}"


def test_table_has_a_line_a_function_and_tells_what_it_is_made_of(study: MadeRun) -> None:
    study.warm("other", "slow", 1, 8.0, took=1.0)
    text = table(read_run(study.write()))
    assert text == (
        f"Profile aws-2025, backend process, started {STARTED}\n"
        "Linux 6, HZ 250, cgroup v2, 2 CPUs, 8 GB\n"
        "\n"
        "function   requests   errors   cold starts    p50    p95    p99    max   p50 cold   "
        "p50 warm   init p50   peak sandboxes\n"
        "-------------------------------------------------------------------------------------"
        "-----------------------------------\n"
        "slow              5        1             2   1516   4718   4960   5020       4015   "
        "    17.0       3000                2\n"
        "fast              2        0             2   1600   1690   1698   1700       1600   "
        "       -        600                1\n"
        "\n"
        "Times in ms, of answered requests; percentiles interpolate linearly between raw values.\n"
        "Latency as its clients saw it: slow.\n"
        "Latency as the emulator saw it: fast.\n"
        "slow: 1 more invocations came past the clients whose rows are here; they are not "
        "counted.\n"
        "Not as on Lambda: CPU shares are not limited.\n"
    )


def test_a_run_without_requests_says_so(made: MadeRun) -> None:
    assert "No request was made." in table(read_run(made.write()))


def test_machine_line_tells_what_is_known_alone(made: MadeRun) -> None:
    info = read_run(made.write(machine={"cpus": 4, "hz": None, "load": 0.0})).info
    assert machine_line(info) == "4 CPUs, load 0.0 at the start"
    assert machine_line(read_run(made.write(machine={})).info) == "unknown machine"


def test_times_have_three_figures() -> None:
    assert [milliseconds(value) for value in (None, 0.1234, 9.999, 12.345, 1234.5)] == [
        "-", "0.12", "10.00", "12.3", "1234",
    ]  # fmt: skip


def test_columns_align_names_left_and_figures_right() -> None:
    assert aligned([("name", "n"), ("a", "100"), ("bcdef", "7")]) == [
        "name      n",
        "-----------",
        "a       100",
        "bcdef     7",
    ]
