"""Finds the cgroup that a process is in."""

from __future__ import annotations

from pathlib import Path

from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_v1 import CgroupV1
from emulator.host.cgroup_v2 import CgroupV2


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
