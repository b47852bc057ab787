"""Reading of a sandbox's output: all of it, and never at the loop's expense."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from emulator.live.backends.local.output import OutputReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.anyio
BOUND = 20.0
"""Seconds that any one wait may take."""
PIPE = 65536
A_LINE = 5e-6
"""Seconds that a line costs the gateway, as measured with its log store."""


@contextmanager
def piped(receive: Callable[[bytes], None]) -> Iterator[tuple[OutputReader, int]]:
    """A reader, and the end of its pipe to write to."""
    output, writer = os.pipe()
    for end in (output, writer):
        os.set_blocking(end, False)
    reader = OutputReader(asyncio.get_running_loop(), output, receive)
    try:
        yield reader, writer
    finally:
        reader.close()
        os.close(output)
        os.close(writer)


def work_on(piece: bytes) -> None:
    """Takes as long as the gateway does for so many lines."""
    until = time.thread_time() + piece.count(b"\n") * A_LINE
    while time.thread_time() < until:
        pass


async def test_flood_of_empty_lines_leaves_the_loop_to_the_others() -> None:
    received, lags = 0, []

    def receive(piece: bytes) -> None:
        nonlocal received
        received += len(piece)
        work_on(piece)

    with piped(receive) as (_, writer):
        until = time.monotonic() + BOUND
        while received < 50_000 and time.monotonic() < until:
            try:
                os.write(writer, b"\n" * PIPE)
            except BlockingIOError:
                began = time.thread_time()  # whoever else uses this machine is not meant
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                lags.append(time.thread_time() - began)
    assert received >= 50_000, "it is read on all the same"
    # garbage of all tests before may be collected in one of them
    assert sorted(lags)[-len(lags) // 10] < 0.1, "64 KiB at once took .33 s"
    assert sum(lag > 0.0005 for lag in lags) / len(lags) < 0.5


async def test_long_lines_are_read_in_large_slices() -> None:
    pieces: list[bytes] = []
    with piped(pieces.append) as (_, writer):
        async with asyncio.timeout(BOUND):
            while sum(map(len, pieces)) < 40 * 16384:
                with suppress(BlockingIOError):
                    os.write(writer, b"x" * 16384)
                await asyncio.sleep(0)
    assert max(map(len, pieces)) == 16384


async def test_rest_is_passed_on_before_the_end_is_told() -> None:
    pieces: list[bytes] = []
    done = asyncio.Event()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)

    def receive(piece: bytes) -> None:
        pieces.append(piece)
        work_on(piece)

    with piped(receive) as (reader, writer):
        assert os.write(writer, b"\n" * PIPE) == PIPE
        reader.finish(done.set)
        async with asyncio.timeout(BOUND):
            await count_turns()
    assert sum(map(len, pieces)) == PIPE
    assert turns > 10, "the others had their turns meanwhile"


async def test_reader_that_is_closed_tells_nothing_any_more() -> None:
    pieces: list[bytes] = []
    with piped(pieces.append) as (reader, writer):
        os.write(writer, b"x" * PIPE)
        reader.finish(lambda: pytest.fail("it was closed"))
        reader.close()
        before = len(pieces)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(pieces) == before
