from __future__ import annotations

from emulator.host.cpus import CpuRotation


def test_cpus_are_handed_out_in_turn_and_only_where_there_are_more() -> None:
    cpus = CpuRotation(range(4))
    assert [cpus.take(3), cpus.take(3), cpus.take(2)] == [(0, 1, 2), (0, 1, 3), (2, 3)]
    assert [cpus.take(0), cpus.take(4), cpus.take(5)] == [(), (), ()]
