"""Passes a request on to another HTTP server, and the answer back, piece by piece.

Neither body is ever held as a whole. What a request says to that server (its target, byte for
byte, and its Host, which a signature covers and a bucket's name may stand in) stays as it came;
headers about the connection to the gateway (RFC 9110, 7.6.1) are left out. Knows nothing of AWS.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpcore

from emulator.api.asgi import ClientLeftError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from emulator.api.asgi import Headers

log = logging.getLogger(__name__)

_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_PROMISED = frozenset({b"expect"})
"""Request headers left out: the gateway has told the client to go on when it reads the body."""
_SAID_BY_SERVER = frozenset({b"date"})
"""Response headers left out: the gateway's own server says them."""
_CONNECT_TIMEOUT = 10.0
_KEEP_UNUSED = 5.0
"""Seconds for which an unused connection to a server is kept."""


class UpstreamError(Exception):
    """Means that the other server did not answer; nothing was sent to the client yet."""


class Proxy:
    """Passes requests on to other servers, over connections that are kept until `close`.

    Use from one event loop.
    """

    def __init__(self) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=None, keepalive_expiry=_KEEP_UNUSED
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def pass_on(self, server: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes one request on to `server`, `http://host:port`; ends early if the client leaves.

        There is no limit on how long an answer takes: a queue's long poll takes 20 s, and a client
        has a timeout of its own.

        Raises:
            UpstreamError: the server did not answer.
        """
        body = _Body(receive, scope["headers"])
        exchange = asyncio.ensure_future(self._exchange(server, scope, body, send))
        leaving = asyncio.ensure_future(body.client_left())
        try:
            await asyncio.wait([exchange, leaving], return_when=asyncio.FIRST_COMPLETED)
            if exchange.done():
                exchange.result()
        except ClientLeftError:
            pass
        finally:
            for task in (exchange, leaving):
                task.cancel()
            await asyncio.gather(exchange, leaving, return_exceptions=True)

    async def _exchange(self, server: str, scope: Scope, body: _Body, send: Send) -> None:
        begun = False
        try:
            async with self._pool.stream(
                scope["method"],
                _url(server, scope),
                headers=body.headers,
                content=body.pieces() if body.announced else None,
                extensions={"timeout": {"connect": _CONNECT_TIMEOUT}},
            ) as answer:
                begun = True
                await _begin(answer, send)
                async for piece in answer.aiter_stream():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            if not begun:
                raise UpstreamError(str(error) or type(error).__name__) from error
            # the client sees an answer that is cut short, and that it is
            log.warning("%s broke off in its answer: %s", server, error)


class _Body:
    """Reads what the client sends, then whether the client is still there."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._read = asyncio.Event()
        names = {name for name, _ in headers}
        self.announced = not names.isdisjoint({b"content-length", b"transfer-encoding"})
        self.headers = _without(headers, _PROMISED)
        if b"transfer-encoding" in names:  # ours to encode again
            self.headers.append((b"transfer-encoding", b"chunked"))
        if not self.announced:
            self._read.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yields the request's body as it comes.

        Raises:
            ClientLeftError: the client left before it had sent all of its body.
        """
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeftError
            if piece := message.get("body", b""):
                yield piece
            more = message.get("more_body", False)
        self._read.set()

    async def client_left(self) -> None:
        """Returns when the client has closed its side of the connection after its body.

        The server then says so with any message; half-closed clients leave too, as with nginx, so
        that no queue's message goes to a program that has ended.
        """
        await self._read.wait()
        if not self.announced and (await self._receive())["type"] == "http.disconnect":
            return
        await self._receive()


def _url(server: str, scope: Scope) -> httpcore.URL:
    url = httpcore.URL(server)
    query = scope["query_string"]
    url.target = scope["raw_path"] + (b"?" + query if query else b"")
    return url


async def _begin(answer: httpcore.Response, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in answer.headers]
    start: dict[str, Any] = {"type": "http.response.start", "status": answer.status}
    await send(start | {"headers": _without(headers, _SAID_BY_SERVER)})


def _without(headers: Headers, more: frozenset[bytes]) -> Headers:
    """Returns the headers that are not about one connection, and not among `more`."""
    named = {
        word.strip().lower()
        for name, value in headers
        if name == b"connection"
        for word in value.split(b",")
    }
    left_out = _HOP | more | named
    return [(name, value) for name, value in headers if name not in left_out]
