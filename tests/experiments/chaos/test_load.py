from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from emulator.experiments.chaos.load import RIGHT, WRONG, Client, load, seconds_until_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@asynccontextmanager
async def gateway(answer: Callable[[bytes], bytes]) -> AsyncIterator[Client]:
    """Serves HTTP answers made of each request's body, and gives a client of that."""

    serving = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = int(head.lower().partition(b"content-length:")[2].split()[0])
                writer.write(answer(await reader.readexactly(size)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await asyncio.gather(*serving)  # which see that their client is gone


def ok(body: bytes, headers: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (headers, len(body))
    return head + body


def tokens(body: bytes) -> bytes:
    return ok(json.dumps({"token": json.loads(body)["token"]}).encode())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (tokens, RIGHT),
        (lambda _: ok(b'{"token": "good-999"}'), WRONG),
        (lambda _: ok(b"half"), WRONG),
        (
            lambda _: ok(b'{"errorType": "Runtime.ExitError"}', b"X-Amz-Function-Error: x\r\n"),
            "function error Runtime.ExitError",
        ),
        (lambda _: b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", "429"),
        (lambda _: b"", "connection lost (RemoteProtocolError)"),
    ],
)
def test_answer_is_sorted_by_what_came(answer: Callable[[bytes], bytes], kind: str) -> None:
    async def run() -> None:
        closing = answer if answer(b'{"token": "1"}') else _closing
        async with gateway(closing) as client:
            assert await client.ask("good") == kind

    asyncio.run(run())


def _closing(_: bytes) -> bytes:
    raise ConnectionError


def test_gateway_that_is_gone_is_no_connection() -> None:
    async def run() -> None:
        async with gateway(tokens) as client:
            pass
        other = Client("http://127.0.0.1:9")
        assert await other.ask("good") == "no connection"
        await other.close()
        del client

    asyncio.run(run())


def test_every_client_asks_until_the_end_and_each_answer_is_counted() -> None:
    async def run() -> None:
        served: list[bytes] = []
        enough = asyncio.Event()

        def count(body: bytes) -> bytes:
            served.append(body)
            if len(served) == 30:
                enough.set()
            return tokens(body)

        async with gateway(count) as client:
            async with load(client, "good", 3) as answers:
                await enough.wait()
            assert answers.kinds == {RIGHT: len(served)}

    asyncio.run(run())


def test_service_is_back_with_the_first_of_five_right_answers_in_a_row() -> None:
    async def run() -> None:
        given: list[bool] = []
        wanted = [True, True, False, True, True, True, True, True]

        def answer(body: bytes) -> bytes:
            given.append(wanted[len(given)])
            return tokens(body) if given[-1] else ok(b"{}")

        async with gateway(answer) as client:
            assert await seconds_until_service(client, "good", within=60) is not None
        assert given == wanted

    asyncio.run(run())


def test_service_that_does_not_come_back_is_none() -> None:
    async def run() -> None:
        async with gateway(lambda _: ok(b"{}")) as client:
            assert await seconds_until_service(client, "good", within=0.1) is None

    asyncio.run(run())
