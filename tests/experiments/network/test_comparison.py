from __future__ import annotations

import csv
import gzip
import os
import random
from pathlib import Path

import numpy as np
import pytest

from emulator.core.network_paths import PATHS
from emulator.errors import SettingsError
from emulator.experiments.network.comparison import compare
from emulator.experiments.network.overhead import SHARES, fit, read_runs
from emulator.experiments.network.page import CSV, FIGURE, write_comparison

DATES = ("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04", "2020-01-05")


def write_run(folder: Path, date: str, overheads: list[float]) -> None:
    rows = ["at_s,cold,duration_ms,client_s,sandbox", "0.0,1,1000.0,9.0,1"]
    rows += [f"{n}.0,0,1000.0,{1 + overhead:.6f},1" for n, overhead in enumerate(overheads, 1)]
    with gzip.open(folder / f"pacslab-{date}.csv.gz", "wt") as file:
        file.write("\n".join(rows) + "\n")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    chance = random.Random(5)
    for date in DATES:
        write_run(tmp_path, date, [0.08 + 0.05 * chance.random() for _ in range(200)])
    return tmp_path


def test_overhead_is_what_a_warm_client_waits_beside_the_function(tmp_path: Path) -> None:
    for date in DATES:
        write_run(tmp_path, date, [0.1, 0.2, 0.3])
    runs = read_runs(tmp_path)
    assert [run.date for run in runs] == list(DATES)
    assert runs[0].overhead == pytest.approx([0.1, 0.2, 0.3])


def test_every_fitted_run_counts_the_same_however_many_requests_it_has(tmp_path: Path) -> None:
    write_run(tmp_path, DATES[0], [0.1] * 900)
    write_run(tmp_path, DATES[1], [0.2] * 90)
    write_run(tmp_path, DATES[2], [0.6] * 9)
    write_run(tmp_path, DATES[3], [5.0] * 9)
    points = fit(read_runs(tmp_path)[:3])
    assert [share for share, _ in points] == [*SHARES, 1.0]
    assert {seconds for _, seconds in points} == {0.3}


def test_later_runs_are_held_out_and_compared_with_what_the_emulator_draws(data: Path) -> None:
    comparison = compare(data)
    assert [run.date for run in comparison.held_out] == list(DATES[3:])
    assert {error.date for error in comparison.errors} == set(DATES[3:])
    path = PATHS["aws-2020/pacslab"].front_end.time
    for error in comparison.errors:
        assert error.predicted == pytest.approx(path.at(error.share), rel=0.01)
        assert error.error == error.predicted / error.real - 1
    assert not comparison.is_current
    assert comparison.fitted == fit(comparison.seen)


def test_page_figure_and_csv_tell_of_every_held_out_run(data: Path, tmp_path: Path) -> None:
    comparison = compare(data)
    page = write_comparison(comparison, tmp_path / "out")
    text = page.with_suffix(".md").read_text()
    assert "is not what these runs give" in text
    assert all(date in text for date in DATES)
    for path in PATHS.values():
        assert path.name == "local" or f"| {path.name} |" in text
        assert path.placement is None or path.placement.source in text
    figure = (tmp_path / "out" / "charts" / f"{FIGURE}.png").read_bytes()
    assert figure.startswith(b"\x89PNG")
    with (tmp_path / "out" / CSV).open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(comparison.errors) == 18
    assert float(rows[0]["predicted_s"]) == pytest.approx(comparison.errors[0].predicted, abs=1e-4)


@pytest.mark.parametrize("kept", [0, 3])
def test_too_few_runs_are_refused(data: Path, kept: int) -> None:
    for date in DATES[kept:]:
        (data / f"pacslab-{date}.csv.gz").unlink()
    with pytest.raises(SettingsError, match=f"has {kept} files pacslab"):
        read_runs(data)


@pytest.mark.parametrize("text", ["at_s,cold\n0,0\n", "cold,duration_ms,client_s\n0,x,1\n", ""])
def test_a_damaged_run_is_refused_by_its_name(data: Path, text: str) -> None:
    damaged = data / f"pacslab-{DATES[2]}.csv.gz"
    with gzip.open(damaged, "wt") as file:
        file.write(text)
    with pytest.raises(SettingsError, match="pacslab-2020-01-03"):
        read_runs(data)


def test_the_emulator_s_path_is_what_the_measurements_give() -> None:
    folder = os.environ.get("TESTBED_DATA", "")
    if not folder or not list((Path(folder) / "aws").glob("pacslab-*.csv.gz")):
        pytest.skip("TESTBED_DATA names no folder with aws/pacslab-*.csv.gz")
    comparison = compare(Path(folder) / "aws")
    assert comparison.is_current
    errors = np.array([error.error for error in comparison.errors])
    assert abs(errors).max() < 0.07
