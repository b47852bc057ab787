"""Controls one cgroup of version 2.

Sources: cgroup-v2.rst and scheduler/sched-bwc.rst of the Linux kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.host.cgroup import CONTROLLERS
from emulator.host.cgroup_files import MIB, ControlFiles, field, kill_all
from emulator.host.memory_counters import MemoryCounters, read_v2
from emulator.host.memory_peak import AnonymousPeak

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class CgroupV2:
    """Controls one directory of the unified hierarchy."""

    def __init__(self, path: Path) -> None:
        kept = ("cgroup.freeze", "memory.stat", "memory.current", "cpu.stat")
        self._directory = ControlFiles(path, *kept)
        self._peak = AnonymousPeak(path / "memory.peak")
        named = (path / "cgroup.controllers").read_text().split() if path.is_dir() else []
        found = {name for name in named if name in CONTROLLERS}
        if (path / "cgroup.freeze").exists():
            found.add("freezer")  # part of the core since Linux 5.2, and no controller
        self.controllers = frozenset(found)

    @property
    def join_files(self) -> list[Path]:
        """Files through which a process becomes a member: it writes `0` into each."""
        return [self._directory.path / "cgroup.procs"]

    @property
    def cheap_join_files(self) -> list[Path]:
        return []

    def take_in(self, pid: int) -> None:
        for file in self.join_files:
            file.write_text(str(pid))

    def has(self, pid: int) -> bool:
        return pid in self.pids()

    def limit_memory(self, memory_mb: int) -> None:
        if "memory" in self.controllers:
            self._directory.write("memory.swap.max", "0")  # absent on a kernel without swap
            self._directory.write("memory.max", str(memory_mb * MIB))

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        if "cpu" in self.controllers:
            self._directory.write("cpu.max", f"{quota_us} {period_us}")

    def lift_cpu(self) -> None:
        if "cpu" in self.controllers:
            self._directory.write("cpu.max", "max")

    def limit_pids(self, most: int) -> None:
        if "pids" in self.controllers:
            self._directory.write("pids.max", str(most))

    def freeze(self) -> None:
        self._directory.write("cgroup.freeze", "1")

    def thaw(self) -> None:
        self._directory.write("cgroup.freeze", "0")

    def max_anon_mb(self) -> int:
        if "memory" in self.controllers:
            stat = b"\n" + self._directory.read("memory.stat")
            other = field(stat, b"\nfile ") + field(stat, b"\nkernel ")
            self._peak.sample(field(stat, b"\nanon "), other)
        return self._peak.mb

    def memory(self) -> MemoryCounters | None:
        if "memory" not in self.controllers:
            return None
        return read_v2(self._directory.read("memory.stat"))

    def oom_kills(self) -> int:
        return field(b"\n" + self._directory.read("memory.events"), b"\noom_kill ")

    def throttled(self) -> tuple[int, float]:
        stat = b"\n" + self._directory.read("cpu.stat")
        return field(stat, b"\nnr_throttled "), field(stat, b"\nthrottled_usec ") / 1e6

    def cpu_seconds(self) -> float:
        return field(b"\n" + self._directory.read("cpu.stat"), b"\nusage_usec ") / 1e6

    def pids(self) -> list[int]:
        return [int(pid) for pid in self._directory.read("cgroup.procs").split()]

    def kill(self, spare: Collection[int] = ()) -> None:
        # since Linux 5.14
        if not spare and (self._directory.path / "cgroup.kill").exists():
            self._directory.write("cgroup.kill", "1")
        else:
            self.freeze()  # so that nobody forks between the list and the signals
            kill_all(set(self.pids()).difference(spare))
            self.thaw()

    def remove(self) -> bool:
        if self._directory.remove():
            self._peak.close()
            return True
        return False

    def close(self) -> None:
        self._directory.close()
        self._peak.close()
