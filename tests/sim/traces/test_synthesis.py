from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from emulator.sim.traces import azure2019, azure2021, synthesis

if TYPE_CHECKING:
    from pathlib import Path


def test_calls_of_2021_are_as_many_as_asked_for_and_of_few_functions_mostly(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = list(synthesis.azure2021(5000, 100, 3600.0, random.Random(1)))
    assert lines == list(synthesis.azure2021(5000, 100, 3600.0, random.Random(1)))
    path.write_text("\n".join(lines) + "\n")
    calls = list(azure2021.read(path).draw(random.Random(0)))
    counts = Counter(call.function for call in calls).most_common()
    assert len(calls) == 5000
    assert 3500 < calls[-1].at < 3601
    assert sum(count for _, count in counts[:10]) > 3000


def test_day_of_2019_has_the_mean_number_of_calls_and_all_three_files(tmp_path: Path) -> None:
    made = synthesis.azure2019(300, 2000.0, random.Random(5))
    for name, lines in zip(("invocations", "durations", "memory"), made, strict=True):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    trace = azure2019.read(tmp_path)
    assert len(trace.functions) == 300
    assert all(f.durations and f.memory_mb for f in trace.functions.values())
    counts = [sum(map(int, line.split(",")[4:])) for line in made[0][1:]]
    # the tail is so heavy that a mean of 300 is a matter of luck; the median is not
    assert sorted(counts)[150] == pytest.approx(2000 / 2.718**4.5, rel=0.5)
