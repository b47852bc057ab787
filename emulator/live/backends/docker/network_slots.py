"""Network slots: namespaces made ahead of need, since making one is most of a container's start.

A slot is a tiny container that sleeps; it holds a network namespace with an address of its own.
A sandbox joins it instead of getting a network made, and gives it back when it is gone. Slots are
made in the background, while no sandbox is starting; a start never waits for one.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.container import HOST_NAME, USER
from emulator.live.backends.docker.sandbox import remove_container

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.host import Meeting

log = logging.getLogger(__name__)

_WIDTH = 2
"""How many slots are made at once."""
_PATIENCE = 1.0
"""Seconds that the making of a slot waits for the starts of sandboxes to be over."""
_HOLDER_MEMORY = 16 << 20
_FOREVER = "2147483647"
"""Seconds; some `sleep` does not know `infinity`."""


class NetworkSlots:
    """`least` slots are kept; more where that many sandboxes were alive at once, up to `most`."""

    def __init__(
        self, engine: DockerEngine, prefix: str, labels: Mapping[str, str], least: int, most: int
    ) -> None:
        self._engine = engine
        self._prefix = prefix
        self._labels = labels
        self._least = min(least, most)
        self._most = most
        self._wanted = self._least
        self._images: list[str] = []
        self._meeting: Meeting | None = None
        self._made = 0
        self._alive: set[str] = set()
        """Every holder that stands, free or taken."""
        self._free: list[str] = []
        self._in_use = 0
        self._filling: asyncio.Task[None] | None = None
        self._closing = False
        self._starting = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def open(self, meeting: Meeting) -> None:
        self._meeting = meeting
        self._fill()

    def use_image(self, image: str) -> None:
        """Names an image that holders may be made of; the first one with a `sleep` is taken."""
        if image not in self._images:
            self._images.append(image)
            self._fill()

    # the critical path

    def take(self) -> str | None:
        """A holder's name; None where none is ready, and then a network must be made."""
        self._in_use += 1
        self._starting += 1
        self._quiet.clear()
        self._wanted = max(self._wanted, min(self._most, self._in_use))
        return self._free.pop() if self._free else None

    def start_is_over(self) -> None:
        self._starting -= 1
        if not self._starting:
            self._quiet.set()
        self._fill()

    def give_back(self, holder: str | None, sure: bool = True) -> None:
        """`sure`: the sandbox that had it is gone; if not, nobody may have its ports again."""
        self._in_use -= 1
        if holder is None or holder not in self._alive:
            return
        if sure:
            self._free.append(holder)
        else:
            self._alive.discard(holder)
            self._engine.spawn(remove_container(self._engine, holder))
            self._fill()

    # in the background

    def lost(self, holder: str) -> None:
        """A holder has ended without our doing."""
        if holder in self._alive and not self._closing:
            self._alive.discard(holder)
            if holder in self._free:
                self._free.remove(holder)
            # the next start has it replaced; one that cannot live must not be made forever
            self._engine.spawn(remove_container(self._engine, holder))

    def keep_only(self, running: set[str]) -> None:
        for holder in self._alive - running:
            self.lost(holder)

    @property
    def ready(self) -> int:
        return len(self._free)

    async def filled(self) -> None:
        """Waits until as many slots stand as are wanted, or none can be made."""
        while self._filling is not None:
            await asyncio.shield(self._filling)

    def _fill(self) -> None:
        if (
            self._filling is None
            and self._images
            and self._meeting is not None
            and not self._closing
            and len(self._alive) < self._wanted
        ):
            self._filling = self._engine.spawn(self._make_wanted())

    async def _make_wanted(self) -> None:
        try:
            while self._images and not self._closing and len(self._alive) < self._wanted:
                width = min(_WIDTH, self._wanted - len(self._alive))
                made = await asyncio.gather(*(self._make() for _ in range(width)))
                if not all(made):
                    break
        finally:
            self._filling = None

    async def _make(self) -> bool:
        """Makes one; False where the engine does not answer."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._quiet.wait()
        except TimeoutError:
            pass  # starts follow each other without a pause; they need slots all the more
        self._made += 1
        name, image = f"{self._prefix}-slot-{self._made}", self._images[0]
        try:
            await self._engine.call(lambda api: _start(api, name, self._body(image)))
        except EngineError as error:
            log.debug("no network slot of %s: %s", image, error)
            if error.status and image in self._images:
                self._images.remove(image)
            await remove_container(self._engine, name)
            return bool(error.status)
        self._alive.add(name)
        self._free.append(name)
        return True

    def _body(self, image: str) -> dict[str, Any]:
        assert self._meeting is not None
        return {
            "Image": image,
            "Entrypoint": ["sleep"],
            "Cmd": [_FOREVER],
            "User": USER,
            **HOST_NAME,  # a sandbox that joins has it too, and the engine's /etc/hosts with it
            "Labels": dict(self._labels),
            "Healthcheck": {"Test": ["NONE"]},
            "HostConfig": {
                "NetworkMode": self._meeting.network,
                "ExtraHosts": list(self._meeting.extra_hosts),
                "Memory": _HOLDER_MEMORY,
                "MemorySwap": _HOLDER_MEMORY,
                "PidsLimit": 8,
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "ReadonlyRootfs": True,
                "IpcMode": "none",
                "LogConfig": {"Type": "none"},
            },
        }

    async def close(self) -> None:
        self._closing = True
        await self.filled()
        holders, self._free = list(self._alive), []
        self._alive.clear()
        await asyncio.gather(*(remove_container(self._engine, holder) for holder in holders))


def _start(api: Any, name: str, body: Mapping[str, Any]) -> None:
    api.create_container_from_config(body, name)
    api.start(name)
