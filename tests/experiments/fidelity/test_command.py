from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from emulator.core.profile import AWS_2025
from emulator.errors import RunDirectoryError, TestbedError
from emulator.experiments.fidelity.chart import draw
from emulator.experiments.fidelity.command import CHART, TABLE, report_fidelity, run_fidelity
from emulator.experiments.fidelity.report import figures, host_ms, match, table
from emulator.experiments.fidelity.rows import (
    AWS,
    DESCRIPTION,
    ROWS,
    SpinRow,
    read_fidelity,
    write_row,
)
from emulator.experiments.fidelity.spin import (
    FULL_SPEED_MB,
    HANDLER,
    calibrate,
    cpu_stat,
    steal_ms,
    write_functions,
)
from emulator.sam.template import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.experiments.conftest import MadeRun

CALM = SpinRow(
    backend="process",
    round=1,
    memory_mb=128,
    request_id="r",
    sent_at=1_700_000_000.0,
    iterations=500_000,
    wall_ms=200.0,
    cpu_ms=17.5,
    throttles=11,
    throttled_ms=182.0,
    steal_ms=0.0,
    client_ms=210.0,
    load=0.5,
)


class MadeFidelity:
    """A run of one backend whose emulator took 5 ms more than its handler."""

    def __init__(self, run: MadeRun) -> None:
        self.path = run.path
        self.rows: list[SpinRow] = []
        self.run = run
        run.path = self.path / "process"
        run.path.mkdir()
        self.run.deploy(*(f"spin-{mb}" for mb in AWS.mean_ms))

    def add(self, memory_mb: int, wall_ms: float, **other: object) -> None:
        number = len(self.rows) + 1
        row = replace(CALM, memory_mb=memory_mb, wall_ms=wall_ms, request_id=f"r{number}")
        self.rows.append(replace(row, **other))  # type: ignore[arg-type]
        at, function = float(number), f"spin-{memory_mb}"
        self.run.cold(f"c{number}", function, number, at, init=0.1)
        self.run.warm(f"r{number}", function, number, at + 2, took=(wall_ms + 5) / 1000)

    def write(self) -> Path:
        self.run.write()
        facts = {"kernel": {"cfs_slice_us": "5000", "features": None}}
        (self.path / DESCRIPTION).write_text(json.dumps(facts))
        with (self.path / ROWS).open("w", newline="") as file:
            for row in self.rows:
                write_row(file, row)
        return self.path


@pytest.fixture
def fidelity(made: MadeRun) -> MadeFidelity:
    return MadeFidelity(made)


@pytest.fixture
def measured(fidelity: MadeFidelity) -> MadeFidelity:
    """Every size once, a tenth too long, all of it throttling."""
    for mb, ms in AWS.mean_ms.items():
        fidelity.add(mb, ms * 1.1, throttled_ms=ms * 1.1 - 17.5)
    return fidelity


def test_the_curve_of_aws_is_whole() -> None:
    assert list(AWS.mean_ms) == [128, 160, 257, 381, 514, 637, 770, 1027, 1283, 1540, 1770]
    means = list(AWS.mean_ms.values())
    assert means == sorted(means, reverse=True)
    assert sum(means) == pytest.approx(748.4)
    # never shorter than the task, nor longer than its share of CPU alone would make it
    for mb, ms in AWS.mean_ms.items():
        assert AWS.task_ms <= ms <= 1.01 * AWS.task_ms / min(1, AWS_2025.vcpus(mb)) + 20
    assert (AWS.task_ms, AWS.repetitions) == (17.56, 2500)
    assert "2506.01283" in AWS.source


def test_rows_are_read_back_as_they_were_written(measured: MadeFidelity) -> None:
    measured.add(128, 201.5, throttles=None, throttled_ms=None)
    run = read_fidelity(measured.write())
    assert [one.row for one in run.served["process"]] == [
        replace(row, wall_ms=round(row.wall_ms, 4), throttled_ms=row.throttled_ms and
                round(row.throttled_ms, 4))
        for row in measured.rows
    ]  # fmt: skip
    assert run.notes == ()


