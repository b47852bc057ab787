"""Makes the cgroups of one emulator's sandboxes and removes what a killed emulator left.

All cgroups stand below one folder per hierarchy that carries the emulator's instance in its name,
so orphans are found by name and other emulators' cgroups are never touched. On cgroup v1 the folder
is at the top of each mount. On v2 it is in the first place whose controllers can be handed down:
its own cgroup where systemd delegated that, the top where this process is root, a parent that
belongs to its user, or its own cgroup. The own must hold no process itself (the kernel's "no
internal processes" rule), so this process moves to a leaf.

Everything here blocks but `create`; callers take it to a thread.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.host.cgroup import CONTROLLERS
from emulator.host.cgroup_v1 import CgroupV1, v1_mounts
from emulator.host.cgroup_v2 import CgroupV2
from emulator.host.delegation import is_delegated

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PIDS = 1024
"""Source: Lambda quotas, "Processes and threads"."""
JOIN = 'for file do echo 0 >"$file" || exit 126; done'
"""A shell command that joins a cgroup; its arguments are the cgroup's `join_files`."""
_ATTEMPTS = 3
"""How often a folder is made before it is given up: one guard removes it at most once."""
_PATIENCE = 2.0
"""Seconds that a killed process may take to leave its cgroup."""


class CgroupTree:
    """Holds the folders of one instance, one in each hierarchy, and makes cgroups in them."""

    def __init__(self, bases: list[Path], keeper: str, v1_root: Path | None = None) -> None:
        self.bases = bases
        self.keeper = keeper
        """The name of the empty cgroup that keeps the folders from being removed."""
        self._v1_root = v1_root
        self.controllers = frozenset[str]()
        """The controllers of its cgroups; known once `try_out` returned True."""

    @property
    def name(self) -> str:
        """The name of the folders, which the instance's names begin with."""
        return self.bases[0].name

    def create(self, name: str) -> CgroupV1 | CgroupV2:
        """Makes a cgroup that limits nothing but the number of processes.

        Raises:
            OSError: The kernel refuses.
        """
        for base in self.bases:
            (base / name).mkdir()
        cgroup = self._cgroup(name)
        cgroup.limit_pids(MOST_PIDS)
        return cgroup

    def _cgroup(self, name: str) -> CgroupV1 | CgroupV2:
        base = self.bases[0]
        if self._v1_root is None:
            return CgroupV2(base / name)
        return CgroupV1(self._v1_root, f"{base.name}/{name}")

    def try_out(self) -> bool:
        """Tells whether a process can join a cgroup that is made here."""
        cgroup = self.create("trial")
        try:
            command = ["/bin/sh", "-c", JOIN, "sh", *map(str, cgroup.join_files)]
            joined = subprocess.run(command, capture_output=True, check=False)
            self.controllers = cgroup.controllers
        finally:
            _end(cgroup)
        return joined.returncode == 0

    def reap(self) -> None:
        """Kills and removes all cgroups of this instance, within a bounded time."""
        names = {path.parent.name for base in self.bases for path in base.glob("*/cgroup.procs")}
        for name in sorted(names - {self.keeper}):
            _end(self._cgroup(name))

    def remove(self) -> None:
        """Removes the instance's folders; a folder that is not empty stays for the next `reap`."""
        for base in self.bases:
            with suppress(OSError):
                (base / self.keeper).rmdir()
            with suppress(OSError):
                base.rmdir()


def find_tree(root: Path, instance: str) -> CgroupTree | None:
    """Finds the best place for cgroups below `root` and removes orphans there.

    Returns:
        None where this process may make no cgroup.
    """
    name = f"testbed-{instance}"
    keeper = f"{name}-{os.getpid()}-keeper"
    unified = (root / "cgroup.procs").exists()
    best: CgroupTree | None = None
    trees = _v2_trees if unified else _v1_trees
    for tree in trees(root, name, keeper):
        if not _usable(tree) or (best and len(tree.controllers) <= len(best.controllers)):
            tree.remove()
            continue
        if best:
            best.remove()
        best = tree
        if best.controllers == frozenset(CONTROLLERS):
            break
    return best


def _usable(tree: CgroupTree) -> bool:
    try:
        tree.reap()
        return tree.try_out()
    except OSError:
        return False


def _v1_trees(root: Path, name: str, keeper: str) -> Iterator[CgroupTree]:
    """Yields the one place on v1, without the hierarchies that cannot be written."""
    bases = [mount / name for mount in dict.fromkeys(v1_mounts(root).values())]
    if made := [base for base in bases if _made(base, keeper)]:
        yield CgroupTree(made, keeper, root)


def _v2_trees(root: Path, name: str, keeper: str) -> Iterator[CgroupTree]:
    """Yields the places on v2 where this process may make cgroups, the best first."""
    own = _own_path(root)
    above = [path for path in own.parents if path.is_relative_to(root)]
    # a user's own scope, even where systemd could leave no mark of its delegation
    mine = os.geteuid() != 0 and _members(own) == [str(os.getpid())]
    first = (own,) if mine or is_delegated(own) else ()
    for parent in dict.fromkeys((*first, root, *above, own)):
        if parent == own:
            _move_to_leaf(own)
        _hand_down(parent)
        if _made(parent / name, keeper):
            _hand_down(parent / name)
            yield CgroupTree([parent / name], keeper)


def _own_path(root: Path) -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return root / line[3:].strip("/")
    return root


def _hand_down(path: Path) -> None:
    """Enables a cgroup's controllers for its children, as far as that is allowed."""
    for controller in ("cpu", "memory", "pids"):
        with suppress(OSError):
            (path / "cgroup.subtree_control").write_text(f"+{controller}")


def _move_to_leaf(own: Path) -> None:
    """Moves this process to a leaf of its cgroup, or all processes of a container's namespace."""
    with suppress(OSError):
        pids = _members(own)
        whole_namespace = Path("/proc/self/cgroup").read_text().strip() == "0::/"
        if pids == [str(os.getpid())] or (whole_namespace and (own / "cgroup.type").exists()):
            leaf = own / "testbed-emulator"
            leaf.mkdir(exist_ok=True)
            for pid in pids:
                with suppress(OSError):  # it has ended, or is the kernel's
                    (leaf / "cgroup.procs").write_text(pid)


def _members(cgroup: Path) -> list[str]:
    try:
        return (cgroup / "cgroup.procs").read_text().split()
    except OSError:
        return []


def _made(base: Path, keeper: str) -> bool:
    """Makes a folder with its keeper, which the guard of a killed emulator cannot remove."""
    try:
        base.mkdir(exist_ok=True)
        for _ in range(_ATTEMPTS):
            try:
                (base / keeper).mkdir(exist_ok=True)
            except FileNotFoundError:  # the guard was faster
                base.mkdir(exist_ok=True)
            else:
                return True
    except OSError:
        pass
    return False


def _end(cgroup: CgroupV1 | CgroupV2) -> None:
    deadline = time.monotonic() + _PATIENCE
    pause = 0.001
    cgroup.kill()
    while not cgroup.remove() and time.monotonic() < deadline:
        time.sleep(pause)  # v1 tells nobody that a cgroup became empty
        pause = min(pause * 2, 0.05)
        cgroup.kill()
    cgroup.close()
