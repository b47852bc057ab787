from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.experiments.plan.cells import Origin, planned_cells
from emulator.experiments.plan.loader import load
from emulator.experiments.simulation.behaviours import read_behaviours
from emulator.sim.behaviour import Outcome
from emulator.sim.chance import AnswerChance
from emulator.sim.distributions import Constant, LogNormal, Normal, Quantiles, Uniform
from tests.experiments.plans import PLAN, write_plan

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.experiments.plan.cells import PlannedCell
    from emulator.sim.behaviour import Behaviour


def cells(folder: Path, text: str = PLAN) -> list[PlannedCell]:
    return planned_cells(load(write_plan(folder, text)), origin=Origin.SIMULATED)


def behaviour(tmp_path: Path, text: str, memory_mb: int = 256) -> Behaviour:
    path = tmp_path / "behaviours.toml"
    path.write_text(text)
    cell = next(cell for cell in cells(tmp_path) if cell.memory_mb == memory_mb)
    return read_behaviours(path).behaviour(cell)


def test_every_form_of_a_distribution_is_read(tmp_path: Path) -> None:
    found = behaviour(
        tmp_path,
        """
        [[behaviour]]
        warm = 0.1
        create = { uniform = [0.1, 0.2] }
        start = { normal = [0.5, 0.1] }
        init = { lognormal = [1.5, 0.2] }
        ask = { quantiles = [0.1, 0.2, 0.4] }
        failures = { error = 0.25, never = 0.1 }
        max_memory_mb = 90
        """,
    )
    assert found.warm == Constant(0.1)
    assert found.create == Uniform(0.1, 0.2)
    assert found.start == Normal(0.5, 0.1)
    assert found.init == LogNormal(1.5, 0.2)
    assert found.ask == Quantiles((0.1, 0.2, 0.4))
    assert found.mishaps == ((Outcome.ERROR, 0.25), (Outcome.NEVER, 0.1))
    assert found.max_memory_mb == 90


def test_work_takes_longer_with_less_of_a_cpu_and_waiting_does_not(tmp_path: Path) -> None:
    text = "[[behaviour]]\nwarm = { wait = 0.02, cpu = 0.03 }\ninit = { cpu = 0.5 }\n"
    chance = AnswerChance()
    for memory_mb in (256, 512):
        found = behaviour(tmp_path, text, memory_mb)
        # PLAN's profile has a vCPU for 1769 MB
        assert found.warm.draw(chance) == pytest.approx(0.02 + 0.03 * 1769 / memory_mb)
        assert found.init.draw(chance) == 0.5


def test_entry_that_names_most_of_a_cell_is_its_own(tmp_path: Path) -> None:
    text = """
    [[behaviour]]
    warm = 1
    [[behaviour]]
    function = "kdd99-numpy"
    memory_mb = 256
    warm = 2
    [[behaviour]]
    function = "kdd99-numpy"
    warm = 3
    """
    assert behaviour(tmp_path, text, 256).warm == Constant(2)
    assert behaviour(tmp_path, text, 512).warm == Constant(3)


def test_cell_that_no_entry_is_about_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no .*behaviour.* for kdd99-numpy at 256 MB"):
        behaviour(tmp_path, '[[behaviour]]\nfunction = "other"\nwarm = 1\n')


@pytest.mark.parametrize(
    ("line", "text", "told"),
    [
        (2, "[[behaviour]]\nwarm = -1\n", "warm must be seconds, or one of uniform"),
        (2, "[[behaviour]]\nwarm = { uniform = [2, 1] }\n", "uniform goes from 1.0 to 2.0"),
        (
            2,
            "[[behaviour]]\nwarm = { normal = 1 }\n",
            "normal takes two numbers, [mean, deviation]",
        ),
        (3, "[[behaviour]]\nwarm = 1\ncoldd = 2\n", "coldd is none of ask, cold,"),
        (1, "[[behaviour]]\ncold = 1\n", "warm is missing"),
        (3, "[[behaviour]]\nwarm = 1\nfailures = { never = 2 }\n", "failures.never must be one of"),
        (4, "[[behaviour]]\nwarm = 1\n[[behaviour]]\nwarm = { quantiles = [2, 1] }\n", "rise"),
        (2, "[[behaviour]]\nwarm = { cpu = 1, wayt = 1 }\n", "warm has wait and cpu, and no wayt"),
        (2, "[[behaviour]]\nmemory_mb = '256'\nwarm = 1\n", "memory_mb must be int"),
        (1, "[behaviour]\nwarm = 1\n", "there is no list of tables [[behaviour]]"),
    ],
)
def test_faulty_file_is_refused_with_the_line(
    tmp_path: Path, line: int, text: str, told: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        behaviour(tmp_path, text)
    assert f"  line {line}: " in str(caught.value)
    assert told in str(caught.value)


def test_file_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at line 2"):
        behaviour(tmp_path, "[[behaviour]]\nwarm =\n")