def test_a_row_has_the_duration_of_the_journal(measured: MadeFidelity) -> None:
    for one in read_fidelity(measured.write()).served["process"]:
        assert one.duration_ms == pytest.approx(one.row.wall_ms + 5, abs=0.001)


def test_figures_of_a_size_are_those_of_its_rows(fidelity: MadeFidelity) -> None:
    for wall_ms, cpu_ms, throttled_ms in ((200, 17, 183), (210, 18, 192), (280, 19, 190)):
        fidelity.add(128, wall_ms, cpu_ms=cpu_ms, throttled_ms=throttled_ms)
    (size,) = figures(read_fidelity(fidelity.write()).served["process"])
    assert (size.memory_mb, size.count, size.aws_ms) == (128, 3, 224.7)
    assert (size.mean_ms, size.median_ms) == (230.0, 210.0)
    assert size.duration_mean_ms == pytest.approx(235.0)
    assert size.duration_median_ms == pytest.approx(215.0)
    assert (size.cpu_ms, size.throttled_ms) == (18.0, pytest.approx(565 / 3))
    assert size.ratio == pytest.approx(230 / 224.7)
    assert size.error == pytest.approx(230 / 224.7 - 1)
    assert size.host_share == pytest.approx(71 / 690)
    assert size.host_bound
    assert (size.undisturbed, size.undisturbed_mean_ms) == (2, 205.0)


def test_what_a_cgroup_did_not_tell_is_not_guessed(fidelity: MadeFidelity) -> None:
    fidelity.add(128, 230.0, throttles=None, throttled_ms=None)
    run = read_fidelity(fidelity.write())
    (size,) = figures(run.served["process"])
    assert (size.throttled_ms, size.host_share, size.undisturbed) == (None, None, None)
    assert match([size], lambda one: one.undisturbed_mean_ms) is None
    assert "undisturbed invocations" not in table(run)


@pytest.mark.parametrize(
    ("wall_ms", "throttled_ms", "expected"), [(200, 180, 2.5), (200, 190, 0), (200, None, None)]
)
def test_the_host_took_what_neither_cpu_nor_throttling_did(
    wall_ms: float, throttled_ms: float | None, expected: float | None
) -> None:
    assert host_ms(replace(CALM, wall_ms=wall_ms, throttled_ms=throttled_ms)) == expected


def test_work_that_took_more_cpu_than_calibrated_was_disturbed(fidelity: MadeFidelity) -> None:
    fidelity.add(1770, 17.6, cpu_ms=17.5, throttled_ms=0)
    fidelity.add(1770, 21.6, cpu_ms=21.5, throttled_ms=0)
    run = read_fidelity(fidelity.write())
    (size,) = figures(run.served["process"])
    assert (size.host_share, size.undisturbed) == (pytest.approx(0.2 / 39.2), 1)
    assert "took +11% of CPU time" in table(run)


def test_a_match_counts_sizes_and_averages_errors(measured: MadeFidelity) -> None:
    measured.add(128, 224.7 * 1.3)  # so the mean of this size is a fifth too long
    of_sizes = figures(read_fidelity(measured.write()).served["process"])
    found = match(of_sizes, lambda size: size.mean_ms)
    assert found is not None
    assert (found.within, found.sizes, found.as_wanted) == (10, 11, False)
    assert found.mean_error == pytest.approx((10 * 0.1 + 0.2) / 11, abs=1e-4)


def test_the_table_says_what_was_measured_and_how_well(measured: MadeFidelity) -> None:
    text = table(read_fidelity(measured.write()))
    assert "Profile aws-2025, backend process" in text
    assert "Linux 6, HZ 250, cgroup v2, 2 CPUs" in text
    assert "means: mean absolute error 10.0%, 11 of 11 sizes within 15%: short of" in text
    assert "CFS bandwidth: cfs_slice_us 5000." in text
    assert "Not as on Lambda: CPU shares are not limited." in text
    assert "BOTTLENECK" not in text
    (line,) = (line for line in text.splitlines() if line.startswith("1770 "))
    assert line.split()[:6] == ["1770", "17.6", "1", "19.4", "1.10", "+10%"]


