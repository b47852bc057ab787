"""Puts the CPU shares of sandboxes back when somebody else has taken them away.

Where systemd manages the engine's cgroups, `systemctl daemon-reload` (many package upgrades do
one) writes what systemd knows of each cgroup again, and it knows nothing of a share that was
written past it. The kernel tells of every write to a file that is watched, so this costs nothing
on the path of a request.

Source: inotify(7); systemd's unit_realize_cgroup, which writes `cpu.max`.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.host.cgroup import CgroupV2

log = logging.getLogger(__name__)

_MODIFIED, _GONE = 0x2, 0x8000
_EVENT = struct.Struct("iIII")
_READ = 1 << 16


class ShareWatch:
    """Watches the CPU shares of any number of cgroups, on the running event loop."""

    def __init__(self) -> None:
        self._kernel = ctypes.CDLL(None, use_errno=True)
        self._inotify = -1
        self._watched: dict[int, WatchedCgroup] = {}

    def open(self) -> None:
        """Begins to watch; raises OSError where the kernel gives no watcher."""
        found = self._kernel.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if found < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        self._inotify = found
        asyncio.get_running_loop().add_reader(found, self._read)

    def close(self) -> None:
        if self._inotify >= 0:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
            self._inotify = -1

    def add(self, path: Path, cgroup: WatchedCgroup) -> None:
        if self._inotify < 0:
            return
        number = self._kernel.inotify_add_watch(self._inotify, os.fsencode(path), _MODIFIED)
        if number >= 0:  # else it has ended already, or there are too many watches
            self._watched[number] = cgroup

    def _read(self) -> None:
        try:
            events = os.read(self._inotify, _READ)
        except BlockingIOError:
            return
        at, modified = 0, set()
        while at < len(events):
            number, mask, _, size = _EVENT.unpack_from(events, at)
            at += _EVENT.size + size
            if mask & _GONE:
                self._watched.pop(number, None)
            else:
                modified.add(number)
        for number in modified & self._watched.keys():
            self._watched[number].restore()


class WatchedCgroup:
    """Implements `SandboxControl` by a cgroup of version 2 whose CPU share is watched."""

    def __init__(self, cgroup: CgroupV2, watch: ShareWatch) -> None:
        self._cgroup = cgroup
        self._watch: ShareWatch | None = watch
        self._file = cgroup.join_files[0].with_name("cpu.max")
        self._share: tuple[int, int] | None = None

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        self._cgroup.limit_cpu(quota_us, period_us)
        self._share = quota_us, period_us
        if self._watch is not None:
            self._watch.add(self._file, self)
            self._watch = None

    def lift_cpu(self) -> None:
        self._share = None
        self._cgroup.lift_cpu()

    def freeze(self) -> None:
        self._cgroup.freeze()

    def thaw(self) -> None:
        self._cgroup.thaw()

    def restore(self) -> None:
        """Writes the CPU share again where another one stands in its place."""
        if self._share is None:
            return
        try:
            if self._file.read_text().split() == [str(number) for number in self._share]:
                return
            self._cgroup.limit_cpu(*self._share)
        except OSError as error:  # the sandbox has ended, mostly
            log.debug("The CPU share of %s could not be restored: %s", self._file, error)
        else:
            log.info("The CPU share of %s was taken away, and is restored", self._file)
