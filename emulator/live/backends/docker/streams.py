"""Sends one request to a Docker engine on one connection, and reads the engine's framing.

An answer may have no end of its own: events, build logs, a sandbox's output. This module knows
HTTP and the framing of containers' output, nothing else.

Source of the framing: Docker Engine API, ContainerAttach, "Stream format".
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

_PIECE = 1 << 18
_OK = range(100, 300)
_HEADER = 8
_LONGEST_LINE = 1 << 16
"""Bytes of an unfinished line that are held back."""


class Demultiplexer:
    """Takes the engine's frames apart, each a header of 8 bytes and a payload of stdout or stderr.

    Both streams come out as one. The engine cuts frames anywhere, so an unfinished line is held
    back until its stream goes on: else one stream's line would end within another's.
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0
        self._held: dict[int, bytes] = {}
        """The unfinished line of each stream."""

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """Yields the number of a stream (1 or 2) and a payload, for each frame or part of one."""
        at = 0
        while at < len(piece):
            if self._left:
                payload = piece[at : at + self._left]
                self._left -= len(payload)
                at += len(payload)
                yield self._header[0], payload
            else:
                if len(self._header) == _HEADER:
                    self._header.clear()
                missing = _HEADER - len(self._header)
                self._header += piece[at : at + missing]
                at += missing
                if len(self._header) == _HEADER:
                    self._left = int.from_bytes(self._header[4:], "big")

    def rest(self) -> bytes:
        """Returns what is still held back when the streams have ended."""
        held, self._held = b"".join(self._held.values()), {}
        return held

    def lines(self, stream: int, payload: bytes) -> bytes:
        """Returns the lines that end in what a stream goes on with."""
        text = self._held.pop(stream, b"") + payload
        end = text.rfind(b"\n") + 1
        if len(text) - end > _LONGEST_LINE:
            end = len(text)
        if end < len(text):
            self._held[stream] = text[end:]
        return text[:end]


class JsonLines:
    """Reads JSON objects, one a line, from pieces that end anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[dict[str, Any]]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


class Exchange(asyncio.Protocol):
    """Sends one request on a connection of its own, and hands the answer's body over in pieces."""

    def __init__(self, on_body: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[int] = loop.create_future()
        """The HTTP status; 0 when the connection was lost before it came."""
        self.ended: asyncio.Future[None] = loop.create_future()
        """Done when all of the body was handed over, or the connection was lost."""
        self.refusal = b""
        """The body of an answer that is an error."""
        self._on_body = on_body
        self._parser = httptools.HttpResponseParser(self)
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    async def send(self, head: bytes, body: bytes | IO[bytes] = b"") -> None:
        """Writes the request; a file goes out as fast as the engine takes it."""
        assert self._transport is not None
        if isinstance(body, bytes):
            self._transport.write(head + body)
            return
        self._transport.write(head)
        while piece := body.read(_PIECE):
            await self._writable.wait()
            if self._transport.is_closing():
                return
            self._transport.write(piece)

    def write(self, piece: bytes) -> None:
        """Writes to the other side of an upgraded connection, unless that is closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(piece)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast and no assertion: uvloop's transports are no asyncio.Transport
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if self._upgraded:
            self._on_body(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded = True
            if rest := data[upgrade.args[0] :]:
                self._on_body(rest)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._writable.set()
        if not self.answered.done():
            self.answered.set_result(0)
        if not self.ended.done():
            self.ended.set_result(None)

    # httptools' callbacks

    def on_headers_complete(self) -> None:
        if not self.answered.done():
            self.answered.set_result(self._parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        if self._parser.get_status_code() in _OK:
            self._on_body(body)
        else:
            self.refusal += body

    def on_message_complete(self) -> None:
        # an upgrade's message ends with its head, and its body only begins there
        upgraded = self.answered.done() and self.answered.result() == 101  # noqa: PLR2004
        if not upgraded and not self.ended.done():
            self.ended.set_result(None)
