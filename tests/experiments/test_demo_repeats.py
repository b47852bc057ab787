from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulator.cli import main
from emulator.experiments import demo_repeats
from emulator.experiments.demo_repeats import is_the_same, outcome, repeats_page
from emulator.experiments.records.study_reader import read_study
from tests.experiments.made_study import TF, CellPlan, write_study

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SIZES = [CellPlan(TF, size) for size in (256, 512, 1024)]
SLOW = [*SIZES[:1], CellPlan(TF, 512, warm_ms=400.0), CellPlan(TF, 1024, warm_ms=60.0)]


def test_the_demos_are_put_into_one_table_and_must_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_demo(*, run_dir: Path, **_: Any) -> int:
        write_study(run_dir, SIZES)
        return 0

    monkeypatch.setattr(demo_repeats, "run_demo", run_demo)
    folder = tmp_path / "runs"
    assert main(["demo", "--repeat", "2", "--run-dir", str(folder)]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["01", "02", "repeats.md"]
    page = (folder / "repeats.md").read_text()
    assert "# The demo 2 times" in page
    assert "2 of 2 say: kdd99-tf 512 MB. Backend process" in page
    assert page in capsys.readouterr().out


def test_another_advice_or_a_failure_is_not_the_same(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path / "one", SIZES))
    other = read_study(write_study(tmp_path / "other", SLOW))
    one, failed = outcome(study, 0, 140.0), outcome(study, 1, 140.0)
    flipped = outcome(other, 0, 150.0)
    assert one.advice != flipped.advice
    assert is_the_same([one, one])
    assert not is_the_same([one, flipped])
    assert not is_the_same([one, failed])
    assert "2 of 3 say: kdd99-tf 512 MB" in repeats_page(study, [one, flipped, one])


def test_an_interrupted_demo_ends_the_repetition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_repeats, "run_demo", lambda **_: 130)
    assert main(["demo", "--repeat", "3", "--run-dir", str(tmp_path)]) == 130


def test_a_demo_without_answers_has_no_advice(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path / "one", SIZES[:1]))
    assert outcome(replace(study, rows={}), 1, 9.0).advice == "none"
