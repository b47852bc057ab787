from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.experiments.fidelity import handler as spin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_handler_measures_its_own_work() -> None:
    answer = spin.handler({"iterations": 20_000}, None)
    assert answer["cpu_ms"] > 0
    assert answer["wall_ms"] > 0
    assert answer["cpu_stat"] == ["", ""]


def test_the_handler_tells_where_its_sandbox_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spin, "CGROUPS", str(tmp_path))
    answer = spin.handler({}, None)
    assert (answer["inode"], answer["cpu_stat"]) == (None, "")  # no cgroup v2 there
    assert ":" in answer["cgroup"]
    (tmp_path / "cgroup.controllers").write_text("cpu\n")
    (tmp_path / "cpu.stat").write_text("nr_throttled 1\n")
    answer = spin.handler({}, None)
    assert (answer["inode"], answer["cpu_stat"]) == (tmp_path.stat().st_ino, "nr_throttled 1\n")


def test_the_handler_reads_its_record_only_where_it_is_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spin, "CGROUPS", str(tmp_path))
    (tmp_path / "cpu.stat").write_text("nr_throttled 1\n")
    answer = spin.handler({"iterations": 1, "read_cpu_stat": True}, None)
    assert answer["cpu_stat"] == ["nr_throttled 1\n"] * 2
    assert spin.handler({"iterations": 1}, None)["cpu_stat"] == ["", ""]
