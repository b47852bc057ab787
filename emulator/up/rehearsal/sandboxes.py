"""Makes sandboxes that are a runtime at the end of a `Line`, and nothing of the machine's."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from emulator.live.backends.interface import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.interface import Output, ProcessEnded, Progress, SandboxProcess
    from emulator.live.backends.limitations import Limitation
    from emulator.live.backends.sandbox_spec import InnerListener, SandboxSpec
    from emulator.up.rehearsal.wire import Loop

_NEXT = (
    b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
    b"Host: 127.0.0.1:9001\r\nUser-Agent: rehearsal\r\n\r\n"
)
_RESPONSE = (
    b"POST /2018-06-01/runtime/invocation/%b/response HTTP/1.1\r\n"
    b"Host: 127.0.0.1:9001\r\nUser-Agent: rehearsal\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
_REQUEST_ID = b"\r\nLambda-Runtime-Aws-Request-Id: "
_KILLED = 137


class Runtime(asyncio.Protocol):
    """Answers every invocation with its payload, as a runtime of Lambda's does."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line = transport
        self._write = transport.write  # type: ignore[attr-defined]  # a Line's
        self._write(_NEXT)

    def data_received(self, data: bytes) -> None:
        at = data.find(_REQUEST_ID)
        if at < 0:  # the acceptance of an answer
            self._write(_NEXT)
            return
        begin = at + len(_REQUEST_ID)
        body = data[data.index(b"\r\n\r\n") + 4 :]
        request_id = data[begin : data.index(b"\r\n", begin)]
        self._write(_RESPONSE % (request_id, len(body), body))


class Sandbox:
    """Stands in for a sandbox: without a process, and with a kernel that counts nothing."""

    create = start = 0.0
    resettable = False

    def __init__(self, exited: asyncio.Future[Exit]) -> None:
        self.exited = exited

    def run(self, name: str) -> None: ...

    def terminate(self, name: str) -> None: ...

    async def reset(self) -> None:
        await self.stop()

    async def owns(self, peer: object) -> bool:  # noqa: ARG002  # nobody else dials
        return True

    def output_until_now(self) -> None:
        return None

    def limit_cpu(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def max_memory_mb(self) -> int:
        return 0

    def memory(self) -> None:
        return None

    def jvm(self) -> None:
        return None

    def throttled(self) -> tuple[int, float]:
        return 0, 0.0

    def cpu_seconds(self) -> float:
        return 0.0

    async def stop(self) -> None:
        if not self.exited.done():
            self.exited.set_result(Exit(_KILLED))


class Backend:
    """Starts sandboxes that are a runtime on a `Line`."""

    name = "process"
    runtime_api_host = runtime_api_name = "127.0.0.1"
    oci_runtime = ""
    storage: Sequence[Path] = ()
    unenforced: Mapping[Limitation, str] = MappingProxyType({})
    packages = None
    snapshots = None
    stem_cells = None

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    async def open(self) -> None: ...

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> str:  # noqa: ARG002
        return configuration.name

    def extensions(self, package: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    async def listen_inside(
        self,
        snapshot: str = "",  # noqa: ARG002
        cell: int = 0,  # noqa: ARG002
    ) -> InnerListener | None:
        return None

    def give_up(self, inner: InnerListener) -> None: ...

    async def start(
        self,
        spec: SandboxSpec,
        output: Output,  # noqa: ARG002  # it writes nothing
        ended: ProcessEnded,  # noqa: ARG002  # nor ends by itself
    ) -> SandboxProcess:
        port = int(spec.environment["AWS_LAMBDA_RUNTIME_API"].rpartition(":")[2])
        self._loop.dial(port, Runtime())
        return Sandbox(self._loop.create_future())

    async def close(self) -> None: ...
