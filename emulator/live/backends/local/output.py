"""Reads what a sandbox writes, without letting a talkative sandbox hold up the others.

What is done with output costs about as much for an empty line as for a long one, so 64 KiB of
empty lines would keep the loop for a third of a second. A pipe is therefore read in slices that
shrink when they take long, and after a slow slice the pipe rests: the sandbox then waits for its
full pipe, and the loop serves everybody else.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.live.backends.interface import Output

_SLICE_TIME = 0.001
"""Seconds that one slice should take at most."""
_REST = 3.0
"""How many times as long as its slow slices a pipe rests: it has a quarter of the loop."""
_LEAST, _FIRST, _MOST = 256, 4096, 16384
"""Bytes of a slice."""
_LAST = 1 << 18
"""Bytes that are read after the end. A pipe holds 64 KiB; a child that lives on may write more."""


class OutputReader:
    """Passes on what comes through one pipe, which must not block. Lives in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pipe: int, receive: Output) -> None:
        self._loop = loop
        self._pipe = pipe
        self._receive = receive
        self._size = _FIRST
        self._handle: asyncio.Handle | None = None
        """The end of a rest, or the next slice after the end."""
        self._begin()

    def finish(self, done: Callable[[], None]) -> None:
        """Reads the rest, a slice each turn of the loop, and calls `done` when all was passed on.

        The writer has ended; whoever still holds the pipe is not waited for.
        """
        self.close()
        self._finish(_LAST, done)

    def close(self) -> None:
        """Stops reading; the pipe stays open. A `finish` under way calls nothing any more."""
        self._loop.remove_reader(self._pipe)
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _begin(self) -> None:
        self._handle = None
        self._loop.add_reader(self._pipe, self._read)

    def _read(self) -> None:
        began = time.perf_counter()
        try:
            piece = self._slice()
        except BlockingIOError:
            return
        if not piece:
            self._loop.remove_reader(self._pipe)
            return
        took = time.perf_counter() - began
        if took > _SLICE_TIME:
            self._loop.remove_reader(self._pipe)
            self._handle = self._loop.call_later(took * _REST, self._begin)

    def _finish(self, left: int, done: Callable[[], None]) -> None:
        self._handle = None
        try:
            piece = self._slice()
        except BlockingIOError:
            piece = b""
        if piece and left > 0:
            self._handle = self._loop.call_soon(self._finish, left - len(piece), done)
        else:
            done()

    def _slice(self) -> bytes:
        """Passes on one slice and chooses the size of the next.

        Raises:
            BlockingIOError: Nothing is there.
        """
        piece = os.read(self._pipe, self._size)
        if not piece:
            return piece
        began = time.perf_counter()
        self._receive(piece)
        took = time.perf_counter() - began
        if took > _SLICE_TIME:
            self._size = max(_LEAST, self._size // 2)
        elif took < _SLICE_TIME / 4 and len(piece) == self._size:
            self._size = min(_MOST, self._size * 2)
        return piece
