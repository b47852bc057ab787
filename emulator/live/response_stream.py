"""A response on its way from a runtime to its caller, piece by piece.

Source: the developer guide's "Response streaming for Lambda functions" and "Building a custom
runtime": a runtime that streams says so in a header of its response, and tells of an error that
comes midway in the trailers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.core.failure_bodies import too_large_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from emulator.live.invocation import Outcome

_HIGH_WATER = 1 << 20
"""Bytes that may wait for a slow caller; then the runtime waits too."""


@dataclass(frozen=True, slots=True)
class StreamError:
    """Why a stream ended before its function was done."""

    error_type: str
    """As X-Amz-Function-Error has it; the error's own type stands in the body."""
    body: bytes


class ResponseStream:
    """One producer, one consumer, in one event loop."""

    def __init__(self, limit: int) -> None:
        """A response of more than `limit` bytes ends there, with an error."""
        self.content_type = ""
        self.error: StreamError | None = None
        """Set at the latest when `pieces` ends."""
        self.began: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        """What is known of the outcome when the runtime begins to stream; never done where it
        answers in one piece."""
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
        """`hold(True)` is called when too much waits for the caller, `hold(False)` after that."""
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
        """What is fed after it is dropped."""
        if not self._ended:
            self._ended, self.error = True, error
            self._changed.set()

    # the caller's side

    async def pieces(self) -> AsyncIterator[bytes]:
        """As they come, to the end; the function's timeout bounds the wait for each."""
        while self._pieces or not self._ended:
            if not self._pieces:
                self._changed.clear()
                await self._changed.wait()
                continue
            piece = self._pieces.popleft()
            self._waiting -= len(piece)
            if self._waiting <= _HIGH_WATER and self._hold is not None:
                self._hold(False)
            yield piece

    def abandon(self) -> None:
        """The caller has gone: what still comes is dropped, and the runtime held up no more."""
        self.end()
        self._pieces.clear()
        self._waiting = 0
        self._let_go()

    def _let_go(self) -> None:
        """The function runs on, and its runtime is never to wait for this caller again."""
        if self._hold is not None:
            self._hold(False)
        self._hold = None
