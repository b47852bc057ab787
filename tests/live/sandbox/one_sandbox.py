"""Holds one sandbox between runtime, process and owner, with a clock that a test moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration
from emulator.live.backends.interface import Exit
from emulator.live.runtime_api.extensions import ShutdownReason
from emulator.live.runtime_api.interface import Work
from emulator.live.sandbox.dilation import SandboxCpu
from emulator.live.sandbox.live_sandbox import LiveSandbox
from tests.live.moved_clock import MovedClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.messages.measurements import Anatomy
    from emulator.host.jvm_counters import JvmCounters
    from emulator.host.memory_counters import MemoryCounters


WORK = Work("r", 0, "arn", b"{}")


class Process:
    """Writes down what it is told."""

    create, start = 0.02, 0.08
    resettable = True

    def __init__(self, told: list[str]) -> None:
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.memory_mb = 10
        self.used_up = (0, 0.0)
        self.cpu = 0.0
        self.counted: MemoryCounters | None = None
        self.jvm_counted: JvmCounters | None = None
        self._told = told

    def run(self, name: str) -> None:
        self._told.append(f"run {name}")

    def terminate(self, name: str) -> None:
        self._told.append(f"terminate {name}")

    async def reset(self) -> None:
        self._told.append("reset")

    def limit_cpu(self) -> None:
        self._told.append("limit")

    def freeze(self) -> None:
        self._told.append("freeze")

    def thaw(self) -> None:
        self._told.append("thaw")

    def max_memory_mb(self) -> int:
        self._told.append("memory")
        return self.memory_mb

    def memory(self) -> MemoryCounters | None:
        return self.counted

    def jvm(self) -> JvmCounters | None:
        return self.jvm_counted

    def throttled(self) -> tuple[int, float]:
        return self.used_up

    def cpu_seconds(self) -> float:
        return self.cpu

    async def stop(self) -> None:
        self._told.append("stop")
        if not self.exited.done():
            self.exited.set_result(Exit(137))


class Endpoint:
    port = 1
    peer = ""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def dispatch(self, work: Work) -> None:
        self._told.append(f"dispatch {work.request_id}")

    def reset(self) -> None:
        self._told.append("cut off")

    async def drained(self, timeout: float) -> None:  # noqa: ASYNC109
        self._told.append(f"drained {timeout}")

    async def close(self) -> None:
        self._told.append("close")


class Owner:
    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.stream_error = ""

    def init_began(self, _: LiveSandbox) -> None:
        self.heard.append("init began")

    def sandbox_ready(self, _: LiveSandbox, anatomy: Anatomy) -> None:
        self.heard.append(anatomy)

    def init_failed(self, _: LiveSandbox, error_type: str) -> None:
        self.heard.append(error_type)

    def answered(self, _: LiveSandbox, request_id: str, body: bytes, error_type: str) -> None:
        self.heard.append((request_id, body, error_type))

    def finished(self, _: LiveSandbox, request_id: str, error_type: str) -> None:
        self.heard.append(("finished", request_id, error_type))

    def stream_began(self, request_id: str, content_type: str, _: Callable[[bool], None]) -> None:
        self.heard.append(("stream began", request_id, content_type))

    def streamed(self, request_id: str, piece: bytes) -> None:
        self.heard.append(("streamed", request_id, piece))

    def stream_ended(
        self, _: LiveSandbox, request_id: str, error_type: str, error_body: bytes
    ) -> str:
        self.heard.append(("stream ended", request_id, error_type, error_body))
        return self.stream_error or error_type

    def stayed_busy(self, _: LiveSandbox) -> None:
        self.heard.append("stayed busy")

    def subscribed(self, _: LiveSandbox, event: object) -> None:
        self.heard.append(event)

    def process_ended(self, _: LiveSandbox, name: str, ended: Exit) -> None:
        self.heard.append((name, ended))

    def sandbox_exited(self, _: LiveSandbox, ended: Exit) -> None:
        self.heard.append(ended)


class Here:
    def __init__(self, dilation: float = 1.0) -> None:
        self.told: list[str] = []
        self.clock, self.owner, self.process = MovedClock(), Owner(), Process(self.told)
        self.sandbox = LiveSandbox(
            7,
            FunctionConfiguration("f", "python3.13", "app.handler"),
            "package",
            (),
            owner=self.owner,
            clock=self.clock,  # type: ignore[arg-type]
            epoch=lambda at: at,
            cpu=SandboxCpu(0.001 if dilation == 1 else 5.0, 1, dilation),
        )
        self.sandbox.start_with(Endpoint(self.told))

    def ready(self) -> None:
        self.sandbox.started(self.process)
        self.sandbox.runtime.connected()
        self.sandbox.runtime.asked()
        self.told.clear()
        self.owner.heard.clear()

    def busy(self) -> None:
        """It runs WORK."""
        self.ready()
        self.sandbox.dispatch(WORK)
        self.told.clear()

    async def reset(self) -> None:
        """As the engine does it."""
        assert self.sandbox.begin_reset()
        await self.sandbox.reset(ShutdownReason.FAILURE)
