"""Tells which folders some process of this machine sees through a mount.

A bind mount shows what its source folder has: whoever empties the folder empties the mount. So what
no process of ours is known to use may still be in use, by what an earlier, killed process left.
Source: mountinfo in proc_pid_mountinfo(5), mount_namespaces(7).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_ROOT = 3
"""The field of a line of mountinfo that says which path of its file system a mount shows."""


def mounted_paths(proc: Path = Path("/proc")) -> frozenset[str]:
    """Returns the paths, each within its file system, that the mounts of all processes show.

    Looks once into each mount namespace; some .1 ms each. Processes that may not be looked at are
    left out, so that only root learns of all.
    """
    looked_at: set[str] = set()
    found: set[str] = set()
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):  # it has ended, or is another user's
            namespace = str((process / "ns/mnt").readlink())
            if namespace not in looked_at:
                lines = (process / "mountinfo").read_text(errors="surrogateescape").splitlines()
                found.update(line.split(" ")[_ROOT] for line in lines)
                looked_at.add(namespace)
    return frozenset(found)
