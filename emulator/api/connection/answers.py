"""Sends answers: in one write, with an end, or cut off where all can see that.

Knows the cycle of one request; which request comes when is the protocol's.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from emulator.api.asgi import ClientLeftError, json_response, send_error, send_response
from emulator.errors import ServiceError, ServiceUnavailableError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from emulator.api.asgi import Headers

log = logging.getLogger(__name__)

_CLOSE = (b"connection", b"close")
_BAD_REQUEST = json_response(400, b'{"message":"Bad Request"}', _CLOSE)


def write_whole(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> None:
    """Answers with one write: each is a call of the kernel, and wakes the client.

    The headers must be clean: uvicorn's own way looks for line breaks in them.
    """
    parts = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"content-length: %d\r\n\r\n" % len(body), body)
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"".join(parts))
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    cycle.on_response = _nothing  # else the cycle and the connection keep each other


def _nothing() -> None: ...


class HeadHolder:
    """Stands between uvicorn and a transport, so that a response of known length is one write."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._held = b""
        self._is_head = True

    def write(self, data: bytes) -> None:
        if not self._cycle.response_started:  # 100 Continue, before the head
            self._transport.write(data)
            return
        is_head, self._is_head = self._is_head, False
        if is_head and self._body_follows():
            self._held = data
        else:
            held, self._held = self._held, b""
            self._transport.write(held + data if held else data)

    def _body_follows(self) -> bool:
        cycle = self._cycle
        has_body = cycle.chunked_encoding is False and cycle.expected_content_length > 0
        return has_body and cycle.scope["method"] != "HEAD"

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if self._held:
            self._transport.write(self._held)
        self._transport.close()


async def refuse_websocket(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers as a load balancer does in front of a function.

    Source: the Elastic Load Balancing guide, "Use Lambda functions as targets" ("WebSockets are
    not supported. Upgrade requests are rejected with an HTTP 400 code").
    """
    await send_response(send, _BAD_REQUEST)


async def run_app(
    app: ASGIApp, cycle: RequestResponseCycle, scope: Scope, receive: Receive, send: Send
) -> None:
    """Runs the app so that each request ends in an answer or a closed connection."""
    try:
        await app(scope, receive, send)
    except ClientLeftError:
        pass
    except asyncio.CancelledError:  # the server stops, and this request was open for too long
        await _end(cycle, send, ServiceUnavailableError("The emulator is stopping."))
    except Exception:
        log.exception("%s %s was not answered", scope["method"], scope["path"])
        await _end(cycle, send, ServiceError("The emulator failed; its log says why."))
    if not cycle.response_complete:  # a stream broke off, or its client left
        _cut_off(cycle)


async def _end(cycle: RequestResponseCycle, send: Send, error: ServiceError) -> None:
    """Answers with the error where no response has begun."""
    if not cycle.response_started:
        await send_error(send, error, [_CLOSE])


def _cut_off(cycle: RequestResponseCycle) -> None:
    """Closes the connection, so that the client sees that its answer has no end."""
    cycle.disconnected = True
    cycle.transport.close()
