"""Where extensions in sandboxes meet the test that tells them what to do, or reads what they saw.

The listener's address is one that sandboxes reach; each extension dials it when it starts.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration
from emulator.core.model import VersionKey
from tests.live.world import BOUND, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.live.backends.interface import SandboxBackend
    from tests.live.world import World

EXTENSIONS = Path(__file__).parent / "extensions"
API = "/2020-01-01/extension"


class Actor:
    """The test's end of one process's connection; every wait is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.identity: dict[str, str] = {}

    async def line(self) -> Any:
        async with asyncio.timeout(BOUND):
            return json.loads(await self._reader.readline())

    def tell(self, line: object) -> None:
        self._writer.write(json.dumps(line).encode() + b"\n")

    def exit(self, code: int) -> None:
        self.tell({"exit": code})

    async def call(self, method: str, path: str, headers: dict[str, str], body: object) -> Any:
        self.tell({"call": [method, path, headers, body]})
        return await self.line()

    async def register(self, name: str, *events: str) -> dict[str, Any]:
        headers = {"Lambda-Extension-Name": name}
        answer = await self.call("POST", f"{API}/register", headers, {"events": events})
        assert answer["status"] == 200, answer
        identifier = answer["headers"]["lambda-extension-identifier"]
        self.identity = {"Lambda-Extension-Identifier": identifier}
        return dict(answer["body"])

    def ask(self) -> None:
        """Has it ask for its next event, which `event` takes."""
        self.tell({"call": ["GET", f"{API}/event/next", self.identity, None]})

    async def event(self) -> dict[str, Any]:
        answer = await self.line()
        assert answer["status"] == 200, answer
        return dict(answer["body"])

    async def rest(self) -> list[Any]:
        """What it says until its process ends."""
        async with asyncio.timeout(BOUND):
            try:
                rest = await self._reader.read()
            except ConnectionError:  # it had not read all that it was told
                rest = b""
        return [json.loads(line) for line in rest.splitlines()]

    async def gone(self) -> float:
        """When its process had ended, as `time.time` has it."""
        assert await self.rest() == []
        return time.time()


@dataclass
class Stage:
    """A world, and those who come to it."""

    here: World
    address: str
    arrivals: asyncio.Queue[tuple[str, Actor]]

    async def actor(self, name: str, within: float = BOUND) -> Actor:
        """The next to arrive, which must have this name."""
        async with asyncio.timeout(within):
            who, actor = await self.arrivals.get()
        assert who == name
        return actor

    async def puppet(self, *events: str) -> Actor:
        """The next to arrive, registered for these and waiting for its first."""
        actor = await self.actor("puppet")
        await actor.register("puppet", *events)
        actor.ask()
        return actor

    async def deploy(self, code: str, *extensions: str, **settings: Any) -> VersionKey:
        """Deploys a function whose handler is `app.run`, with these extensions; its key."""
        source, layer = self.here.folder / "code", self.here.folder / "layer"
        source.mkdir()
        (source / "app.py").write_text(code)
        shutil.copy(EXTENSIONS / "puppet", source / "puppet.py")
        (layer / "extensions").mkdir(parents=True)
        for name in extensions:
            shutil.copy(EXTENSIONS / name, layer / "extensions" / name)
        environment = {
            "PUPPET_TO": self.address,
            "RECORDER_TO": self.address,
            "RECORDER_PORT": "0",
            **settings.pop("environment", {}),
        }
        configuration = FunctionConfiguration(
            "f",
            "python3.13",
            "app.run",
            code=str(source),
            layers=(str(layer),) if extensions else (),
            environment=environment,
            **{"memory_mb": 512, "timeout": 30} | settings,
        )
        await self.here.engine.deploy(configuration, lambda _: None)
        return VersionKey.of("f")

    async def log(self, text: str) -> list[str]:
        """The function's log as soon as a line of it contains this."""
        async with asyncio.timeout(BOUND):
            while not self.here.has_logged("f", text):  # noqa: ASYNC110  # nothing tells a test
                await asyncio.sleep(0.005)
        return self.here.logs.tail("f")


@asynccontextmanager
async def stage(backend: SandboxBackend, folder: Path, **settings: Any) -> AsyncIterator[Stage]:
    """`settings` are those of `world`."""
    arrivals: asyncio.Queue[tuple[str, Actor]] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def arrived(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if line := await reader.readline():
            arrivals.put_nowait((json.loads(line)["name"], Actor(reader, writer)))

    server = await asyncio.start_server(arrived, backend.runtime_api_host, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with world(backend, folder, **settings) as here:
            yield Stage(here, f"{backend.runtime_api_name}:{port}", arrivals)
            for writer in writers:  # they end when they have their SHUTDOWN
                if not writer.is_closing():
                    writer.write_eof()
    finally:
        for writer in writers:
            writer.transport.abort()
        server.close()
