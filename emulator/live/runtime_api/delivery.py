"""Brings events to a subscriber that listens within a sandbox, over HTTP or over TCP.

It makes one attempt at a time, and knows neither buffers nor what is in an event.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.live.runtime_api.subscription import Destination

ATTEMPT = 2.0
"""Seconds that one attempt may take; the longer a subscriber holds it, the more is dropped."""


class NotDeliveredError(Exception):
    """Tells that one attempt failed; another may not."""


class Delivery(Protocol):
    """Declares one way to a subscriber."""

    async def send(self, events: Sequence[bytes]) -> None:
        """Sends events, each of them a JSON document.

        Raises:
            NotDeliveredError: The subscriber did not take them.
        """

    async def close(self) -> None: ...


def delivery(destination: Destination, address: str) -> Delivery:
    """Returns the way to a sandbox's address, whatever host the subscriber gave itself."""
    if destination.protocol == "TCP":
        return TcpDelivery(destination, address)
    return HttpDelivery(destination, address)


class HttpDelivery:
    """Sends a JSON array; any answer below 400 is an acknowledgement."""

    def __init__(self, destination: Destination, address: str) -> None:
        self._method = destination.method
        self._url = f"http://{address}:{destination.port}{destination.path}"
        self._headers = {
            "Host": f"sandbox.localdomain:{destination.port}",
            "Content-Type": "application/json",
        }
        import httpx  # noqa: PLC0415  # takes long, and most emulators never deliver

        self._client = httpx.AsyncClient(
            # a default one would read the machine's certificates, which takes long, and its
            # proxies, which know nothing of the sandbox
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            timeout=ATTEMPT,
        )

    async def send(self, events: Sequence[bytes]) -> None:
        from httpx import HTTPError  # noqa: PLC0415

        body = b"[" + b",".join(events) + b"]"
        try:
            async with asyncio.timeout(ATTEMPT):
                response = await self._client.request(
                    self._method, self._url, content=body, headers=self._headers
                )
        except (HTTPError, TimeoutError) as error:
            raise NotDeliveredError(str(error)) from error
        if response.is_error:
            raise NotDeliveredError(f"the subscriber answered {response.status_code}")

    async def close(self) -> None:
        await self._client.aclose()


class TcpDelivery:
    """Writes a line for each event over one connection; nothing acknowledges lines."""

    def __init__(self, destination: Destination, address: str) -> None:
        self._address = address
        self._port = destination.port
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, events: Sequence[bytes]) -> None:
        try:
            async with asyncio.timeout(ATTEMPT):
                if self._writer is None:
                    _, self._writer = await asyncio.open_connection(self._address, self._port)
                self._writer.write(b"".join(event + b"\n" for event in events))
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            await self.close()
            raise NotDeliveredError(str(error)) from error

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()  # a close would wait for a subscriber that reads no more
