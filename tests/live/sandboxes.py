"""One sandbox of a backend with its side of the Runtime API, without an engine."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from emulator.live.runtime_api.interface import Work
from emulator.live.runtime_api.server import RuntimeApiServer
from tests.live.runtime_listener import RecordedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend, SandboxProcess
    from emulator.live.runtime_api.interface import RuntimeEndpoint

BOUND = 20.0
"""Seconds that any one wait may take."""
CODE = """
import json, os, signal, socket, subprocess, sys, time

def run(event, context):
    scope = {"context": context}
    exec(event, globals(), scope)
    return scope.get("answer")
"""


class Sandbox(RecordedRuntime):
    """A sandbox whose init is over, or will be."""

    process: SandboxProcess
    endpoint: RuntimeEndpoint

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def output(self, piece: bytes) -> None:
        self.written += piece

    def ended(self, name: str, ended: Exit) -> None:
        self.events.put_nowait((name, ended))

    async def outcome(self) -> tuple[object, ...]:
        """Returns what it did next; an answer as its document."""
        what, *told = await self.event()
        if what == "responded":
            assert isinstance(told[1], bytes)
            return what, json.loads(told[1])
        return what, *told

    async def ready(self) -> None:
        event = await self.event()
        assert event == ("ready",), (event, self.written)

    async def restart(self) -> None:
        """Starts the runtime again, after its end or a reset."""
        self.is_ready.clear()
        self.endpoint.reset()
        self.process.run(RUNTIME)
        await self.ready()

    def tell(self, code: str) -> None:
        deadline_ms = int((time.time() + BOUND) * 1000)
        self.endpoint.dispatch(Work("r", deadline_ms, "arn", json.dumps(code).encode()))

    async def ask(self, code: str) -> Any:
        self.tell(code)
        what, *answer = await self.outcome()
        assert what == "responded", answer
        return answer[0]


def function(
    folder: Path, memory_mb: int = 256, layers: tuple[str, ...] = ()
) -> FunctionConfiguration:
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(CODE)
    return FunctionConfiguration(
        "sandbox-test",
        "python3.13",
        "app.run",
        memory_mb=memory_mb,
        code=str(folder),
        layers=layers,
    )


@asynccontextmanager
async def sandbox(
    backend: SandboxBackend, configuration: FunctionConfiguration, **more: Any
) -> AsyncIterator[Sandbox]:
    """A started one; its init is over where it has no extensions to wait for."""
    package = await backend.deploy(configuration, lambda _: None)
    here = Sandbox()
    here.endpoint = await RuntimeApiServer(6 << 20).open(backend.runtime_api_host, here)
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"{backend.runtime_api_name}:{here.endpoint.port}",
        "_HANDLER": "app.run",
        "LANG": "en_US.UTF-8",
    }
    cpu = more.pop("cpu", CpuShare(20_000, 20_000))
    spec = SandboxSpec(next(_IDS), package, configuration, environment, cpu, **more)
    try:
        here.process = await backend.start(spec, here.output, here.ended)
        try:
            if not spec.extensions:
                await here.ready()
                here.process.limit_cpu()
            yield here
        finally:
            await here.process.stop()
    finally:
        await here.endpoint.close()


_IDS = iter(range(7_000_000, 8_000_000))
