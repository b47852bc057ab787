from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.fidelity.report import fidelity_table
from emulator.experiments.fidelity.rows import read_fidelity

if TYPE_CHECKING:
    from tests.experiments.fidelity.conftest import MadeFidelity


def test_the_table_says_what_was_measured_and_how_well(measured: MadeFidelity) -> None:
    text = fidelity_table(read_fidelity(measured.write()))
    assert "Profile aws-2025, backend process" in text
    assert "Linux 6, HZ 250, cgroup v2, 2 CPUs" in text
    assert "means: mean absolute error 10.0%, 11 of 11 sizes within 15%: short of" in text
    assert "CFS bandwidth: cfs_slice_us 5000." in text
    assert "Not as on Lambda: CPU shares are not limited." in text
    assert "BOTTLENECK" not in text
    (line,) = (line for line in text.splitlines() if line.startswith("1770 "))
    assert line.split()[:6] == ["1770", "17.6", "1", "19.4", "1.10", "+10%"]


def test_a_run_that_the_host_slowed_is_marked(measured: MadeFidelity) -> None:
    measured.add(514, 60.0, throttled_ms=20)
    text = fidelity_table(read_fidelity(measured.write()))
    assert "THE HOST WAS THE BOTTLENECK at 1 of 11 sizes" in text
    (line,) = (line for line in text.splitlines() if line.startswith("514 "))
    assert line.count("*") == 1


def test_work_that_left_its_calibration_is_told(fidelity: MadeFidelity) -> None:
    fidelity.add(1770, 17.6, cpu_ms=17.5, throttled_ms=0)
    fidelity.add(1770, 21.6, cpu_ms=21.5, throttled_ms=0)
    assert "took +11% of CPU time" in fidelity_table(read_fidelity(fidelity.write()))


def test_columns_that_no_cgroup_told_are_dashes(fidelity: MadeFidelity) -> None:
    fidelity.add(128, 230.0, throttles=None, throttled_ms=None)
    text = fidelity_table(read_fidelity(fidelity.write()))
    (line,) = (line for line in text.splitlines() if line.startswith("128 "))
    assert line.split()[-5:] == ["-"] * 5
    assert "undisturbed invocations" not in text
