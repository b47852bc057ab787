"""Control of one sandbox's cgroup, the same on cgroup v1 and v2; both backends use it.

It owns the words and files of the kernel's two interfaces and nothing else: it starts no process
and knows no sandbox. Every call is synchronous. Those on the path of a warm request (`freeze`,
`thaw`, `max_anon_mb`, `throttled`) take about 0.1 ms, since their files stay open until `close`.
A cgroup may vanish at any time, when its last process ends and its owner removes it; a call on
one that is gone does nothing and reads as zero.

Sources: Documentation/admin-guide/cgroup-v1/{memory,freezer-subsystem}.rst, cgroup-v2.rst and
scheduler/sched-bwc.rst of the Linux kernel.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emulator.host.cgroup_files import MIB, ControlFiles, field, kill_all, mebibytes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DEFAULT_ROOT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "memory", "pids", "freezer")
_V1_CONTROLLERS = (*CONTROLLERS, "cpuacct")


class Cgroup(Protocol):
    """What `CgroupV1` and `CgroupV2` have in common."""

    controllers: frozenset[str]
    """Those of cpu, memory, pids and freezer (and cpuacct on v1) that can be used here; a call
    that needs another one does nothing."""

    def limit_memory(self, memory_mb: int) -> None:
        """Kills in the cgroup rather than let it hold more than `memory_mb` MiB; no swap."""

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        """Lets it run `quota_us` of every `period_us`; the kernel refuses a quota below 1000."""

    def lift_cpu(self) -> None:
        """Takes that limit away."""

    def limit_pids(self, most: int) -> None:
        """Processes and threads together."""

    def freeze(self) -> None:
        """Takes effect within a scheduler tick of the call's return."""

    def thaw(self) -> None:
        """The inverse of `freeze`."""

    def max_anon_mb(self) -> int:
        """The highest anonymous memory at any call so far, in MiB, rounded up.

        The kernel keeps a peak of anonymous memory in neither version (its peaks contain the
        page cache), so this samples: a peak between two calls that was given back is not seen.
        """

    def oom_kills(self) -> int:
        """How many of its processes the kernel killed for want of memory."""

    def throttled(self) -> tuple[int, float]:
        """In how many periods the quota ran out, and for how many seconds in all."""

    def cpu_seconds(self) -> float:
        """How much CPU time its processes have used; 0 where the kernel does not count it."""

    def pids(self) -> list[int]:
        """Its processes, as seen from this process's pid namespace."""

    def kill(self, spare: Collection[int] = ()) -> None:
        """Sends SIGKILL to all of it but `spare`, frozen or not; it does not wait for them."""

    def remove(self) -> bool:
        """Takes the cgroup away; False while a process is still in it. Closes it when done."""

    def close(self) -> None:
        """Gives the open files back; the cgroup stays."""


class CgroupV2:
    """One directory of the unified hierarchy."""

    def __init__(self, path: Path) -> None:
        self._directory = ControlFiles(path, "cgroup.freeze", "memory.stat", "cpu.stat")
        self._peak = 0
        named = (path / "cgroup.controllers").read_text().split() if path.is_dir() else []
        found = {name for name in named if name in CONTROLLERS}
        if (path / "cgroup.freeze").exists():
            found.add("freezer")  # part of the core since Linux 5.2, and no controller
        self.controllers = frozenset(found)

    @property
    def join_files(self) -> list[Path]:
        """A process that writes `0` into these becomes a member."""
        return [self._directory.path / "cgroup.procs"]

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
            anon = field(b"\n" + self._directory.read("memory.stat"), b"\nanon ")
            self._peak = max(self._peak, mebibytes(anon))
        return self._peak

    def oom_kills(self) -> int:
        return self._directory.fields("memory.events").get(b"oom_kill", 0)

    def throttled(self) -> tuple[int, float]:
        stat = self._directory.fields("cpu.stat")
        return stat.get(b"nr_throttled", 0), stat.get(b"throttled_usec", 0) / 1e6

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
        return self._directory.remove()

    def close(self) -> None:
        self._directory.close()


class CgroupV1:
    """The directories of one cgroup in the controllers' hierarchies, which are mounts of their own.

    `relative` is the cgroup's path below each mount, or a path for each controller where they
    differ; a controller that is not mounted below `root` is not used.
    """

    def __init__(self, root: Path, relative: str | Mapping[str, str]) -> None:
        mounts = v1_mounts(root)
        self._directories: dict[str, ControlFiles] = {}
        for controller, mount in mounts.items():
            below = relative if isinstance(relative, str) else relative.get(controller)
            if below is not None and (path := mount / below.strip("/")).is_dir():
                kept = ("freezer.state", "memory.stat", "cpu.stat", "cpuacct.usage")
                self._directories[controller] = ControlFiles(path, *kept)
        self.controllers = frozenset(self._directories)
        self._peak = 0

    @property
    def join_files(self) -> list[Path]:
        """A process that writes `0` into these becomes a member."""
        paths = {d.path.resolve(): d.path for d in self._directories.values()}
        return [path / "cgroup.procs" for path in paths.values()]

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
        if memory := self._directories.get("memory"):
            rss = field(memory.read("memory.stat"), b"\ntotal_rss ")
            self._peak = max(self._peak, mebibytes(rss))
        return self._peak

    def oom_kills(self) -> int:
        memory = self._directories.get("memory")
        return memory.fields("memory.oom_control").get(b"oom_kill", 0) if memory else 0

    def throttled(self) -> tuple[int, float]:
        cpu = self._directories.get("cpu")
        stat = cpu.fields("cpu.stat") if cpu else {}
        return stat.get(b"nr_throttled", 0), stat.get(b"throttled_time", 0) / 1e9

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
        return all(removed)

    def close(self) -> None:
        for directory in self._directories.values():
            directory.close()

    def _write(self, controller: str, name: str, value: str) -> None:
        if directory := self._directories.get(controller):
            directory.write(name, value)


def v1_mounts(root: Path) -> dict[str, Path]:
    """Where each controller's hierarchy is mounted below `root`; empty where all is cgroup v2."""
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        for controller in _V1_CONTROLLERS:  # `cpu,cpuacct` is one mount, and may have two links
            if controller in path.name.split(",") and (path / "cgroup.procs").exists():
                found.setdefault(controller, path.resolve())
    return found


def find(pid: int | str = "self", root: Path = DEFAULT_ROOT) -> CgroupV1 | CgroupV2 | None:
    """The cgroup of a running process of this pid namespace; None where it cannot be reached."""
    paths = {}
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    v1 = CgroupV1(root, paths)
    if v1.controllers:
        return v1
    for unified in (root, root / "unified"):
        directory = unified / paths.get("", "/").strip("/")
        if (directory / "cgroup.procs").exists():
            return CgroupV2(directory)
    return None
