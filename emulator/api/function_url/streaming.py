"""Passes responses of function URLs whose mode is RESPONSE_STREAM on, piece by piece.

Source: the developer guide's "Response streaming for Lambda functions". Knows the stream and the
client; the request that began it is the route's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.api.asgi import send_piece
from emulator.api.function_url.responses import BAD_GATEWAY, PRELUDE_TYPE, Prelude, PreludeError
from emulator.api.http_api.response import BODILESS, MalformedError, header_value

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from starlette.types import Send

    from emulator.live.response_stream import ResponseStream

    Begin = Callable[[int, Iterable[tuple[bytes, bytes]]], Awaitable[None]]

Head = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]
"""A response's status and headers, and what of its body was read with them."""


async def pass_on(stream: ResponseStream, begin: Begin, send: Send) -> None:
    """Sends a stream as a response, whose head `begin` sends with headers of its own.

    Where the stream breaks off, so does the response: the server then cuts the connection.
    """
    pieces = stream.pieces()
    head = await _head(stream, pieces)
    if head is None:
        await begin(BAD_GATEWAY.status, BAD_GATEWAY.headers)
        await send_piece(send, BAD_GATEWAY.body, more=False)
        return
    status, headers, first = head
    await begin(status, headers)
    if status in BODILESS:
        await send_piece(send, b"", more=False)
        return
    await send_piece(send, first, more=True)
    async for piece in pieces:
        await send_piece(send, piece, more=True)
    if stream.error is None:
        await send_piece(send, b"", more=False)


async def _head(stream: ResponseStream, pieces: AsyncIterator[bytes]) -> Head | None:
    """Returns the response's head; None where the stream has none that can be followed."""
    if stream.content_type == PRELUDE_TYPE:
        return await _prelude(pieces)
    try:
        content_type = header_value(stream.content_type)
    except MalformedError:
        return None
    first = await anext(pieces, b"")
    if not first and stream.error is not None:
        return None
    return 200, ((b"content-type", content_type),), first


async def _prelude(pieces: AsyncIterator[bytes]) -> Head | None:
    """Returns the head that the stream itself says; None where there is none, or no end of it."""
    prelude = Prelude()
    try:
        async for piece in pieces:
            if (head := prelude.feed(piece)) is not None:
                return head
    except PreludeError:
        pass
    return None
