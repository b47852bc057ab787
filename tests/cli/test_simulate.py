from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from emulator.cli import main
from tests.experiments.plans import write_plan
from tests.experiments.simulation.simulated import BEHAVIOURS, PLAN

if TYPE_CHECKING:
    from pathlib import Path

TRACE = "at,function,duration\n0,a,0.5\n100,a,0.5\n1000,b,2\n"


def test_each_option_of_a_trace_is_part_of_what_is_simulated(tmp_path: Path) -> None:
    trace, folder = tmp_path / "calls.csv", tmp_path / "run"
    trace.write_text(TRACE)
    options = (
        "--policy lru --policy fixed:seconds=600 --policy lru --profile aws-2018 --memory 512 "
        "--cold-start 2.5 --host-memory 4096 --concurrency 7 --asynchronous --failing 0.25 "
        "--sample 1 --window 50: --scale 2 --seed 3 --jobs 1"
    )
    files = ["--run-dir", str(folder), "--journal", str(tmp_path / "all.parquet")]
    assert main(["simulate", "--trace", str(trace), *options.split(), *files]) == 0
    told = json.loads((folder / "run.json").read_text())
    assumed = told.pop("assumed")
    assert {name: assumed[name] for name in ("profile", "memory_mb", "cold_start", "seed")} == {
        "profile": "aws-2018",
        "memory_mb": 512,
        "cold_start": 2.5,
        "seed": 3,
    }
    assert assumed["host_memory_mb"] == 4096
    assert told["policies"] == ["lru", "fixed:seconds=600"]
    assert told["window"][0] == 50.0
    names = ("concurrency", "asynchronous", "failing", "sample", "scale", "functions")
    assert [told[name] for name in names] == [7, True, 0.25, 1, 2.0, 1]
    assert (tmp_path / "all.parquet").is_file()


def test_options_of_a_plan_are_part_of_its_run(tmp_path: Path) -> None:
    plan, behaviours = write_plan(tmp_path, PLAN), tmp_path / "times.toml"
    behaviours.write_text(BEHAVIOURS)
    words = f"--behaviours {behaviours} --seed 5 --jobs 1 --run-dir {tmp_path / 'run'}".split()
    assert main(["simulate", str(plan), *words]) == 0
    assert json.loads((tmp_path / "run" / "study.json").read_text())["seed"] == 5


@pytest.mark.parametrize("words", [[], ["plan.toml", "--trace", "calls.csv"]])
def test_a_plan_or_a_trace_is_simulated_and_never_both_or_none(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words]) == 2
    assert "one of the two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["plan.toml", "--policy", "lru", "--cold-start", "2"], "--policy, --cold-start"),
        (["--trace", "calls.csv", "--calibrate", "run"], "--calibrate"),
        (["--trace", "calls.csv", "--stem-cells", "2"], "--stem-cells"),
        (["plan.toml", "--page", "errors.md"], "--leave-one-out"),
    ],
)
def test_option_that_would_be_passed_over_is_refused(
    words: list[str], refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words]) == 2
    assert refused in capsys.readouterr().err


@pytest.mark.parametrize("window", ["50", "100:50", "-1:5", "a:b", ":0"])
def test_window_that_is_none_is_told_as_the_options_fault(
    window: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--trace", "calls.csv", "--window", window]) == 2
    assert "--window must be two seconds, such as 3600:7200" in capsys.readouterr().err
