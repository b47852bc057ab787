"""Finds and removes the containers of one emulator, by their label."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.live.backends.docker.containers import list_containers, remove_container

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.backends.docker.client import DockerEngine

_REAP_WIDTH = 4


class OwnContainers:
    """Lists and removes what bears `label`; `thaw` is called with a container's id before its end.

    On cgroup v1 a frozen process does not die.
    """

    def __init__(self, engine: DockerEngine, label: str, thaw: Callable[[str], None]) -> None:
        self._engine = engine
        self._label = label
        self._thaw = thaw

    async def found(self, *labels: str) -> dict[str, tuple[str, str]]:
        """Returns the id and the state of each of the containers, by its name.

        Raises:
            EngineError
        """
        return await list_containers(self._engine, self._label, *labels)

    async def clear(self) -> None:
        """Kills and removes all of the containers.

        Raises:
            EngineError
        """
        await self.reap(await self.found())

    async def reap(self, found: Mapping[str, tuple[str, str]]) -> None:
        """Kills and removes containers, a few at a time."""
        width = asyncio.Semaphore(_REAP_WIDTH)

        async def remove(name: str, container: str) -> None:
            async with width:
                self._thaw(container)
                await remove_container(self._engine, name)

        await asyncio.gather(*(remove(name, ident) for name, (ident, _) in found.items()))
