"""Puts the CPU shares of sandboxes back when somebody else has taken them away.

Where systemd manages the engine's cgroups, `systemctl daemon-reload` (many package upgrades do
one) writes what systemd knows of each cgroup again, and it knows nothing of a share that was
written past it. The kernel tells of every write to a file that is watched, so this costs nothing
on the path of a request.

Source: inotify(7); systemd's unit_realize_cgroup, which writes `cpu.max`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from emulator.host.inotify import GONE, MODIFIED, Inotify

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.host.cgroup_v2 import CgroupV2

log = logging.getLogger(__name__)


class ShareWatch:
    """Watches the CPU shares of any number of cgroups, on the running event loop."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._watched: dict[int, WatchedCgroup] = {}

    def open(self) -> None:
        """Begins to watch; raises OSError where the kernel gives no watcher."""
        self._inotify = Inotify()
        asyncio.get_running_loop().add_reader(self._inotify.file, self._read)

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.file)
            self._inotify.close()
            self._inotify = None

    def add(self, path: Path, cgroup: WatchedCgroup) -> None:
        if self._inotify is None:
            return
        # where it fails, the cgroup has ended already, or there are too many watches
        with contextlib.suppress(OSError):
            self._watched[self._inotify.add(path, MODIFIED)] = cgroup

    def _read(self) -> None:
        modified = set()
        for number, mask in self._inotify.read() if self._inotify is not None else ():
            if mask & GONE:
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
