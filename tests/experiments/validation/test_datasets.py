from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from emulator.errors import DatasetError
from emulator.experiments.validation.datasets import (
    InitTimes,
    Request,
    Shot,
    bursts,
    init_times,
    long_runs,
)

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "at_s,cold,duration_ms,client_s,sandbox\n"
BURST = "client_start_ms,handler_start_ms,handler_end_ms,client_end_ms,sandbox,memory_mb\n"


def test_long_run_is_read_in_seconds_and_its_first_request_counts_for_nothing(
    tmp_path: Path,
) -> None:
    with gzip.open(tmp_path / "pacslab-a.csv.gz", "wt") as file:
        file.write(HEAD + "0.0,1,1000.0,1.5,1\n9.5,1,2000.0,2.25,2\n")
    (run,) = long_runs(tmp_path)
    assert run.name == "pacslab-a"
    assert run.requests == (
        Request(0.0, True, 1.0, 1.5, 1),
        Request(9.5, True, 2.0, 2.25, 2),
    )
    assert run.cold == 1


def test_burst_is_named_by_its_file_and_sorted_by_the_time_of_sending(tmp_path: Path) -> None:
    (tmp_path / "burst-sleep_warm-2.csv").write_text(
        BURST + "5.0,70.0,1070.0,1130.0,2,256\n0.0,60.0,1060.0,1120.0,1,256\n"
    )
    (burst,) = bursts(tmp_path)
    assert (burst.kind, burst.size, burst.sandboxes) == ("sleep_warm", 2, 2)
    assert burst.shots[0] == Shot(0.0, 0.06, 1.06, 1.12, 1, 256)
    assert burst.shots[1].overhead == pytest.approx(0.125)
    assert burst.shots[1].before_handler == pytest.approx(0.065)


def test_newest_init_times_are_read(tmp_path: Path) -> None:
    entry = {"r": "x", "p": "zip", "d": "python3.12", "i": [80.0, 90.0], "m": 128, "a": "arm64"}
    (tmp_path / "lambda-perf-2026-01-01.json").write_text("nonsense")
    (tmp_path / "lambda-perf-2026-02-01.json").write_text(json.dumps({"runtimeData": [entry]}))
    assert init_times(tmp_path) == [InitTimes("python3.12", "zip", "arm64", 128, (80.0, 90.0))]


def test_wrong_line_is_named(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "pacslab-a.csv.gz", "wt") as file:
        file.write(HEAD + "0.0,1,1000.0,1.5,1\nlater,1,2000.0,2.25,2\n")
    with pytest.raises(DatasetError, match=r"pacslab-a\.csv\.gz, line 3"):
        long_runs(tmp_path)


@pytest.mark.parametrize("read", [long_runs, bursts, init_times])
def test_folder_without_the_files_is_refused(tmp_path: Path, read: type) -> None:
    with pytest.raises(DatasetError, match="has no file"):
        read(tmp_path)


def test_burst_whose_name_has_no_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "burst-sleep-many.csv").write_text(BURST)
    with pytest.raises(DatasetError, match="burst-KIND-N"):
        bursts(tmp_path)


def test_init_times_of_another_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lambda-perf-2026-02-01.json").write_text('{"runtimeData": [{"p": "zip"}]}')
    with pytest.raises(DatasetError, match="lambda-perf"):
        init_times(tmp_path)
