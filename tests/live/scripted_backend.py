"""A backend without processes: its runtimes are tasks that dial the real Runtime API.

A handler is looked up by its name here instead of being run from its file; what a sandbox does
besides (to exit, to eat all memory, to hang) is acted out. Fast, and the same on every machine.
"""

from __future__ import annotations

import asyncio
import json
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx

from emulator.host.peers import Owners
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.limitations import Limitation
from tests.live.unmeasured import KILLED, PackagelessBackend, UnmeasuredProcess

if TYPE_CHECKING:
    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.host.peers import Peer
    from emulator.live.backends.interface import Output, ProcessEnded, Progress
    from emulator.live.backends.sandbox_spec import SandboxSpec

_API = "2018-06-01/runtime"


class _ExitedError(Exception):
    def __init__(self, code: int, *, out_of_memory: bool = False) -> None:
        super().__init__(code)
        self.ended = Exit(code, out_of_memory)


class ScriptedProcess(UnmeasuredProcess):
    def __init__(self, spec: SandboxSpec, output: Output, ended: ProcessEnded) -> None:
        self.spec = spec
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._output = output
        self._ended = ended
        self._running = asyncio.Event()
        self._running.set()
        self._task = asyncio.create_task(self._run())

    def run(self, name: str) -> None:
        assert name == RUNTIME, "it has no extensions"
        if self._task.done():
            self._task = asyncio.create_task(self._run())

    async def owns(self, peer: Peer) -> bool:
        return await Owners(lambda: [os.getpid()]).made(peer)

    def terminate(self, name: str) -> None:  # noqa: ARG002
        self._task.cancel()

    async def reset(self) -> None:
        self.thaw()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def freeze(self) -> None:
        self.frozen = True
        self._running.clear()

    def thaw(self) -> None:
        self.frozen = False
        self._running.set()

    async def stop(self) -> None:
        if not self.exited.done():
            self.exited.set_result(Exit(KILLED))
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            base = f"http://{self.spec.environment['AWS_LAMBDA_RUNTIME_API']}/{_API}"
            async with httpx.AsyncClient(base_url=base, timeout=None) as api:
                await self._serve(api)
        except _ExitedError as error:
            self._ended(RUNTIME, error.ended)
        except asyncio.CancelledError:
            if not self.exited.done():
                self._ended(RUNTIME, Exit(KILLED))
            raise

    async def _serve(self, api: httpx.AsyncClient) -> None:
        with open(f"{self.spec.package}/app.py") as source:  # noqa: ASYNC230, PTH123
            broken = "no_such_module" in source.read()
        if broken:
            await self._fail(api, "init/error", "Runtime.ImportModuleError", "no_such_module")
            raise _ExitedError(1)
        while True:
            work = await api.get("invocation/next")
            await self._running.wait()
            request_id = work.headers["lambda-runtime-aws-request-id"]
            path = f"invocation/{request_id}"
            try:
                if "lambda-runtime-client-context" in work.headers:
                    answer = json.loads(work.headers["lambda-runtime-client-context"])
                elif "lambda-runtime-aws-tenant-id" in work.headers:
                    answer = work.headers["lambda-runtime-aws-tenant-id"]
                else:
                    answer = await self._handle(work.json(), request_id)
            except ValueError as error:
                await self._fail(api, f"{path}/error", "ValueError", str(error))
            else:
                await api.post(f"{path}/response", content=json.dumps(answer))

    async def _fail(self, api: httpx.AsyncClient, path: str, kind: str, message: str) -> None:
        body = {"errorType": kind, "errorMessage": message}
        headers = {"Lambda-Runtime-Function-Error-Type": kind}
        await api.post(path, json=body, headers=headers)

    async def _handle(self, event: Any, request_id: str) -> Any:
        match self.spec.configuration.handler.partition(".")[2]:
            case "context":
                environment = self.spec.environment
                name = environment["AWS_LAMBDA_FUNCTION_NAME"]
                return [name, request_id, environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]]
            case "pause":
                await asyncio.sleep(0.1)
                return self.spec.environment["AWS_LAMBDA_LOG_STREAM_NAME"]
            case "fail":
                raise ValueError("no luck")
            case "leave":
                raise _ExitedError(event)
            case "eat":
                raise _ExitedError(KILLED, out_of_memory=True)
            case "hang":
                await asyncio.sleep(60)
            case "say":
                self._output(f"said {event}\n".encode())
            case "large":
                return "x" * event
        return event


class ScriptedBackend(PackagelessBackend):
    name = "scripted"
    runtime_api_host = "127.0.0.1"
    runtime_api_name = "127.0.0.1"
    unenforced = MappingProxyType(
        {Limitation.CPU_UNLIMITED: "No CPU share is set, since nothing runs."}
    )

    def __init__(self) -> None:
        self.processes: list[ScriptedProcess] = []

    async def open(self) -> None:
        pass

    async def deploy(
        self,
        configuration: FunctionConfiguration,
        progress: Progress,  # noqa: ARG002
    ) -> str:
        return configuration.code

    async def start(
        self, spec: SandboxSpec, output: Output, ended: ProcessEnded
    ) -> ScriptedProcess:
        process = ScriptedProcess(spec, output, ended)
        self.processes.append(process)
        return process

    async def survivors(self) -> list[str]:
        alive = (process for process in self.processes if not process.exited.done())
        return [str(process.spec.sandbox) for process in alive]

    async def close(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes))
