"""Changes a running sandbox by its cgroup, or by the engine's API in the cgroup's stead."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.containers import update_container

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from emulator.live.backends.docker.client import DockerEngine

log = logging.getLogger(__name__)

_CONFLICT = 409


class SandboxControl(Protocol):
    """Changes a sandbox; the engine's API can stand in for it."""

    def limit_cpu(self, quota_us: int, period_us: int) -> None: ...

    def lift_cpu(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class EngineControl:
    """Limits a container's CPU through the engine's API, where its cgroup cannot be written.

    The callers do not wait: one task at a time brings the container to the share that was asked
    for last. `memory` is repeated with every change, because an engine that manages cgroups by
    systemd takes the limit of swap away with a change that does not name it.

    Nothing is frozen: the engine's pause and unpause start a program each, which takes longer
    than most warm invocations and counts in the duration of each (the figures are in
    `Limitation.UNFROZEN`'s sentence, see `host.shortcomings`).
    """

    def __init__(self, engine: DockerEngine, container: str, memory: Mapping[str, int]) -> None:
        self._engine = engine
        self._container = container
        self._memory = memory
        self._wanted: tuple[int, int] | None = None
        self._present: tuple[int, int] | None = None
        self._settling: asyncio.Task[None] | None = None

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        self._wanted = (quota_us, period_us)
        if self._settling is None and self._wanted != self._present:
            self._settling = self._engine.spawn(self._settle())

    def lift_cpu(self) -> None:
        """Does nothing: it would take longer than what it is to speed up."""

    def freeze(self) -> None:
        """Does nothing, see the class."""

    def thaw(self) -> None:
        """Does nothing, see the class."""

    async def _settle(self) -> None:
        try:
            while self._wanted is not None and self._wanted != self._present:
                wanted = self._wanted
                cpu = {"CpuQuota": wanted[0], "CpuPeriod": wanted[1]}
                await update_container(self._engine, self._container, cpu | dict(self._memory))
                self._present = wanted
        except EngineError as error:
            if error.missing or error.status == _CONFLICT:
                log.debug("The container %s has ended: %s", self._container, error)
            else:
                log.warning("The CPU share of %s could not be set: %s", self._container, error)
        finally:
            self._settling = None
