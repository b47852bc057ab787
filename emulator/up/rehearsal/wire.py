"""Connects protocols of one process to each other, where an event loop would use sockets."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable


class Line(asyncio.Transport):
    """Holds one end of a connection; what is written arrives at the other in the next turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self._loop = loop
        self._protocol = protocol
        self._closing = False
        self.other: Line = self

    def write(self, data: Any) -> None:
        self._loop.call_soon(self.other.arrive, data)

    def arrive(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        for end in (self, self.other):
            if not end._closing:  # noqa: SLF001  # the other end
                end._closing = True  # noqa: SLF001
                self._loop.call_soon(end._protocol.connection_lost, None)  # noqa: SLF001

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_reading(self) -> bool:
        return True


class Socket:
    """Knows the address that a server without a socket has."""

    def __init__(self, port: int) -> None:
        self._port = port

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", self._port


class Server:
    """Stands in for the server that a loop returns, and listens nowhere."""

    def __init__(self, port: int) -> None:
        self.sockets = [Socket(port)]

    def close(self) -> None: ...

    async def wait_closed(self) -> None: ...


class Loop(uvloop.Loop):
    """Keeps who would listen, and connects protocols to them."""

    def __init__(self) -> None:
        super().__init__()
        self._listening: dict[int, Callable[[], asyncio.Protocol]] = {}
        self._ports = count(1)

    async def create_server(  # type: ignore[override]  # what the emulator calls it with
        self, protocol_factory: Any, *_: object, **options: Any
    ) -> Server:
        """Keeps a factory by its port: a bound socket's, or the next number."""
        bound = options.get("sock")
        port = next(self._ports) if bound is None else bound.getsockname()[1]
        self._listening[port] = protocol_factory
        return Server(port)

    def dial(self, port: int, protocol: asyncio.Protocol) -> None:
        """Connects a protocol to who listens on a port."""
        listener = self._listening[port]()
        near, far = Line(self, protocol), Line(self, listener)
        near.other, far.other = far, near
        listener.connection_made(far)
        protocol.connection_made(near)
