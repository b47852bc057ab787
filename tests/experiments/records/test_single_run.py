from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.records.run_directory import read_run
from emulator.experiments.records.single_run import as_study
from emulator.experiments.records.study_reader import read_study

if TYPE_CHECKING:
    from tests.experiments.conftest import MadeRun


def test_an_emulators_own_run_is_a_study_with_a_cell_a_function(study: MadeRun) -> None:
    run = read_study(study.write())
    assert [cell.id for cell in run.cells] == ["slow", "fast"]
    slow, fast = run.rows["slow"], run.rows["fast"]
    assert [row.start for row in slow] == ["cold", "warm", "cold", "warm", ""]
    assert [row.ok for row in slow] == [True, True, True, True, False]
    assert slow[0].init_duration_ms == pytest.approx(2000)
    assert slow[0].connect_ms == pytest.approx(400)
    assert slow[0].user_count == 1
    assert [row.latency_ms for row in fast] == pytest.approx([1500, 1700])
    assert slow[1].dollars["2018"] == pytest.approx(0.1 * 0.5 * 0.00001667 + 2e-7)


def test_functions_stand_in_the_template_s_order_then_by_name(made: MadeRun) -> None:
    made.deploy("b", "a", "z")
    for place, name in enumerate(("a", "b", "z")):
        made.cold(name, name, place, 1.0 + place, init=0.5)
    run = read_run(made.write(functions={"z": {}}))
    assert [cell.id for cell in as_study(run).cells] == ["z", "a", "b"]


def test_a_cell_has_the_settings_of_its_emulator(made: MadeRun) -> None:
    made.deploy("a")
    made.cold("r", "a", 1, 1.0, init=0.5)
    settings = {
        "keep_alive": 600.0,
        "dilation": 4,
        "idle_speedup": 60,
        "pick_order": "oldest-first",
    }
    (cell,) = as_study(read_run(made.write(settings=settings))).cells
    condition = cell.condition
    assert (condition.keep_alive, condition.dilation, condition.pick_order) == (
        "600",
        4,
        "oldest-first",
    )
    assert (cell.memory_mb, cell.idle_speedup, cell.idles) == (512, 60, False)
