from __future__ import annotations

from emulator.experiments.benchmark.floors import measure_floors


def test_all_floors_are_measured() -> None:
    figures = measure_floors(50)
    assert len(figures) == 4
    assert min(figures.values()) > 0
