from __future__ import annotations

import io
import zipfile

from emulator.experiments.benchmark.control_plane import (
    ControlFigures,
    measure_control,
    package,
)


def test_package_has_one_kilobyte_and_the_handler() -> None:
    assert {len(package(number)) for number in (0, 7, 999)} == {1024}
    with zipfile.ZipFile(io.BytesIO(package(7))) as archive:
        assert b"def handler" in archive.read("app.py")


def test_few_functions_are_measured_and_there_after_the_restart() -> None:
    found = measure_control(3)
    assert (len(found.create_ms), len(found.get_ms)) == (3, 3)
    assert min(*found.create_ms, *found.get_ms, found.restart_s, found.resident_mb - 20) > 0


def test_table_has_the_median_and_what_is_wanted() -> None:
    table = ControlFigures(3, [1.0, 2.0, 9.0], [0.5, 0.5, 0.5], 1.25, 99.5).table
    assert "| CreateFunction, p50 (p99) | 2.0 ms (8.86 ms) | 5 ms |" in table
    assert "| restart until it serves | 1.25 s | 3 s |" in table
