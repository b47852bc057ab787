from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.benchmark.client import BrokenResponseError, Outcome, ResponseReader, load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

RESPONSE = b"HTTP/1.1 200 OK\r\nX-Testbed-Start: cold\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("size", [1, 7, len(RESPONSE)])
def test_a_response_is_found_in_whatever_pieces_it_comes(size: int) -> None:
    responses = ResponseReader()
    pieces = [RESPONSE[at : at + size] for at in range(0, len(RESPONSE), size)]
    for _ in range(2):
        found = [responses.feed(piece) for piece in pieces]
        assert found[:-1] == [None] * (len(pieces) - 1)
        assert found[-1] == (RESPONSE[:-9].lower(), b"hello")


def test_a_response_without_a_length_is_refused() -> None:
    with pytest.raises(BrokenResponseError):
        ResponseReader().feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def served(server: Server, clients: int, requests: int) -> Outcome:
    over = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await server(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def run() -> Outcome:
        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            try:
                return await load(port, "/x", clients, requests)
            finally:
                await asyncio.gather(*over)

    return asyncio.run(run())


async def cold_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    kind = b"cold"
    while await reader.readuntil(b"\r\n\r\n{}"):
        writer.write(RESPONSE.replace(b"cold", kind))
        kind = b"warm"


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n{}")
    writer.write(b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\n\r\nno")
    await reader.read()


async def leave(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n{}")


def test_all_requests_are_sent_and_cold_ones_told() -> None:
    outcome = served(cold_once, clients=4, requests=21)
    assert len(outcome.latencies_ms) == 21
    assert (outcome.cold, outcome.failed) == (4, 0)
    assert 0 < max(outcome.latencies_ms) <= outcome.seconds * 1000


def test_a_refusal_is_a_failure_and_is_quoted() -> None:
    outcome = served(refuse, clients=1, requests=1)
    assert outcome.failed == 1
    assert outcome.first_failure == "http/1.1 429 too many\r\ncontent-length: 2 no"


def one_after_the_other() -> Server:
    """Answers one connection and closes it, and only then the next."""
    turn = asyncio.Lock()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with turn:
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(RESPONSE)
            writer.close()
            await writer.wait_closed()

    return server


def test_a_connection_with_nothing_left_to_ask_may_be_closed() -> None:
    assert len(served(one_after_the_other(), clients=3, requests=3).latencies_ms) == 3


def test_a_closed_connection_ends_the_measurement() -> None:
    with pytest.raises(BrokenResponseError, match="the connection was closed"):
        served(leave, clients=1, requests=5)
