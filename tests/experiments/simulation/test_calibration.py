from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emulator.errors import SettingsError
from emulator.experiments.plan.cells import Origin, planned_cells
from emulator.experiments.plan.loader import load
from emulator.experiments.records.study_reader import read_study
from emulator.experiments.simulation.accuracy import Figure, compare_cells
from emulator.experiments.simulation.calibration import Calibration
from emulator.experiments.simulation.command import run_simulation
from emulator.experiments.simulation.samples import CellSamples, Phase, gather
from emulator.experiments.simulation.study import SimulationOptions, simulate
from emulator.sim.behaviour import Outcome
from emulator.sim.distributions import Quantiles
from tests.experiments.plans import write_plan
from tests.experiments.simulation.simulated import BEHAVIOURS, PLAN, as_measured, simulated

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.sim.distributions import Distribution


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose law is known, and which nobody can tell from a measured one."""
    text = BEHAVIOURS + "failures = { error = 0.02 }\n"
    return as_measured(simulated(tmp_path_factory.mktemp("live"), behaviours=text))


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PlannedCell]:
    plan = load(write_plan(tmp_path_factory.mktemp("plan"), PLAN))
    return {cell.id: cell for cell in planned_cells(plan, origin=Origin.SIMULATED)}


RAMP = "kdd99-numpy-512mb-ramp-r1"


def median(distribution: Distribution | None) -> float:
    assert isinstance(distribution, Quantiles)
    return float(np.median(distribution.seconds))


def test_phases_are_those_of_the_same_size_and_load(
    live: Path, cells: dict[str, PlannedCell]
) -> None:
    found, fits = Calibration(gather(read_study(live)), "live").behaviour(cells[RAMP])
    assert median(found.warm) == pytest.approx(0.02 + 0.03 * 3.5, rel=0.01)
    assert median(found.cold) == pytest.approx(0.05 + 0.1 * 3.5, rel=0.1)
    assert median(found.init) == pytest.approx(0.4, rel=0.1)
    assert median(found.ask) == pytest.approx(0.001, abs=1e-5)
    assert median(found.overhead) == pytest.approx(0.002, rel=0.05)
    assert found.max_memory_mb == 90
    ((outcome, share),) = found.mishaps
    assert outcome is Outcome.ERROR
    assert share == pytest.approx(0.02, abs=0.01)
    assert {fit.phase for fit in fits} == {str(phase) for phase in Phase} - {Phase.SPECIALISE}
    warm = next(fit for fit in fits if fit.phase == "warm")
    assert warm.source == "512 MB under ramp"
    assert warm.held_out > 100
    assert max(map(abs, warm.errors[:-1])) < 0.05  # the p99 of what was held out is one value


def test_size_that_was_left_out_is_predicted_by_the_law_of_the_cpu_share(
    live: Path, cells: dict[str, PlannedCell]
) -> None:
    for size in (256, 512, 1024):
        cell = cells[f"kdd99-numpy-{size}mb-ramp-r1"]
        samples = [s for s in gather(read_study(live)) if s.memory_mb != size]
        found, fits = Calibration(samples, "live").behaviour(cell)
        assert median(found.warm) == pytest.approx(0.02 + 0.03 * 1792 / size, rel=0.03)
        warm = next(fit for fit in fits if fit.phase == "warm")
        assert warm.source.startswith("wait + work / share over ")


def samples(memory_mb: int, seconds: float, throttled: float = 0.0) -> CellSamples:
    made = CellSamples("a", "kdd99-numpy", "template", "ramp", memory_mb, memory_mb / 1792)
    made.seconds[Phase.WARM] = [seconds] * 20
    made.throttled[Phase.WARM] = [throttled] * 20
    return made


def test_one_size_without_throttled_time_predicts_no_other(cells: dict[str, PlannedCell]) -> None:
    with pytest.raises(SettingsError, match=r"at 256 MB alone.*512 MB cannot be predicted"):
        Calibration([samples(256, 0.1)], "live").behaviour(cells[RAMP])


def test_one_size_predicts_others_by_its_throttled_time(cells: dict[str, PlannedCell]) -> None:
    # .01 s of work take .07 s with a seventh of a CPU, which is held back for .06 s
    found, _ = Calibration([samples(256, 0.1, 0.06)], "live").behaviour(cells[RAMP])
    assert median(found.warm) == pytest.approx(0.03 + 0.01 * 3.5)


def test_withheld_time_is_predicted_with_the_law(cells: dict[str, PlannedCell]) -> None:
    known = [samples(256, 0.1, 0.06), samples(1024, 0.0475, 0.0075)]
    found, _ = Calibration(known, "live").behaviour(cells[RAMP])
    assert median(found.warm) == pytest.approx(0.065)
    assert found.withheld * 0.065 == pytest.approx(0.025)


def test_unknown_function_is_refused_with_what_there_is(live: Path, tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path, PLAN.replace('"kdd99-numpy"', '"Echo"')))
    (cell, *_) = planned_cells(plan, origin=Origin.SIMULATED)
    with pytest.raises(SettingsError, match="live has no requests of Echo; it has those of kdd99"):
        Calibration(gather(read_study(live)), "live").behaviour(cell)


def test_simulated_run_is_no_run_to_calibrate_with(tmp_path: Path) -> None:
    run = simulated(tmp_path)
    options = SimulationOptions(calibrate=run, jobs=1)
    with pytest.raises(SettingsError, match="is simulated; calibrate with a run that was measured"):
        simulate(tmp_path / "plan.toml", options, tmp_path / "again")


def test_each_cell_is_predicted_from_the_others_and_the_errors_are_told(
    live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_plan(tmp_path, PLAN)
    options = SimulationOptions(calibrate=live, leave_one_out=True, jobs=1, seed=99)
    page = tmp_path / "page.md"
    assert run_simulation(path, options, tmp_path / "run", page) == 0
    told = capsys.readouterr().out
    for figure in ("cold starts", "hits/s", "mean", "p95"):
        assert f"{figure}: 3 of 3 ramp cells as wanted" in told
    found = compare_cells(read_study(tmp_path / "run"), read_study(live))
    assert {c.figure for c in found if c.cell == RAMP} == set(Figure)
    table = (tmp_path / "run" / "accuracy.md").read_text()
    assert re.search(
        rf"\| {RAMP} \| cold starts \| [\d,]+ \| 1\d \| 1\d \| [+-]\d \| yes \|", table
    )
    assert page.read_text() == table
    assert re.search(r"keep-warm-r1 \| p95 \| 3 \| - \| - \| - \| - \| - \|", table)
    assert (tmp_path / "run" / "accuracy.csv").read_text().count("\n") == len(found) + 1
    fits = {fit.source for fit in read_study(tmp_path / "run").fits if fit.cell == RAMP}
    assert "512 MB under ramp" not in fits


def test_run_of_another_plan_is_not_predicted_cell_by_cell(live: Path, tmp_path: Path) -> None:
    path = write_plan(tmp_path, PLAN.replace("users = [4, 12]", "users = [4, 6]"))
    options = SimulationOptions(calibrate=live, leave_one_out=True, jobs=1)
    with pytest.raises(SettingsError, match="a run of another plan"):
        simulate(path, options, tmp_path / "run")


def test_a_wrong_law_is_told(live: Path, tmp_path: Path) -> None:
    """Predictions of a function that works where the live one waits are off, and said to be."""
    wrong = "[[behaviour]]\ninit = 0.4\ncold = { cpu = 0.12 }\nwarm = { cpu = 0.06 }\n"
    run = simulated(tmp_path, behaviours=wrong)
    found = compare_cells(read_study(run), read_study(live))
    verdicts = {c.figure: c.fine for c in found if c.cell == RAMP}
    assert verdicts[Figure.MEAN] is verdicts[Figure.P95] is False
    assert verdicts[Figure.P50] is None
