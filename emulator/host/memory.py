"""Tells how much memory this machine and this process's own cgroups leave for more sandboxes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_files import MIB, field
from emulator.host.cgroup_membership import membership_paths
from emulator.host.cgroup_v1 import v1_mounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_READ = 8192
"""Bytes that hold the fields in question of /proc/meminfo and memory.stat."""


def memory_mb() -> int:
    """Returns the machine's physical memory in MiB."""
    return int(psutil.virtual_memory().total // MIB)


class AvailableMemory:
    """Reads how much memory can be taken now without swapping or a kill; `close` ends it.

    Two bounds hold: what the kernel estimates for the whole machine (MemAvailable), and what each
    limit on this process's cgroup and the cgroups above leaves. Files stay open, as an admission
    asks at each start: 10 microseconds for the machine and 20 for each limit.
    """

    def __init__(self, root: Path = DEFAULT_ROOT, proc: Path = Path("/proc")) -> None:
        self._meminfo = _opened(proc / "meminfo")
        self._limits = [_Limit(*names) for names in _limits(root, proc)]

    def mb(self) -> int:
        """Returns MiB, rounded down; 0 or less where a limit is reached."""
        return min([self._machine(), *(limit.left() for limit in self._limits)]) // MIB

    def close(self) -> None:
        if self._meminfo is not None:
            os.close(self._meminfo)
        for limit in self._limits:
            limit.close()
        self._meminfo, self._limits = None, []

    def _machine(self) -> int:
        if self._meminfo is None:  # not Linux
            return int(psutil.virtual_memory().available)
        found = _number(os.pread(self._meminfo, _READ, 0), b"\nMemAvailable:")
        return found * 1024


class _Limit:
    """Reads what one cgroup's memory limit leaves, idle page cache not counted as used."""

    def __init__(self, limit: Path, used: Path, stat: Path, idle: bytes) -> None:
        self._files = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (limit, used, stat)]
        self._idle = idle

    def left(self) -> int:
        limit, used, stat = (os.pread(file, _READ, 0) for file in self._files)
        # "max" where a limit was lifted meanwhile
        most = int(limit) if limit.strip().isdigit() else 1 << 62
        return most - int(used) + field(b"\n" + stat, self._idle)

    def close(self) -> None:
        for file in self._files:
            os.close(file)


def _limits(root: Path, proc: Path) -> Iterator[tuple[Path, Path, Path, bytes]]:
    """Yields the files of each limited cgroup that holds this process."""
    try:
        paths = membership_paths((proc / "self/cgroup").read_text())
    except OSError:
        return
    if "memory" in paths and (mount := v1_mounts(root).get("memory")):
        idle = b"\ntotal_inactive_file "
        for folder in _upwards(mount, paths["memory"]):
            # without a limit the file holds the largest multiple of a page
            if _limit_of(folder / "memory.limit_in_bytes") < 1 << 60:
                used, stat = folder / "memory.usage_in_bytes", folder / "memory.stat"
                yield folder / "memory.limit_in_bytes", used, stat, idle
    elif "" in paths:
        for folder in _upwards(root, paths[""]):
            if _limit_of(folder / "memory.max") < 1 << 60:
                used, stat = folder / "memory.current", folder / "memory.stat"
                yield folder / "memory.max", used, stat, b"\ninactive_file "


def _upwards(mount: Path, below: str) -> Iterable[Path]:
    own = mount / below.strip("/")
    return [own, *(path for path in own.parents if path.is_relative_to(mount))]


def _limit_of(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such cgroup here, or "max"
        return 1 << 62


def _opened(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _number(text: bytes, key: bytes) -> int:
    start = text.find(key) + len(key)
    return int(text[start : text.index(b"\n", start)].split()[0])
