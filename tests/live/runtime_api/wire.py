"""A sandbox's end of the Runtime API's wire: requests as bytes, and the answers taken apart."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulator.live.runtime_api.interface import Work
from emulator.live.runtime_api.server import RuntimeApiServer
from tests.live.runtime_listener import RecordedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.live.runtime_api.interface import Admits, RuntimeEndpoint

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
WORK = Work("id-1", 1_700_000_000_000, ARN, b'{"a":1}')
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: h\r\n\r\n"
RESPONSE = b"POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: h\r\n"
ERROR = RESPONSE.replace(b"/response", b"/error")
INIT_ERROR = b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: h\r\n"
ACCEPTED = (202, b'{"status":"OK"}')
LIMIT = 1000
BOUND = 30.0
"""Seconds that any one wait may take."""


class Client:
    """A runtime's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._writer.write(piece)

    async def send_all(self, data: bytes) -> None:
        """Returns when the emulator, or the kernel for it, has taken most of the data."""
        self._writer.write(data)
        await self._writer.drain()

    def pause(self) -> None:
        """Reads no more, as a client that is not interested in answers."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def answer(self) -> tuple[int, bytes]:
        status, _, body = await self.whole_answer()
        return status, body

    async def whole_answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(BOUND):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.rstrip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers.get("Content-Length", 0)))
        return int(first.split()[1]), headers, body

    async def ended(self) -> bool:
        async with asyncio.timeout(BOUND):
            try:
                return await self._reader.read() == b""
            except ConnectionError:
                return True

    def close(self) -> None:
        self._writer.close()


@dataclass
class Sandbox:
    endpoint: RuntimeEndpoint
    listener: RecordedRuntime
    clients: list[Client] = field(default_factory=list)

    async def dial(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.endpoint.port))
        self.clients.append(client)
        return client

    async def asking(self, request: bytes = NEXT) -> Client:
        """A connection whose runtime waits for work."""
        client = await self.dial()
        client.send(request)
        async with asyncio.timeout(BOUND):
            await self.listener.is_ready.wait()
        return client

    async def at_work(self) -> Client:
        """A connection whose runtime has been given the work."""
        client = await self.asking()
        self.endpoint.dispatch(WORK)
        assert (await client.answer())[0] == 200
        self.listener.told.clear()
        self.listener.is_ready.clear()
        return client


@asynccontextmanager
async def sandbox(admits: Admits | None = None, limit: int = LIMIT) -> AsyncIterator[Sandbox]:
    """`limit` bounds bodies, in bytes."""
    listener = RecordedRuntime()
    endpoint = await RuntimeApiServer(limit).open("127.0.0.1", listener, admits)
    here = Sandbox(endpoint, listener)
    try:
        yield here
    finally:
        for client in here.clients:
            client.close()
        await here.endpoint.close()


def chunked(*pieces: bytes, trailers: bytes = b"") -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + trailers + b"\r\n"
