from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.plan.cells import planned_cells
from emulator.experiments.plan.loader import load
from tests.experiments.plans import PLAN, cells_of, write_plan

if TYPE_CHECKING:
    from pathlib import Path


def test_a_cell_s_name_tells_what_is_varied(tmp_path: Path) -> None:
    text = PLAN.replace("[axes]", '[axes]\nkeep_alive = ["profile", 0]')
    assert [cell.id for cell in cells_of(tmp_path, text)] == [
        "kdd99-numpy-256mb-keep-profile-ramp-r1",
        "kdd99-numpy-256mb-keep-0-ramp-r1",
        "kdd99-numpy-512mb-keep-profile-ramp-r1",
        "kdd99-numpy-512mb-keep-0-ramp-r1",
    ]


def test_repetitions_are_outermost_and_have_seeds_of_their_own(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "repetitions = 2\n" + PLAN)
    assert [(cell.repetition, cell.memory_mb, cell.seed) for cell in cells] == [
        (1, 256, 3),
        (1, 512, 3),
        (2, 256, 4),
        (2, 512, 4),
    ]


def test_every_combination_has_a_name_of_its_own(tmp_path: Path) -> None:
    text = 'repetitions = 2\ndilation = [1, 4]\npage_cache = ["hot", "cold"]\n'
    text += 'network.path = ["local", "aws-2018/sao-paulo-us-east-1"]\n'
    text += PLAN.replace('"ramp"\nusers = [1, 2]', '"constant"').replace(
        "[axes]\n",
        '[axes]\nprofile = ["aws-2018", "aws-2025"]\nloading = ["package", "layer"]\n'
        'pick_order = ["oldest-first", "most-recently-used"]\n',
    )
    cells = cells_of(tmp_path, text)
    assert len({cell.id for cell in cells}) == len(cells) == 2**8


def test_dilation_stretches_the_load(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, "dilation = [1, 4]\n" + PLAN)
    assert [cell.load_s for cell in cells] == [0.3, 0.3, 1.2, 1.2]


def test_a_scenario_may_have_repetitions_of_its_own(tmp_path: Path) -> None:
    text = "repetitions = 2\n" + PLAN + "repetitions = 3\n[[scenario]]\nkind = 'constant'\n"
    runs = [(cell.condition.scenario, cell.repetition) for cell in cells_of(tmp_path, text)]
    assert sorted(set(runs)) == [
        *(("constant", 1), ("constant", 2)),
        *(("ramp", 1), ("ramp", 2), ("ramp", 3)),
    ]


def test_a_load_may_have_a_dilation_functions_and_sizes_of_its_own(tmp_path: Path) -> None:
    text = PLAN + (
        'dilation = 4\n[[scenario]]\nkind = "idle"\nminutes = [0, 1]\nmemory_mb = 512\n'
        'function = "kdd99-numpy"\n'
    )
    cells = cells_of(tmp_path, text)
    assert [(cell.id, cell.dilation) for cell in cells] == [
        ("kdd99-numpy-256mb-ramp-r1", 4),
        ("kdd99-numpy-512mb-ramp-r1", 4),
        ("kdd99-numpy-512mb-idle-r1", 1),
    ]


def test_a_dilation_that_is_given_is_that_of_each_load(tmp_path: Path) -> None:
    plan = load(write_plan(tmp_path, PLAN + 'dilation = [4, "auto"]\n'), dilation=[3])
    assert [cell.dilation for cell in planned_cells(plan)] == [3, 3]