def test_a_run_that_the_host_slowed_is_marked(measured: MadeFidelity) -> None:
    measured.add(514, 60.0, throttled_ms=20)
    text = table(read_fidelity(measured.write()))
    assert "THE HOST WAS THE BOTTLENECK at 1 of 11 sizes" in text
    (line,) = (line for line in text.splitlines() if line.startswith("514 "))
    assert line.count("*") == 1


def test_table_and_plot_rebuild_from_the_run_directory_alone(measured: MadeFidelity) -> None:
    path = measured.write()
    assert report_fidelity(path) == 0
    assert (path / TABLE).read_text() == table(read_fidelity(path))
    assert (path / CHART).read_bytes().startswith(b"\x89PNG")


def test_the_plot_has_a_curve_of_aws_and_one_of_each_backend(measured: MadeFidelity) -> None:
    curves, errors = draw(read_fidelity(measured.write())).axes
    aws, mean, median = curves.lines
    assert curves.get_yscale() == "log"
    assert list(aws.get_ydata()) == list(AWS.mean_ms.values())
    ours = [ms * 1.1 for ms in AWS.mean_ms.values()]
    assert list(mean.get_ydata()) == pytest.approx(ours, rel=1e-4)
    assert list(median.get_ydata()) == pytest.approx(ours, rel=1e-4)
    assert list(errors.lines[0].get_ydata()) == pytest.approx([10.0] * 11, rel=1e-2)


@pytest.mark.parametrize("name", [DESCRIPTION, ROWS])
def test_a_run_without_one_of_its_files_is_named(measured: MadeFidelity, name: str) -> None:
    path = measured.write()
    (path / name).unlink()
    with pytest.raises(RunDirectoryError, match=f"{name} is missing"):
        read_fidelity(path)


def test_a_run_without_its_journal_is_named(measured: MadeFidelity) -> None:
    path = measured.write()
    (path / "process" / "journal.jsonl").unlink()
    with pytest.raises(RunDirectoryError, match=r"journal\.jsonl is missing"):
        read_fidelity(path)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_description_is_named(measured: MadeFidelity, content: str) -> None:
    path = measured.write()
    (path / DESCRIPTION).write_text(content)
    with pytest.raises(RunDirectoryError, match=r"fidelity\.json is damaged"):
        read_fidelity(path)


def test_a_damaged_row_is_named_by_its_line(measured: MadeFidelity) -> None:
    path = measured.write()
    rows = (path / ROWS).read_text().replace(",128,", ",lots,")
    (path / ROWS).write_text(rows)
    with pytest.raises(RunDirectoryError, match=r"rows\.csv, line 2: invalid literal"):
        read_fidelity(path)


def test_other_columns_are_refused(measured: MadeFidelity) -> None:
    path = measured.write()
    (path / ROWS).write_text("a,b\n1,2\n")
    with pytest.raises(RunDirectoryError, match="begins with 'a,b'"):
        read_fidelity(path)


def test_a_row_that_was_cut_short_is_left_out_and_told(measured: MadeFidelity) -> None:
    path = measured.write()
    (path / ROWS).write_text((path / ROWS).read_text()[:-20])
    run = read_fidelity(path)
    assert len(run.served["process"]) == 10
    assert run.notes == ("The last line of rows.csv was cut short and is left out.",)


def test_a_row_whose_invocation_never_ended_does_not_count(measured: MadeFidelity) -> None:
    measured.rows.append(replace(CALM, request_id="unheard of"))
    run = read_fidelity(measured.write())
    assert len(run.served["process"]) == 11
    assert run.notes == ("process: 1 rows have no end in the journal and do not count.",)


