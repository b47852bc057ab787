"""Finds what freezes and limits a sandbox: its cgroup where this process may write there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from emulator.host.cgroup_v2 import CgroupV2
from emulator.live.backends.docker.container import memory_limits
from emulator.live.backends.docker.containers import inspect_container
from emulator.live.backends.docker.control import EngineControl
from emulator.live.backends.docker.output_watch import OutputWatch
from emulator.live.backends.docker.share_watch import ShareWatch, WatchedCgroup

if TYPE_CHECKING:
    import asyncio

    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.control import SandboxControl
    from emulator.live.backends.docker.host import Cgroups
    from emulator.live.backends.docker.sandbox import DockerSandbox

log = logging.getLogger(__name__)


class SandboxControls:
    """Gives each started sandbox its control, the cgroup's or else the engine's."""

    def __init__(self, engine: DockerEngine) -> None:
        self._engine = engine
        self._cgroups: Cgroups | None = None
        self.writable = False
        """Whether this process changes the cgroups of sandboxes."""
        self._learning: asyncio.Task[None] | None = None
        self._share_watch = ShareWatch()
        self._output_watch = OutputWatch()

    def open(self, cgroups: Cgroups, *, local: bool) -> None:
        """Takes where the cgroups are of an engine, that is on this machine or not."""
        self._cgroups = cgroups
        self.writable = local and cgroups.writable()

    def watch(self) -> None:
        """Begins to heed what sandboxes write, and changes of CPU shares that others make."""
        try:
            self._share_watch.open()
            self._output_watch.open()
        except OSError as error:
            log.debug("What sandboxes write and others change goes unseen: %s", error)

    def close(self) -> None:
        self._share_watch.close()
        self._output_watch.close()

    @property
    def freezer(self) -> str:
        """Returns the file that thaws a container, as the guard takes it; empty where none may."""
        return self._cgroups.thaw_file if self._cgroups is not None and self.writable else ""

    def give(self, sandbox: DockerSandbox, container: str, memory_mb: int) -> None:
        """Lets a started sandbox of so much memory be controlled."""
        assert self._cgroups is not None, "open first"
        cgroup = self._cgroups.find(container)
        if cgroup is None and self.writable and self._learning is None:
            self._learning = self._engine.spawn(self._learn(container))
        control: SandboxControl
        if cgroup is None or not self.writable:
            control = EngineControl(self._engine, container, memory_limits(memory_mb))
        elif isinstance(cgroup, CgroupV2):
            control = WatchedCgroup(cgroup, self._share_watch)
        else:
            control = cgroup
        sandbox.controlled_by(control, cgroup, self._output_watch)

    async def _learn(self, container: str) -> None:
        """Asks where this engine's cgroups are, since they are not where they mostly are."""
        found = await inspect_container(self._engine, container)
        assert self._cgroups is not None
        self._cgroups.learn(container, found["State"]["Pid"])

    def thaw(self, container: str) -> None:
        """Thaws a container that is to be killed: on cgroup v1 a frozen process does not die."""
        if self.writable and self._cgroups is not None:
            cgroup = self._cgroups.find(container)
            if cgroup is not None:
                cgroup.thaw()
                cgroup.close()
