"""Small plans with behaviours, simulated into a folder, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.simulation.study import SimulationOptions, simulate
from tests.experiments.plans import write_plan

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """\
name = "tiny"
template = "template.yaml"
seed = 3

[axes]
function = ["kdd99-numpy"]
memory_mb = [256, 512, 1024]
profile = ["aws-2018"]
backend = ["docker", "process"]

[[scenario]]
kind = "ramp"
users = [4, 12]
seconds = 20

[[scenario]]
kind = "keep-warm"
minutes = [0, 6, 40]
idle_speedup = 60
ping = { every_minutes = 10 }
"""
BEHAVIOURS = """\
[[behaviour]]
create = { uniform = [0.05, 0.1] }
init = { lognormal = [0.4, 0.1] }
cold = { wait = 0.05, cpu = { normal = [0.1, 0.02] } }
warm = { wait = { normal = [0.02, 0.002] }, cpu = { normal = [0.03, 0.003] } }
ask = 0.001
overhead = { uniform = [0.001, 0.003] }
max_memory_mb = 90
"""


def simulated(
    folder: Path, plan: str = PLAN, behaviours: str = BEHAVIOURS, name: str = "run", **options: int
) -> Path:
    """The run directory of a plan that was simulated to its end."""
    folder.mkdir(exist_ok=True)
    path = write_plan(folder, plan)
    (folder / "behaviours.toml").write_text(behaviours)
    chosen = SimulationOptions(behaviours=folder / "behaviours.toml", **{"jobs": 1, **options})
    assert simulate(path, chosen, folder / name) == 0
    return folder / name


def as_measured(run: Path) -> Path:
    """The run with another origin on its label, so that a calibration takes it."""
    for path in (run / "study.json", *run.glob("cells/*/run.json")):
        text = path.read_text()
        assert '"simulated"' in text
        path.write_text(
            text.replace('"origin": "simulated"', '"origin": "measured"')
            .replace('"origin":"simulated"', '"origin":"measured"')
            .replace('"backend": "simulated"', '"backend": "process"')
        )
    return run
