"""Invokes `echo` from many clients at once, and takes the CPU time that each invocation costs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.up.rehearsal.wire import Loop

_SETTLED_S = 1.2
"""Seconds after which the last lines of a load are on the disk."""
_WARM_UP = 2000
_BODY = b"{}"
_INVOKE = (
    b"POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\n"
    b"Host: 127.0.0.1:8000\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """Holds the CPU time of warm invocations, in microseconds each."""

    loop_us: list[float]
    """Time of the event loop's thread, by round."""
    other_us: float
    """Time of all other threads, over all rounds."""


class Client(asyncio.Protocol):
    """Invokes again when it was answered, until the load is over."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = transport.write  # type: ignore[attr-defined]  # a Line's

    def data_received(self, data: bytes) -> None:
        if self._load.answered(data):
            self.write(_INVOKE)


class Load:
    """Counts the requests of clients that invoke at once."""

    def __init__(self, loop: Loop, port: int, clients: int) -> None:
        self._loop = loop
        self._clients = [Client(self) for _ in range(clients)]
        self._left = self._awaited = 0
        self._over = loop.create_future()
        for client in self._clients:
            loop.dial(port, client)

    async def run(self, requests: int) -> float:
        """Sends so many requests; returns the CPU seconds of this thread until the last answer."""
        self._over = self._loop.create_future()
        self._left, self._awaited = requests - len(self._clients), requests
        began = time.thread_time()
        for client in self._clients:
            client.write(_INVOKE)
        await self._over
        return time.thread_time() - began

    def answered(self, data: bytes) -> bool:
        """Takes an answer; returns whether its client is to send another request."""
        if not data.startswith(b"HTTP/1.1 200"):
            raise ValueError(data)
        self._awaited -= 1
        if not self._awaited:
            self._over.set_result(None)
        self._left -= 1
        return self._left >= 0


async def rehearse(loop: Loop, port: int, clients: int, rounds: int, requests: int) -> Rehearsed:
    """Invokes `rounds` times `requests` times, after sandboxes and interpreter have warmed up."""
    load = Load(loop, port, clients)
    await load.run(max(_WARM_UP, clients))
    await asyncio.sleep(_SETTLED_S)
    others = time.process_time() - time.thread_time()
    found = [await load.run(requests) / requests * 1e6 for _ in range(rounds)]
    await asyncio.sleep(_SETTLED_S)
    others = time.process_time() - time.thread_time() - others
    return Rehearsed(found, others / (rounds * requests) * 1e6)
