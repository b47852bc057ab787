"""Runs the gateway's HTTP server: uvicorn, which answers what is open when it ends.

Knows how the server starts and ends; a connection is `connection`'s.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from emulator.api.app import Gateway
from emulator.api.connection.protocol import GatewayProtocol

if TYPE_CHECKING:
    from socket import socket

    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

_KEEP_CONNECTION = 75
"""Seconds for which an idle client's connection is kept: load that comes at a slow pace, such as a
request every few seconds, must not meet the moment in which its connection is closed."""
_GRACE = 3
"""Seconds that open requests get when the server is told to stop."""
_LAST_WORDS = 1
"""Seconds after that in which they must have been answered with 503."""


def gateway_config(app: ASGIApp, *, port: int = 0, grace: float = _GRACE) -> uvicorn.Config:
    """Returns uvicorn's configuration for the gateway.

    `port` counts where no socket is passed; `grace` is how many seconds open requests get at the
    end.
    """
    return uvicorn.Config(
        app,
        port=port,
        http=partial(GatewayProtocol, app.invoke if isinstance(app, Gateway) else None),  # type: ignore[arg-type]  # it is only called
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        # API Gateway's sourceIp is who dialled it, whatever the client says of itself
        proxy_headers=False,
        timeout_keep_alive=_KEEP_CONNECTION,
        timeout_graceful_shutdown=grace + _LAST_WORDS,  # type: ignore[arg-type]  # may be .3 s
        server_header=False,
    )


class GatewayServer(uvicorn.Server):
    """Serves until it is told to stop, and then answers the requests that are open."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        whole = self.config.timeout_graceful_shutdown or _LAST_WORDS
        loop = asyncio.get_running_loop()
        timer = loop.call_later(whole - _LAST_WORDS, self._end_open_requests)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()

    def _end_open_requests(self) -> None:
        if tasks := list(self.server_state.tasks):
            log.warning("Open requests answered with 503, as the emulator stops: %d", len(tasks))
        for task in tasks:
            task.cancel()
