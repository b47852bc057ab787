"""Passes a response from a runtime to its caller, piece by piece, in bounded memory.

Neither HTTP nor the scheduler is known here. Source: the developer guide's "Response streaming for
Lambda functions" and "Building a custom runtime": a runtime that streams says so in a header of its
response, and tells of an error that comes midway in the trailers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.failure_bodies import too_large_body
from emulator.core.stream_pace import Pacer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from emulator.core.profile import StreamPace
    from emulator.live.invocation import Outcome

_HIGH_WATER = 1 << 20
"""Bytes that may wait for a slow caller; then the runtime waits too."""


@dataclass(frozen=True, slots=True)
class StreamError:
    """Holds why a stream ended before its function was done."""

    error_type: str
    """The value of X-Amz-Function-Error; the error's own type stands in the body."""
    body: bytes


class ResponseStream:
    """Has one producer and one consumer in one event loop."""

    def __init__(self, limit: int, pace: StreamPace | None = None, dilation: float = 1.0) -> None:
        """Ends a response after `limit` bytes, with an error.

        A `pace` is kept in the emulated Lambda's seconds, of `dilation` the loop's each.
        """
        self.content_type = ""
        self.error: StreamError | None = None
        """Set at the latest when `pieces` ends."""
        self.began: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        """The outcome as far as it is known when the runtime begins to stream; never done where the
        response comes in one piece."""
        self._pacer = Pacer(pace) if pace is not None else None
        self._dilation = dilation
        self._limit = limit
        self._left = limit
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        """Bytes of the pieces that were fed and not yet taken."""
        self._ended = False
        self._changed = asyncio.Event()
        self._hold: Callable[[bool], None] | None = None

    # the runtime's side

    def begin(self, content_type: str, hold: Callable[[bool], None], so_far: Outcome) -> None:
        """Lets the caller have its first answer.

        `hold(True)` is called when too much waits for the caller, `hold(False)` after that.
        """
        if self._ended:  # the caller has gone
            return
        self.content_type, self._hold = content_type, hold
        if not self.began.done():
            self.began.set_result(so_far)

    def feed(self, piece: bytes) -> None:
        if self._ended:
            return
        taken = piece[: self._left]
        self._left -= len(taken)
        self._pieces.append(taken)
        self._waiting += len(taken)
        self._changed.set()
        if len(taken) < len(piece):
            self.end(StreamError("Unhandled", too_large_body(self._limit)))
            self._let_go()
        elif self._waiting > _HIGH_WATER and self._hold is not None:
            self._hold(True)

    def end(self, error: StreamError | None = None) -> None:
        """Ends the stream; pieces that are fed afterwards are dropped."""
        if not self._ended:
            self._ended, self.error = True, error
            self._changed.set()

    # the caller's side

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yields pieces as they come, to the end; the function's timeout bounds each wait."""
        while self._pieces or not self._ended:
            if not self._pieces:
                self._changed.clear()
                await self._changed.wait()
                continue
            piece = self._pieces.popleft()
            self._waiting -= len(piece)
            if self._waiting <= _HIGH_WATER and self._hold is not None:
                self._hold(False)
            if self._pacer is None:
                yield piece
                continue
            for part in self._pacer.slices(piece):
                await self._until_its_turn(self._pacer, part)
                yield part

    async def _until_its_turn(self, pacer: Pacer, part: bytes) -> None:
        now = asyncio.get_running_loop().time() / self._dilation
        wait = pacer.wait(len(part), now)
        if wait > 0:
            await asyncio.sleep(wait * self._dilation)

    def abandon(self) -> None:
        """Drops what still comes, and holds the runtime up no more: the caller has gone."""
        self.end()
        self._pieces.clear()
        self._waiting = 0
        self._let_go()

    def _let_go(self) -> None:
        """Never lets the runtime wait for this caller again, though the function runs on."""
        if self._hold is not None:
            self._hold(False)
        self._hold = None
