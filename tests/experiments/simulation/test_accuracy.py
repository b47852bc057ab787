from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.records.study_reader import read_study
from emulator.experiments.simulation.accuracy import Figure, compare_cells, write_accuracy
from emulator.experiments.simulation.study import SimulationOptions, simulate
from tests.experiments.plans import write_plan
from tests.experiments.simulation.simulated import PLAN, as_measured, simulated

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose ramp at 512 MB was done twice."""
    plan = PLAN.replace("[256, 512, 1024]", "[512]").replace(
        "seed = 3", "seed = 3\nrepetitions = 2"
    )
    folder = tmp_path_factory.mktemp("repeated")
    return simulated(folder, plan=plan)


def test_repetitions_tell_how_far_a_prediction_must_be_off(repeated: Path) -> None:
    study = read_study(repeated)
    found = {(c.cell, c.figure): c for c in compare_cells(study, study)}
    first = found["kdd99-numpy-512mb-ramp-r1", Figure.MEAN]
    second = found["kdd99-numpy-512mb-ramp-r2", Figure.MEAN]
    means = sorted((first.measured, second.measured))
    assert means[0] < means[1]
    assert first.spread == second.spread == pytest.approx(means[1] / means[0] - 1)
    starts = found["kdd99-numpy-512mb-ramp-r1", Figure.COLD_STARTS]
    assert starts.spread is not None
    assert starts.spread == int(starts.spread)


def test_cell_that_was_measured_once_has_no_spread(tmp_path: Path) -> None:
    study = read_study(simulated(tmp_path, plan=PLAN.replace("[256, 512, 1024]", "[512]")))
    assert {compared.spread for compared in compare_cells(study, study)} == {None}


def test_page_of_the_errors_is_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    run = simulated(tmp_path, plan=PLAN.replace("[256, 512, 1024]", "[512]"))
    page = tmp_path / "docs" / "errors.md"
    assert write_accuracy(run, run, page)
    assert page.read_text() == (run / "accuracy.md").read_text()


def test_no_repetition_of_a_cell_tells_of_it_where_it_is_left_out(
    repeated: Path, tmp_path: Path
) -> None:
    plan = PLAN.replace("[256, 512, 1024]", "[512]").replace(
        "seed = 3", "seed = 3\nrepetitions = 2"
    )
    path = write_plan(tmp_path, plan)
    options = SimulationOptions(calibrate=as_measured(repeated), leave_one_out=True, jobs=1)
    assert simulate(path, options, tmp_path / "again") == 0
    ramps = [fit for fit in read_study(tmp_path / "again").fits if "ramp" in fit.cell]
    assert {fit.cell[-2:] for fit in ramps} == {"r1", "r2"}
    assert {fit.source for fit in ramps if fit.phase == "warm"} == {"512 MB under any load"}
