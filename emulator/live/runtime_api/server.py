"""Opens for each sandbox the API that it dials: Lambda's Runtime API, on a socket of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.live.runtime_api.connection import Connection
from emulator.live.runtime_api.endpoint import SandboxEndpoint

if TYPE_CHECKING:
    import socket

    from emulator.live.runtime_api.interface import Admits, RuntimeEndpoint, RuntimeListener


_BACKLOG = 16


class RuntimeApiServer:
    """Opens a listening socket for each sandbox, on a port that the kernel picks."""

    def __init__(self, response_limit: int) -> None:
        """Takes responses of at most `response_limit` bytes."""
        self._response_limit = response_limit

    async def open(
        self, host: str, listener: RuntimeListener, admits: Admits | None = None
    ) -> RuntimeEndpoint:
        endpoint = SandboxEndpoint(listener, self._response_limit, admits)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(endpoint), host, 0, backlog=_BACKLOG)
        endpoint.serve(server)
        return endpoint

    async def open_at(
        self, bound: socket.socket, address: str, listener: RuntimeListener
    ) -> RuntimeEndpoint:
        endpoint = SandboxEndpoint(listener, self._response_limit, None, address)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: Connection(endpoint), sock=bound, backlog=_BACKLOG
            )
        except BaseException:
            bound.close()
            raise
        endpoint.serve(server)
        return endpoint
