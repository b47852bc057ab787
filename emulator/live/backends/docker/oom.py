"""Decides whether the kernel killed a process of a sandbox for want of memory; nothing else."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2

_WINDOW = 10.0
"""Seconds between a kill for want of memory and the news of the end that it caused, at most: an
engine that stands still for a while tells late."""


class OomWitness:
    """Tells a kill for want of memory from any other SIGKILL.

    The kernel's count in the cgroup decides, read when the runtime's process has ended: the
    engine removes the cgroup some 20 ms later. Where the process or the cgroup is not ours to
    see, the engine's word decides, which on cgroup v2 may fail to come. A child that was killed
    in an earlier invocation proves nothing of its parent's end.
    """

    def __init__(self) -> None:
        self._cgroup: CgroupV1 | CgroupV2 | None = None
        self._process: int | None = None
        self._outlived = 0
        self._seen: tuple[float, bool] | None = None
        self._told_at = float("-inf")

    def watch(self, cgroup: CgroupV1 | CgroupV2) -> None:
        """Begins with a sandbox that has just started, whose oldest process is its init."""
        self._cgroup = cgroup
        self._watch_next(0)

    def _watch_next(self, after: int) -> None:
        """Watches the child of the sandbox's init, which ends a little before the init."""
        assert self._cgroup is not None
        pids = sorted(self._cgroup.pids())[:2]
        # 0 is a process of a namespace that is not ours
        if pids and pids[-1] not in (0, after) and hasattr(os, "pidfd_open"):
            with suppress(OSError):  # it has ended, or the kernel is older than 5.3
                self._process = os.pidfd_open(pids[-1])
                ended = partial(self._process_ended, pids[-1])
                asyncio.get_running_loop().add_reader(self._process, ended)

    def close(self) -> None:
        if self._process is not None:
            asyncio.get_running_loop().remove_reader(self._process)
            os.close(self._process)
            self._process = None

    def invocation_ended(self) -> None:
        """Forgets kills so far, since the sandbox has outlived them."""
        self._told_at = float("-inf")
        if self._cgroup is not None:
            self._outlived = self._cgroup.oom_kills()

    def was_reset(self) -> None:
        """Forgets the ends of all processes, whose sandbox lives on without them."""
        self._seen = None
        self.invocation_ended()

    def process_ended(self) -> bool | None:
        """Returns whether a killed process, which the sandbox outlived, was out of memory.

        None where the cgroup does not tell.
        """
        if self._cgroup is None:
            return None
        before, self._outlived = self._outlived, self._cgroup.oom_kills()
        return self._outlived > before

    def told(self) -> None:
        """Hears from the engine that a process of the sandbox was killed for want of memory."""
        self._told_at = time.monotonic()

    def _process_ended(self, pid: int) -> None:
        self.close()
        assert self._cgroup is not None
        kills = self._cgroup.oom_kills()
        if all(path.exists() for path in self._cgroup.join_files):  # else it was no count
            self._seen = time.monotonic(), kills > self._outlived
            self._watch_next(pid)

    @property
    def verdict(self) -> bool | None:
        """Returns whether the end was for want of memory; None where nothing was seen or said."""
        now = time.monotonic()
        if self._seen is not None and now - self._seen[0] < _WINDOW:
            return self._seen[1]
        return True if now - self._told_at < _WINDOW else None
