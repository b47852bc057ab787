from __future__ import annotations

import json
import subprocess
import sys

from emulator.experiments.benchmark.scale import Slope, Workload, command, scale_page
from emulator.experiments.benchmark.simulated import SimulatedLoad

SMALL = Workload(3, 50.0, 100, 300)


def test_row_tells_the_rate_and_a_days_core_hours_from_the_slope() -> None:
    page = scale_page([Slope(SMALL, compiled=False, cpu_us=36.0, memory_bytes=0.4, sandboxes=9)])
    assert "| 3 | 50 | interpreted | 36.0 | 27,778 | 0 | 9 | 10.0 |" in page
    assert command(SMALL, 300, compiled=False) in page


def test_command_of_a_row_simulates_its_workload_with_the_interpreted_core() -> None:
    words = command(SMALL, 200, compiled=False).split()
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)
    load = SimulatedLoad(**json.loads(done.stdout))
    assert (load.functions, load.rate, load.invocations, load.compiled) == (3, 50.0, 200, False)
    assert load.cpu_s > 0
    assert 3 <= load.sandboxes <= 200
