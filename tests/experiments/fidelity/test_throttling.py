from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.experiments.fidelity.throttling import (
    CpuStatSource,
    Throttling,
    find_cpu_stat,
    parse_cpu_stat,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("membership", "mount"),
    [
        ("9:name=systemd:/x\n1:cpu:/docker/abc\n0::/\n", "cpu"),
        ("3:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n", "cpu,cpuacct"),
        ("0::/docker/abc\n", "."),
    ],
)
def test_a_sandbox_is_found_by_its_cgroup(tmp_path: Path, membership: str, mount: str) -> None:
    folder = tmp_path / mount / "docker" / "abc"
    folder.mkdir(parents=True)
    (folder / "cpu.stat").write_text("nr_periods 0\nnr_throttled 0\n")
    assert (
        find_cpu_stat({"cgroup": membership}, tmp_path).outside
        == tmp_path / mount / "docker" / "abc" / "cpu.stat"
    )


@pytest.mark.parametrize("membership", ["0::/\n", "1:cpu:/\n", "1:cpu:/../x\n", "0::/gone\n", ""])
def test_a_sandbox_whose_cgroup_is_hidden_is_not_found(tmp_path: Path, membership: str) -> None:
    (tmp_path / "cpu").mkdir()
    for folder in (tmp_path, tmp_path / "cpu"):
        (folder / "cpu.stat").write_text("nr_throttled 0\n")
    assert find_cpu_stat({"cgroup": membership}, tmp_path) == CpuStatSource()


CPU_STAT_V2 = """\
usage_usec 2384013
user_usec 2216104
system_usec 167909
core_sched.force_idle_usec 0
nr_periods 1387
nr_throttled 1190
throttled_usec 21937704
nr_bursts 0
burst_usec 0
"""
CPU_STAT_V1 = "nr_periods 1387\nnr_throttled 1190\nthrottled_time 21937704123\nnr_bursts 0\n"
ROOT_CPU_STAT_V2 = "usage_usec 99161\nuser_usec 71034\nsystem_usec 28127\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CPU_STAT_V2, Throttling(1190, 21937.704)),
        (CPU_STAT_V1, Throttling(1190, 21937.704123)),
        (ROOT_CPU_STAT_V2, None),
        ("", None),
    ],
)
def test_throttling_is_read_in_either_version_of_cgroups(
    text: str, expected: Throttling | None
) -> None:
    assert parse_cpu_stat(text) == expected


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """A cgroup v2 mount with one Docker sandbox, as systemd's driver names it."""
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cpu.stat").write_text(ROOT_CPU_STAT_V2)
    sandbox = tmp_path / "system.slice" / "docker-8f3a.scope"
    sandbox.mkdir(parents=True)
    (sandbox / "cpu.stat").write_text(CPU_STAT_V2)
    (tmp_path / "user.slice").mkdir()
    return tmp_path


def test_a_sandbox_that_a_namespace_hides_is_found_by_its_inode(unified: Path) -> None:
    sandbox = unified / "system.slice" / "docker-8f3a.scope"
    place = {"cgroup": "0::/\n", "inode": sandbox.stat().st_ino, "cpu_stat": CPU_STAT_V2}
    source = find_cpu_stat(place, unified)
    assert source == CpuStatSource(outside=sandbox / "cpu.stat")
    assert source.read() == Throttling(1190, 21937.704)
    (sandbox / "cpu.stat").unlink()
    assert source.read() is None


@pytest.mark.parametrize("mounted", [True, False])
def test_a_sandbox_on_another_machine_reads_its_own_file(
    unified: Path, tmp_path: Path, *, mounted: bool
) -> None:
    place = {"cgroup": "0::/\n", "inode": 2**40, "cpu_stat": CPU_STAT_V2}
    root = unified if mounted else tmp_path / "nowhere"
    assert find_cpu_stat(place, root) == CpuStatSource(inside=True)


def test_a_sandbox_without_a_cgroup_of_its_own_is_not_taken_for_the_machine(unified: Path) -> None:
    inode = unified.stat().st_ino
    place = {"cgroup": "0::/\n", "inode": inode, "cpu_stat": CPU_STAT_V2}
    assert find_cpu_stat(place, unified) == CpuStatSource()


def test_a_cgroup_without_a_quota_tells_nothing(unified: Path) -> None:
    place = {"cgroup": "0::/\n", "inode": 2**40, "cpu_stat": ROOT_CPU_STAT_V2}
    assert find_cpu_stat(place, unified) == CpuStatSource()


def test_throttling_counts_from_an_earlier_record() -> None:
    assert Throttling(12, 30.5).since(Throttling(10, 10.0)) == Throttling(2, 20.5)
