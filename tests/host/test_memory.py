"""How much memory is left for sandboxes, from plain files and from this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from emulator.host.memory import AvailableMemory, memory_mb
from tests.host.quick import assert_quick

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def write_machine(tmp_path: Path, available_mb: int, membership: str) -> tuple[Path, Path]:
    """Returns a cgroup root and a /proc of plain files."""
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    root.mkdir()
    (proc / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:  {available_mb << 10} kB\nX: 1\n")
    (proc / "self/cgroup").write_text(membership)
    return root, proc


def write_v2(folder: Path, limit: str, used_mb: int, idle_mb: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used_mb * MIB}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {idle_mb * MIB}\n")


def test_machine_is_the_bound_where_no_cgroup_is_limited(tmp_path: Path) -> None:
    root, proc = write_machine(tmp_path, 900, "0::/a/b\n")
    write_v2(root / "a/b", "max", 100, 0)
    assert AvailableMemory(root, proc).mb() == 900


def test_limit_of_a_cgroup_above_is_the_bound_and_idle_cache_is_free(tmp_path: Path) -> None:
    root, proc = write_machine(tmp_path, 900, "0::/a/b\n")
    write_v2(root / "a", str(500 * MIB), 300, 100)
    write_v2(root / "a/b", "max", 100, 0)
    available = AvailableMemory(root, proc)
    assert available.mb() == 300
    write_v2(root / "a", str(500 * MIB), 499, 0)
    assert available.mb() == 1, "each call reads anew"
    available.close()


def test_limit_of_cgroup_v1_is_the_bound(tmp_path: Path) -> None:
    root, proc = write_machine(tmp_path, 900, "4:memory:/a\n3:cpu,cpuacct:/a\n0::/\n")
    own = root / "memory/a"
    own.mkdir(parents=True)
    (root / "memory/cgroup.procs").write_text("")
    (own / "memory.limit_in_bytes").write_text(str(400 * MIB))
    (own / "memory.usage_in_bytes").write_text(str(150 * MIB))
    (own / "memory.stat").write_text(f"inactive_file 7\ntotal_inactive_file {50 * MIB}\n")
    assert AvailableMemory(root, proc).mb() == 300


def test_this_machine_has_less_available_than_it_has() -> None:
    available = AvailableMemory()
    assert 0 < available.mb() <= memory_mb()
    assert memory_mb() == psutil.virtual_memory().total // MIB
    available.close()


def test_reading_is_cheap_enough_for_every_start() -> None:
    available = AvailableMemory()
    assert_quick(available.mb)
    available.close()


def test_machine_without_proc_is_asked_through_psutil(tmp_path: Path) -> None:
    available = AvailableMemory(tmp_path, tmp_path)

    def is_near() -> bool:
        found = available.mb()
        return found == pytest.approx(psutil.virtual_memory().available / MIB, rel=0.2)

    assert any(is_near() for _ in range(20))  # others take and give memory meanwhile
