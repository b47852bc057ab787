"""Shows folders of this machine in the file system that a process has to itself.

A sandbox that runs already is given its function's files so: nothing is copied, and nothing is run
within. Root's alone, as the folders come from one mount namespace and go to another. Source:
open_tree(2), mount_setattr(2), move_mount(2), setns(2) and mount_namespaces(7) of the Linux
man-pages; the three first are there since Linux 5.12.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
"""Numbers of system calls, the same on every architecture."""
_HERE = -100
"""AT_FDCWD"""
_CLONE, _CLOSE_ON_EXEC, _RECURSIVE = 0x1, 0x80000, 0x8000
_EMPTY_PATH, _FROM_EMPTY_PATH = 0x1000, 0x4
_READ_ONLY, _NO_SETUID, _NO_DEVICES = 0x1, 0x2, 0x4
_PRIVATE = 1 << 18
_ATTRIBUTES = struct.Struct("=4Q")
_REMOUNT = 0x20
_FILE_SYSTEM, _MOUNTS = 0x200, 0x20000
"""CLONE_FS and CLONE_NEWNS"""
_OWN = "/proc/self/ns/mnt"


@dataclass(frozen=True, slots=True)
class Tmp:
    """Says how large the file system in memory at a path is to be."""

    path: str
    size_mb: int


async def show_folders(pid: int, folders: Mapping[str, Path], tmp: Tmp) -> None:
    """Mounts folders, read-only, over those of these paths that a process sees; and sizes its tmp.

    Takes about half a millisecond.

    Raises:
        OSError: the process is gone, or the machine refuses.
    """
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(_entrant, _show, pid, dict(folders), tmp)


def obstacle() -> str:
    """Returns why folders cannot be shown here, as half a sentence; empty where they can."""
    if sys.platform != "linux":
        return "that takes Linux"
    if os.geteuid() != 0:
        return "only root may mount a function's files into a sandbox that runs"
    try:
        _entrant.submit(_try).result()
    except OSError as error:
        return f"a folder cannot be mounted into a sandbox that runs ({error.strerror})"
    return ""


def _private_paths() -> None:
    """Gives the one thread a root and a current folder of its own, or it could not move."""
    with suppress(OSError):  # it is told where the thread is used
        _check(_libc().unshare(_FILE_SYSTEM))


_entrant = ThreadPoolExecutor(1, thread_name_prefix="mount-namespace", initializer=_private_paths)
"""The one thread that leaves this process's own mount namespace, for a moment each time."""


def _try() -> None:
    os.close(_tree(Path("/")))
    own = os.open(_OWN, os.O_RDONLY)
    try:
        _check(_libc().setns(own, _MOUNTS))
    finally:
        os.close(own)


def _show(pid: int, folders: Mapping[str, Path], tmp: Tmp) -> None:
    trees: dict[str, int] = {}
    own = os.open(_OWN, os.O_RDONLY)
    try:
        there = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
        try:
            for path, folder in folders.items():
                trees[path] = _tree(folder)
            _check(_libc().setns(there, _MOUNTS))
        finally:
            os.close(there)
        try:
            for path, tree in trees.items():
                _check(
                    _libc().syscall(
                        _MOVE_MOUNT, tree, b"", _HERE, os.fsencode(path), _FROM_EMPTY_PATH
                    )
                )
            flags, options = _REMOUNT | _NO_SETUID | _NO_DEVICES, f"size={tmp.size_mb}m"
            _check(
                _libc().mount(b"tmpfs", os.fsencode(tmp.path), b"tmpfs", flags, options.encode())
            )
        finally:
            _check(_libc().setns(own, _MOUNTS))
    finally:
        for descriptor in (own, *trees.values()):
            os.close(descriptor)


def _tree(folder: Path) -> int:
    """Returns a descriptor of a read-only copy of a folder's mount that is nowhere yet."""
    flags = _CLONE | _CLOSE_ON_EXEC
    tree = _check(_libc().syscall(_OPEN_TREE, _HERE, os.fsencode(folder), flags))
    attributes = _ATTRIBUTES.pack(_READ_ONLY | _NO_SETUID | _NO_DEVICES, 0, _PRIVATE, 0)
    try:
        _check(
            _libc().syscall(_MOUNT_SETATTR, tree, b"", _EMPTY_PATH, attributes, _ATTRIBUTES.size)
        )
    except BaseException:
        os.close(tree)
        raise
    return tree


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
