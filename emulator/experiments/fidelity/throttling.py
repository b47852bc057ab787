"""Finds out for how long a sandbox's CPU quota held it back, from its cgroup's cpu.stat.

The file is read from outside where that is possible, so that it costs the sandbox no quota: by the
path that the sandbox sees, or, where a namespace hides the path (Docker on cgroup v2), by the inode
of the sandbox's own root, which is the cgroup's id in every namespace. Where the cgroup is on
another machine or out of sight (Docker Desktop, an emulator in a container), the sandbox itself
reads the file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CGROUPS = Path("/sys/fs/cgroup")
_CPU_STAT = "cpu.stat"


@dataclass(frozen=True, slots=True)
class Throttling:
    """Holds how often and how long a quota ran out."""

    periods: int
    ms: float
    """Time held back, which the kernel sums over CPUs."""

    def since(self, before: Throttling) -> Throttling:
        """Returns what came on top of an earlier record of the same cgroup."""
        return Throttling(self.periods - before.periods, self.ms - before.ms)


@dataclass(frozen=True, slots=True)
class CpuStatSource:
    """Says where a sandbox's cpu.stat can be read."""

    outside: Path | None = None
    """File on this machine; None where the cgroup is out of sight."""
    inside: bool = False
    """Whether the sandbox can read the file itself."""

    def read(self) -> Throttling | None:
        """Reads the file from outside; None where that is not possible."""
        try:
            return parse_cpu_stat(self.outside.read_text()) if self.outside else None
        except OSError:
            return None


def parse_cpu_stat(text: str) -> Throttling | None:
    """Reads a cpu.stat of cgroup v2 (µs) or v1 (ns); None where no CPU quota is counted.

    Source: the kernel's cgroup-v2.rst, and sched-bwc.rst for v1.
    """
    fields = dict(line.split(maxsplit=1) for line in text.splitlines() if " " in line)
    if "nr_throttled" not in fields:
        return None
    if "throttled_usec" in fields:
        ms = int(fields["throttled_usec"]) / 1e3
    else:
        ms = int(fields.get("throttled_time", 0)) / 1e6
    return Throttling(int(fields["nr_throttled"]), ms)


def find_cpu_stat(place: Mapping[str, Any], root: Path = CGROUPS) -> CpuStatSource:
    """Finds a sandbox's cpu.stat by what its handler says of its place.

    Args:
        place: the handler's `cgroup` (its /proc/self/cgroup), `inode` (of its /sys/fs/cgroup on
            cgroup v2) and `cpu_stat` (that folder's file).
        root: where cgroups are mounted on this machine.
    """
    inode = place.get("inode")
    path = _by_path(place.get("cgroup", ""), root) or _by_inode(inode, root)
    if path is not None:
        return CpuStatSource(outside=path)
    # a sandbox without a cgroup of its own sees this machine's, which counts everything on it
    is_own = inode is not None and inode not in {_inode(mount) for mount in _unified_mounts(root)}
    return CpuStatSource(inside=is_own and parse_cpu_stat(place.get("cpu_stat", "")) is not None)


def _by_path(membership: str, root: Path) -> Path | None:
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        below = path.strip("/")
        if not below or ".." in below:
            continue  # a namespace hides the path
        if not controllers:
            mounts = [root, root / "unified"]
        elif "cpu" in controllers.split(","):
            mounts = [root / controllers, root / "cpu"]
        else:
            continue
        for mount in mounts:
            if _counts_throttling(stat := mount / below / _CPU_STAT):
                return stat
    return None


def _by_inode(inode: int | None, root: Path) -> Path | None:
    """Finds the cgroup v2 folder with that inode, below but not at a mount's root."""
    if inode is None:
        return None
    for mount in _unified_mounts(root):
        for folder, names, _ in os.walk(mount):
            for name in names:
                path = Path(folder, name)
                if _inode(path) == inode and _counts_throttling(stat := path / _CPU_STAT):
                    return stat
    return None


def _unified_mounts(root: Path) -> Iterator[Path]:
    for mount in (root, root / "unified"):
        if (mount / "cgroup.controllers").exists():
            yield mount


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None  # the cgroup has just been removed


def _counts_throttling(stat: Path) -> bool:
    try:
        return parse_cpu_stat(stat.read_text()) is not None
    except OSError:
        return False
