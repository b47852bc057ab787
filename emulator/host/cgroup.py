"""Controls one cgroup, with the same methods on cgroup v1 and v2.

This module owns the words and files of the kernel's two interfaces. It starts no process and knows
no sandbox. Every call is synchronous. The calls on the path of a warm request (`freeze`, `thaw`,
`max_anon_mb`, `throttled`) take about 0.1 ms, since their files stay open until `close`. A cgroup
may vanish at any time, when its last process ends and its owner removes it: calls on a removed
cgroup do nothing and read as zero.

Sources: Documentation/admin-guide/cgroup-v1/{memory,freezer-subsystem}.rst, cgroup-v2.rst and
scheduler/sched-bwc.rst of the Linux kernel.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emulator.host.cgroup_files import MIB, ControlFiles, field, kill_all
from emulator.host.memory_counters import MemoryCounters, read_v1, read_v2
from emulator.host.memory_peak import AnonymousPeak

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DEFAULT_ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory", "pids", "freezer")
_V1_CONTROLLERS = (*CONTROLLERS, "cpuacct")
_V1_PEAK = "memory.max_usage_in_bytes"
_V1_KEPT = (
    *("freezer.state", "memory.stat", "memory.usage_in_bytes"),
    *("cpu.stat", "cpuacct.usage"),
)
"""Files that are read or written on the path of a warm request."""


class Cgroup(Protocol):
    """Declares what `CgroupV1` and `CgroupV2` have in common."""

    controllers: frozenset[str]
    """The usable ones among cpu, memory, pids and freezer (and cpuacct on v1); calls that need
    another controller do nothing."""

    def take_in(self, pid: int) -> None:
        """Makes a running process a member, with all its threads.

        Blocks for several milliseconds on cgroup v1.

        Raises:
            OSError: the kernel refuses, or the process has ended.
        """

    @property
    def cheap_join_files(self) -> list[Path]:
        """Returns the `join_files` where a process that moves itself waits for no processor.

        None where moving takes as long whoever does it (v2).
        """
        ...

    def has(self, pid: int) -> bool:
        """Returns whether a process is a member, for every controller."""

    def limit_memory(self, memory_mb: int) -> None:
        """Has the kernel kill a member rather than let all exceed `memory_mb` MiB; no swap."""

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        """Lets the members run `quota_us` of every `period_us`; the kernel's least is 1000."""

    def lift_cpu(self) -> None:
        """Takes the CPU limit away."""

    def limit_pids(self, most: int) -> None:
        """Limits the number of processes and threads together."""

    def freeze(self) -> None:
        """Stops every member within a scheduler tick of the call's return."""

    def thaw(self) -> None:
        """Lets frozen members run on."""

    def max_anon_mb(self) -> int:
        """Returns the highest anonymous memory that is known so far, in MiB, rounded up.

        The kernel keeps no peak of anonymous memory alone. Its peak of all memory less the page
        cache and kernel memory of the moment is at most wrong by cache that came or went since,
        and never below the anonymous memory of any call.
        """

    def memory(self) -> MemoryCounters | None:
        """Returns what the kernel counts of the members' memory; None where the kernel does not.

        One read of an open file: 10 microseconds.
        """

    def oom_kills(self) -> int:
        """Returns how many members the kernel killed for want of memory."""

    def throttled(self) -> tuple[int, float]:
        """Returns in how many periods the quota ran out, and for how many seconds in all."""

    def cpu_seconds(self) -> float:
        """Returns the members' CPU time; 0 where the kernel does not count it."""

    def pids(self) -> list[int]:
        """Returns the members' process ids, as seen from this process's pid namespace."""

    def kill(self, spare: Collection[int] = ()) -> None:
        """Sends SIGKILL to every member but `spare`, frozen or not, and does not wait."""

    def remove(self) -> bool:
        """Removes and closes the cgroup; False while a process is still in it."""

    def close(self) -> None:
        """Closes the files that were kept open; the cgroup stays."""


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


def find(pid: int | str = "self", root: Path = DEFAULT_ROOT) -> CgroupV1 | CgroupV2 | None:
    """Returns the cgroup of a running process; None where `root` does not lead to it."""
    try:
        membership = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return None
    paths = membership_paths(membership)
    v1 = CgroupV1(root, paths)
    if v1.controllers:
        return v1
    for unified in (root, root / "unified"):
        directory = unified / paths.get("", "/").strip("/")
        if (directory / "cgroup.procs").exists():
            return CgroupV2(directory)
    return None


def membership_paths(membership: str) -> dict[str, str]:
    """Returns the path of each controller ("" for cgroup v2) in the text of /proc/PID/cgroup."""
    paths = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths
