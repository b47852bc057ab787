"""Controls one cgroup of version 1: a directory for each controller.

Sources: Documentation/admin-guide/cgroup-v1/{memory,freezer-subsystem}.rst of the Linux kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.host.cgroup import CONTROLLERS
from emulator.host.cgroup_files import MIB, ControlFiles, field, kill_all
from emulator.host.memory_counters import MemoryCounters, read_v1
from emulator.host.memory_peak import AnonymousPeak

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


_V1_CONTROLLERS = (*CONTROLLERS, "cpuacct")
_V1_PEAK = "memory.max_usage_in_bytes"
_V1_KEPT = (
    *("freezer.state", "memory.stat", "memory.usage_in_bytes"),
    *("cpu.stat", "cpuacct.usage"),
)
"""Files that are read or written on the path of a warm request."""


class CgroupV1:
    """Controls the directories of one cgroup, one for each controller's own hierarchy.

    `relative` is the cgroup's path below each mount, or a path for each controller where they
    differ; controllers that are not mounted below `root` are not used.
    """

    def __init__(self, root: Path, relative: str | Mapping[str, str]) -> None:
        mounts = v1_mounts(root)
        self._directories: dict[str, ControlFiles] = {}
        for controller, mount in mounts.items():
            below = relative if isinstance(relative, str) else relative.get(controller)
            if below is not None and (path := mount / below.strip("/")).is_dir():
                self._directories[controller] = ControlFiles(path, *_V1_KEPT)
        self.controllers = frozenset(self._directories)
        memory = self._directories.get("memory")
        self._peak = AnonymousPeak(memory.path / _V1_PEAK) if memory else None

    @property
    def join_files(self) -> list[Path]:
        """Files through which a process of one thread becomes a member: it writes `0` into each.

        A thread that moves itself alone is moved without the lock of all processes' threads, for
        which the kernel waits for all processors and lets nobody fork meanwhile: .07 ms for all
        controllers in place of 10 ms (Linux 6.18; cgroup_procs_write_start in kernel/cgroup).
        """
        return [path / "tasks" for path in self._paths]

    @property
    def _paths(self) -> list[Path]:
        return list({d.path.resolve(): d.path for d in self._directories.values()}.values())

    @property
    def cheap_join_files(self) -> list[Path]:
        return self.join_files

    def take_in(self, pid: int) -> None:
        for path in self._paths:
            (path / "cgroup.procs").write_text(str(pid))

    def has(self, pid: int) -> bool:
        wanted = str(pid)
        lists = ((path / "cgroup.procs").read_text().split() for path in self._paths)
        return all(wanted in pids for pids in lists)

    def limit_memory(self, memory_mb: int) -> None:
        limit = str(memory_mb * MIB)
        self._write("memory", "memory.swappiness", "0")
        self._write("memory", "memory.limit_in_bytes", limit)
        # absent without swap accounting, where the swappiness must do
        self._write("memory", "memory.memsw.limit_in_bytes", limit)

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        self._write("cpu", "cpu.cfs_period_us", str(period_us))
        self._write("cpu", "cpu.cfs_quota_us", str(quota_us))

    def lift_cpu(self) -> None:
        self._write("cpu", "cpu.cfs_quota_us", "-1")

    def limit_pids(self, most: int) -> None:
        self._write("pids", "pids.max", str(most))

    def freeze(self) -> None:
        self._write("freezer", "freezer.state", "FROZEN")

    def thaw(self) -> None:
        self._write("freezer", "freezer.state", "THAWED")

    def max_anon_mb(self) -> int:
        memory = self._directories.get("memory")
        if memory is None or self._peak is None:
            return 0
        used = int(memory.read("memory.usage_in_bytes") or 0)
        anonymous = field(memory.read("memory.stat"), b"\ntotal_rss ")
        self._peak.sample(anonymous, max(0, used - anonymous))
        return self._peak.mb

    def memory(self) -> MemoryCounters | None:
        memory = self._directories.get("memory")
        return read_v1(memory.read("memory.stat")) if memory else None

    def oom_kills(self) -> int:
        memory = self._directories.get("memory")
        if memory is None:
            return 0
        return field(b"\n" + memory.read("memory.oom_control"), b"\noom_kill ")

    def throttled(self) -> tuple[int, float]:
        cpu = self._directories.get("cpu")
        stat = b"\n" + cpu.read("cpu.stat") if cpu else b""
        return field(stat, b"\nnr_throttled "), field(stat, b"\nthrottled_time ") / 1e9

    def cpu_seconds(self) -> float:
        account = self._directories.get("cpuacct")
        return int(account.read("cpuacct.usage") or 0) / 1e9 if account else 0.0

    def pids(self) -> list[int]:
        for controller in ("freezer", "pids", "memory", "cpu"):
            if directory := self._directories.get(controller):
                return [int(pid) for pid in directory.read("cgroup.procs").split()]
        return []

    def kill(self, spare: Collection[int] = ()) -> None:
        self.freeze()  # so that nobody forks between the list and the signals
        kill_all(set(self.pids()).difference(spare))
        self.thaw()  # a frozen process dies only when it is thawed

    def remove(self) -> bool:
        removed = [directory.remove() for directory in self._directories.values()]
        if all(removed) and self._peak is not None:
            self._peak.close()
        return all(removed)

    def close(self) -> None:
        for directory in self._directories.values():
            directory.close()
        if self._peak is not None:
            self._peak.close()

    def _write(self, controller: str, name: str, value: str) -> None:
        if directory := self._directories.get(controller):
            directory.write(name, value)


def v1_mounts(root: Path) -> dict[str, Path]:
    """Returns each controller's mount point below `root`; empty where all is cgroup v2."""
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        for controller in _V1_CONTROLLERS:  # `cpu,cpuacct` is one mount, and may have two links
            if controller in path.name.split(",") and (path / "cgroup.procs").exists():
                found.setdefault(controller, path.resolve())
    return found
