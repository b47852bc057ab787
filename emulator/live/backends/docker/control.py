"""What changes a running sandbox: its cgroup, or the engine's API in its stead."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from emulator.live.backends.docker.client import EngineError

if TYPE_CHECKING:
    import asyncio

    from emulator.live.backends.docker.client import DockerEngine

log = logging.getLogger(__name__)


class SandboxControl(Protocol):
    """The part of a cgroup that changes a sandbox; the engine's API can stand in for it."""

    def limit_cpu(self, quota_us: int, period_us: int) -> None: ...

    def lift_cpu(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class EngineControl:
    """Controls a container through the engine's API, where its cgroup cannot be written.

    The callers do not wait. One task at a time brings the container to the state that was asked
    for last, so a freeze that is followed at once by a thaw costs nothing.
    """

    def __init__(self, engine: DockerEngine, container: str) -> None:
        self._engine = engine
        self._container = container
        self._wanted: tuple[tuple[int, int] | None, bool] = (None, False)
        self._present: tuple[tuple[int, int] | None, bool] = self._wanted
        self._settling: asyncio.Task[None] | None = None

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        self._want((quota_us, period_us), self._wanted[1])

    def lift_cpu(self) -> None:
        """It would take longer than what it is to speed up."""

    def freeze(self) -> None:
        self._want(self._wanted[0], frozen=True)

    def thaw(self) -> None:
        self._want(self._wanted[0], frozen=False)

    def _want(self, cpu: tuple[int, int] | None, frozen: bool) -> None:
        self._wanted = (cpu, frozen)
        if self._settling is None and self._wanted != self._present:
            self._settling = self._engine.spawn(self._settle())

    async def _settle(self) -> None:
        try:
            while self._wanted != self._present:
                wanted = self._wanted
                await self._engine.call(partial(self._apply, wanted), urgent=True)
                self._present = wanted
        except EngineError as error:
            log.debug("container %s: %s", self._container, error)  # it has ended
        finally:
            self._settling = None

    def _apply(self, wanted: tuple[tuple[int, int] | None, bool], api: Any) -> None:
        cpu, frozen = wanted
        if cpu and cpu != self._present[0]:
            api.update_container(self._container, cpu_quota=cpu[0], cpu_period=cpu[1])
        if frozen and not self._present[1]:
            api.pause(self._container)
        elif not frozen and self._present[1]:
            api.unpause(self._container)