def test_calibration_finds_the_turns_that_take_the_task() -> None:
    tried: list[int] = []

    def took_ms(turns: int) -> float:
        tried.append(turns)
        noise = 5.0 if len(tried) % 4 == 0 else 0.0  # now and then the host takes its part
        return turns * 35e-6 + noise

    assert calibrate(took_ms, 17.56).turns == pytest.approx(17.56 / 35e-6, rel=1e-6)
    assert len(tried) <= 30
    assert max(tried) <= 1.01 * 17.56 / 35e-6


def test_calibration_follows_a_processor_that_becomes_slower() -> None:
    turn_ms = 35e-6
    calibration = calibrate(lambda turns: turns * turn_ms, 17.56)
    before = calibration.turns
    turn_ms *= 1.1
    calibration.sample()
    assert calibration.turns == before  # one sample may be noise
    for _ in range(25):
        calibration.sample()
    assert calibration.turns == pytest.approx(before / 1.1, rel=1e-5)


def test_calibration_gives_up_where_nothing_takes_time() -> None:
    with pytest.raises(TestbedError, match="take 0 ms of CPU only"):
        calibrate(lambda _: 0.0, 17.56)


def test_the_template_has_every_size_and_full_speed(tmp_path: Path) -> None:
    template = load(write_functions(tmp_path, AWS.mean_ms), AWS_2025)
    assert [function.memory_mb for function in template.functions] == [*AWS.mean_ms, FULL_SPEED_MB]
    assert AWS_2025.vcpus(FULL_SPEED_MB) >= 2


def test_the_handler_measures_its_own_work() -> None:
    scope: dict[str, object] = {}
    exec(HANDLER, scope)
    handler = scope["handler"]
    assert callable(handler)
    answer = handler({"iterations": 20_000}, None)
    assert answer["cpu_ms"] > 0
    assert answer["wall_ms"] > 0
    assert set(handler({}, None)) == {"cgroup"}


@pytest.mark.parametrize(
    ("membership", "mount"),
    [
        ("9:name=systemd:/x\n1:cpu:/docker/abc\n0::/\n", "cpu"),
        ("3:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n", "cpu,cpuacct"),
        ("0::/docker/abc\n", "."),
    ],
)
def test_a_sandbox_is_found_by_its_cgroup(tmp_path: Path, membership: str, mount: str) -> None:
    folder = tmp_path / mount / "docker" / "abc"
    folder.mkdir(parents=True)
    (folder / "cpu.stat").write_text("nr_periods 0\nnr_throttled 0\n")
    assert cpu_stat(membership, tmp_path) == tmp_path / mount / "docker" / "abc" / "cpu.stat"


@pytest.mark.parametrize("membership", ["0::/\n", "1:cpu:/\n", "1:cpu:/../x\n", "0::/gone\n", ""])
def test_a_sandbox_whose_cgroup_is_hidden_is_not_found(tmp_path: Path, membership: str) -> None:
    (tmp_path / "cpu").mkdir()
    for folder in (tmp_path, tmp_path / "cpu"):
        (folder / "cpu.stat").write_text("nr_throttled 0\n")
    assert cpu_stat(membership, tmp_path) is None


def test_stolen_time_is_the_eighth_figure_in_ticks(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu  1 2 3 4 5 6 7 30 9 10\ncpu0 1\n")
    assert steal_ms(tmp_path / "stat") == 300.0
    assert steal_ms(tmp_path / "none") == 0.0


def test_a_run_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    with pytest.raises(TestbedError, match="is not empty"):
        run_fidelity(run_dir=tmp_path)


def test_nothing_is_measured_where_no_emulator_starts(tmp_path: Path) -> None:
    assert run_fidelity(run_dir=tmp_path / "run", python="/bin/false") == 1
    assert not (tmp_path / "run" / ROWS).exists()


def test_no_repetition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="At least one"):
        run_fidelity(run_dir=tmp_path / "run", repetitions=0)


def test_figures_for_a_script_are_those_of_the_table(
    measured: MadeFidelity, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = measured.write()
    assert main(["fidelity", "--report", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (served,) = read_fidelity(folder).served.values()
    (sizes,) = told["backends"].values()
    assert [size["mean_ms"] for size in sizes] == [size.mean_ms for size in figures(served)]
