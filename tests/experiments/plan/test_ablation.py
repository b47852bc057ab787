"""Cells of a plan without one of their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.core.policy import InitCpu
from emulator.experiments.records.study_content import CellEntry
from emulator.experiments.runner.cell import variables
from tests.experiments.plans import PLAN, cells_of, faults

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT = """
[[without]]
part = "init-boost"
memory_mb = 512
init_cpu = "share"

[[without]]
part = "metaspace-limit"
variables = { JAVA_TOOL_OPTIONS = "-Xmx1g" }

[[without]]
part = "lifetime-curve"
scenario = "ramp"
keep_alive = 2700
"""


def test_a_cell_runs_again_without_each_part_that_concerns_it(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, PLAN + WITHOUT)
    assert [(cell.id, cell.condition.without) for cell in cells] == [
        ("kdd99-numpy-256mb-ramp-r1", ""),
        ("kdd99-numpy-256mb-ramp-r1-without-metaspace-limit", "metaspace-limit"),
        ("kdd99-numpy-256mb-ramp-r1-without-lifetime-curve", "lifetime-curve"),
        ("kdd99-numpy-512mb-ramp-r1", ""),
        ("kdd99-numpy-512mb-ramp-r1-without-init-boost", "init-boost"),
        ("kdd99-numpy-512mb-ramp-r1-without-metaspace-limit", "metaspace-limit"),
        ("kdd99-numpy-512mb-ramp-r1-without-lifetime-curve", "lifetime-curve"),
    ]
    assert [variables(cell) for cell in cells[:2]] == [{}, {"JAVA_TOOL_OPTIONS": "-Xmx1g"}]
    assert [cell.condition.keep_alive for cell in cells[:3]] == ["profile", "profile", "2700"]
    assert [cell.init_cpu for cell in cells[3:5]] == [InitCpu.BOOSTED, InitCpu.SHARE]
    read = CellEntry.of(cells[1]).measured(tmp_path)
    assert read.condition.without == "metaspace-limit"


def test_the_whole_cells_may_be_left_to_another_run(tmp_path: Path) -> None:
    cells = cells_of(tmp_path, 'base = "skip"\n' + PLAN + WITHOUT)
    assert len(cells) == 5
    assert all(cell.condition.without for cell in cells)


def test_only_the_whole_cells_that_lose_a_part_may_run(tmp_path: Path) -> None:
    without = '[[without]]\npart = "init-boost"\nmemory_mb = 512\ninit_cpu = "share"\n'
    cells = cells_of(tmp_path, 'base = "ablated"\n' + PLAN + without)
    assert [cell.id for cell in cells] == [
        "kdd99-numpy-512mb-ramp-r1",
        "kdd99-numpy-512mb-ramp-r1-without-init-boost",
    ]


def test_what_is_taken_away_must_be_named_change_something_and_concern_a_cell(
    tmp_path: Path,
) -> None:
    text = PLAN + (
        '[[without]]\nnetwork = "local"\n'
        '[[without]]\npart = "network"\n'
        '[[without]]\npart = "network"\nfunction = "other"\nloading = "layer"\n'
        '[[without]]\npart = "gravity"\nkep_alive = 3\n'
    )
    found = faults(tmp_path, text)
    assert "without[1].part: is missing" in found
    assert (
        "without[2]: changes nothing: network, loading, keep_alive, init_cpu or variables do"
        in found
    )
    assert "without[3]: concerns no cell of this plan" in found
    assert "without.part: network stands twice" in found
    assert any(line.startswith("without[4].part: must be one of 'network'") for line in found)
    assert "without[4].kep_alive: is not known; did you mean 'keep_alive'?" in found
    for base in ("skip", "ablated"):
        assert faults(tmp_path, f'base = "{base}"\n' + PLAN) == [
            f"base: {base} leaves nothing to run where no [[without]] stands"
        ]
