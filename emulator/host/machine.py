"""Describes the machine that a run was measured on, for the run's record."""

from __future__ import annotations

import gzip
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import psutil

from emulator.host.memory import memory_mb
from emulator.host.read_ahead import Disks

if TYPE_CHECKING:
    from collections.abc import Iterable


class Machine(TypedDict):
    """Holds the facts of a machine that figures depend on."""

    kernel: str
    hz: int | None
    """CONFIG_HZ, which decides by how much a CPU quota is overrun; None where unknown."""
    cgroup: str
    """`v1`, `v2` or `none`."""
    cpus: int
    memory_mb: int
    load: float
    """One-minute load average at the start."""
    python: str
    read_ahead_kb: dict[str, int]
    """How far each disk reads ahead that sandboxes have their files on."""


def machine(cgroup_root: Path, storage: Iterable[Path] = ()) -> Machine:
    """Describes this machine as it is now; `storage` is where sandboxes have their files."""
    return Machine(
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        hz=_kernel_hz(),
        cgroup=_cgroup_version(cgroup_root),
        cpus=cpus(),
        memory_mb=memory_mb(),
        load=round(psutil.getloadavg()[0], 2),
        python=platform.python_version(),
        read_ahead_kb={disk.name: disk.kb for disk in Disks().under(storage)},
    )


def cpus() -> int:
    """Returns the number of CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cgroup_version(root: Path) -> str:
    if (root / "cgroup.controllers").exists():
        return "v2"
    return "v1" if (root / "cpu").exists() or (root / "memory").exists() else "none"


def _kernel_hz() -> int | None:
    for path, opened in (
        (Path("/proc/config.gz"), gzip.open),
        (Path(f"/boot/config-{platform.release()}"), open),
    ):
        try:
            with opened(path, "rt") as config:
                found = re.search(r"^CONFIG_HZ=(\d+)$", config.read(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found[1])
    return None
