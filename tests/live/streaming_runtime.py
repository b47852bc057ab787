"""Plays a runtime that streams: the custom-runtime protocol by hand, from a script in the event.

A function whose handler is `app.stream` does what its event says; every other function is scripted.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.live.backends.interface import RUNTIME, Exit
from tests.live.scripted_backend import ScriptedBackend, ScriptedProcess

if TYPE_CHECKING:
    import httpx

    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.sandbox_spec import SandboxSpec

_API = "/2018-06-01/runtime/invocation/"
_BOUND = 60.0


@dataclass
class Work:
    request_id: str
    trace_id: str
    event: Any


class RuntimeClient:
    """Holds one connection of a runtime to its Runtime API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, address: str) -> RuntimeClient:
        host, port = address.split(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def next(self) -> Work:
        self._writer.write(f"GET {_API}next HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        _, headers, body = await self._answer()
        request_id = headers["lambda-runtime-aws-request-id"]
        return Work(request_id, headers.get("lambda-runtime-trace-id", ""), json.loads(body))

    async def post(self, path: str, body: bytes) -> int:
        head = f"POST {_API}{path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        return (await self._answer())[0]

    def begin(self, request_id: str, content_type: str) -> None:
        self._writer.write(
            f"POST {_API}{request_id}/response HTTP/1.1\r\nHost: h\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
            f"Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"
            "\r\n".encode()
        )

    async def piece(self, piece: bytes) -> None:
        self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await self._writer.drain()

    def finish(self, error: dict[str, str] | None = None) -> None:
        """Sends the last chunk, and the trailers of an error where there was one."""
        trailers = ""
        if error is not None:
            body = base64.b64encode(json.dumps(error).encode()).decode()
            kind = error["errorType"]
            trailers = (
                f"Lambda-Runtime-Function-Error-Type: {kind}\r\n"
                f"Lambda-Runtime-Function-Error-Body: {body}\r\n"
            )
        self._writer.write(f"0\r\n{trailers}\r\n".encode())

    async def accepted(self) -> int:
        return (await self._answer())[0]

    def close(self) -> None:
        self._writer.close()

    async def _answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return int(first.split()[1]), headers, body


class StreamingProcess(ScriptedProcess):
    def __init__(
        self, spec: SandboxSpec, output: Output, ended: ProcessEnded, gate: threading.Event
    ) -> None:
        super().__init__(spec, output, ended)
        self._gate = gate
        self._clients: list[RuntimeClient] = []

    async def _serve(self, api: httpx.AsyncClient) -> None:
        if self.spec.configuration.handler != "app.stream":
            await super()._serve(api)
            return
        try:
            await self._stream()
        except (AssertionError, asyncio.IncompleteReadError, OSError):  # refused, or cut off
            self._ended(RUNTIME, Exit(1))
        finally:
            for client in self._clients:
                client.close()

    async def _dial(self) -> RuntimeClient:
        client = await RuntimeClient.dial(self.spec.environment["AWS_LAMBDA_RUNTIME_API"])
        self._clients.append(client)
        return client

    async def _stream(self) -> None:
        client = await self._dial()
        while True:
            work = await client.next()
            script = work.event
            if "requestContext" in script:
                script = json.loads(script["body"])
            client = await self._play(script, work, client)

    async def _play(
        self, script: dict[str, Any], work: Work, client: RuntimeClient
    ) -> RuntimeClient:
        """Returns the connection on which to ask for the next invocation."""
        client.begin(work.request_id, script.get("type", "text/plain"))
        for piece in script.get("pieces", ()):
            await client.piece(piece.encode())
        for _ in range(script.get("megabytes", 0)):
            await client.piece(bytes(1 << 20))
        match script.get("then", "end"):
            case "end":
                client.finish()
                assert await client.accepted() == 202
            case "trace":
                await client.piece(work.trace_id.encode())
                client.finish()
                assert await client.accepted() == 202
            case "fail":
                client.finish({"errorType": "App.Late", "errorMessage": "no luck"})
                assert await client.accepted() == 202
            case "wait":
                await asyncio.to_thread(self._gate.wait, _BOUND)
                await client.piece(b"after the gate")
                client.finish()
                assert await client.accepted() == 202
            case "break":
                client.close()
                return await self._dial()
            case "report":
                other = await self._dial()
                assert await other.post(f"{work.request_id}/error", b'{"errorType":"App.Told"}')
                client.close()
                return other
            case "hurry":  # asks on another connection and does not wait for the answer to this
                client.finish()
                return await self._dial()
            case "hang":
                await asyncio.sleep(60)
            case "exit":
                client.close()
                self._ended(RUNTIME, Exit(1))
                raise asyncio.CancelledError
        return client


class StreamingBackend(ScriptedBackend):
    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        """Makes scripts wait; a test that opens it may be in another thread."""

    async def start(
        self, spec: SandboxSpec, output: Output, ended: ProcessEnded
    ) -> StreamingProcess:
        process = StreamingProcess(spec, output, ended, self.gate)
        self.processes.append(process)
        return process
