"""Serves as an extension's subscriber: a real HTTP or TCP server that keeps what it is sent."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

BOUND = 30.0
"""Seconds that any one wait may take."""


@dataclass
class Listener:
    """Answers each batch with the next of `statuses`, and then with 200."""

    statuses: list[int] = field(default_factory=list)
    port: int = 0
    requests: list[str] = field(default_factory=list)
    """The heads of requests, as they came."""
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    """All batches, also those that were answered with an error."""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def until(self, fulfilled: Callable[[Listener], bool]) -> None:
        async with asyncio.timeout(BOUND):
            while not fulfilled(self):
                self.changed.clear()
                await self.changed.wait()

    def took(self, batch: list[dict[str, Any]]) -> None:
        self.batches.append(batch)
        self.changed.set()

    async def serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                body = await reader.readexactly(length)
                self.requests.append(head)
                self.took(json.loads(body))
                await self.answering.wait()
                status = self.statuses.pop(0) if self.statuses else 200
                writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the emulator has gone
        finally:
            writer.close()

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while event := await reader.readline():
                self.took([json.loads(event)])
        finally:
            writer.close()


@asynccontextmanager
async def listening(*statuses: int, protocol: str = "HTTP") -> AsyncIterator[Listener]:
    listener = Listener(list(statuses))
    listener.answering.set()
    serve = listener.serve_tcp if protocol == "TCP" else listener.serve_http
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        listener.answering.set()
        server.close()
