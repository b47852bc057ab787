"""What of a request and its answer is passed on, and what happens when either side goes away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from emulator.api.companion.proxy import Proxy, UpstreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import Message, Scope

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

pytestmark = pytest.mark.anyio

BOUND = 10
LEFT: Message = {"type": "http.disconnect"}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}  # what the gateway runs on


def scope(method: str = "GET", path: bytes = b"/", *headers: tuple[bytes, bytes]) -> Scope:
    raw, _, query = path.partition(b"?")
    return {
        "type": "http",
        "method": method,
        "raw_path": raw,
        "query_string": query,
        "headers": [(b"host", b"texts.s3.localhost:8000"), *headers],
    }


class Client:
    """The gateway's client: what it sends, what it was sent."""

    def __init__(self, *pieces: bytes) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []
        self.first_piece = asyncio.Event()
        for piece in pieces:
            self.sends(piece, more=True)
        self.sends(b"")

    def sends(self, piece: bytes, *, more: bool = False) -> None:
        self.messages.put_nowait({"type": "http.request", "body": piece, "more_body": more})

    async def receive(self) -> Message:
        return await self.messages.get()

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.first_piece.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(once, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def passed_on(url: str, request: Scope, client: Client) -> None:
    proxy = Proxy()
    try:
        async with asyncio.timeout(BOUND):
            await proxy.pass_on(url, request, client.receive, client.send)
    finally:
        await proxy.close()


def answering(answer: bytes, seen: list[bytes]) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()

    return serve


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_target_and_host_are_passed_on_byte_for_byte() -> None:
    seen: list[bytes] = []
    async with server(answering(OK, seen)) as url:
        await passed_on(url, scope("GET", b"/a/../b//c%2F%c3?x=%20+&y"), Client())
    head = seen[0].split(b"\r\n")
    assert head[0] == b"GET /a/../b//c%2F%c3?x=%20+&y HTTP/1.1"
    assert [line.lower() for line in head if line.lower().startswith(b"host:")] == [
        b"host: texts.s3.localhost:8000"
    ]


async def test_headers_of_the_hop_stay_behind() -> None:
    seen: list[bytes] = []
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
        b"Keep-Alive: timeout=5\r\nDate: then\r\nETag: e\r\n\r\nok"
    )
    headers = [
        (b"connection", b"X-Mine"),
        (b"x-mine", b"1"),
        (b"te", b"trailers"),
        (b"expect", b"100-continue"),
        (b"range", b"bytes=1-2"),
    ]
    client = Client()
    async with server(answering(answer, seen)) as url:
        await passed_on(url, scope("GET", b"/", *headers), client)
    names = {line.split(b":")[0].lower() for line in seen[0].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"range"}
    assert client.sent[0]["headers"] == [(b"content-length", b"2"), (b"etag", b"e")]


@pytest.mark.parametrize(
    "framing",
    [(b"content-length", b"6"), (b"transfer-encoding", b"chunked")],
    ids=["length", "chunks"],
)
async def test_body_is_passed_on_while_it_comes(framing: tuple[bytes, bytes]) -> None:
    """The second half is sent only when the server has the first."""
    client = Client()
    client.messages = asyncio.Queue()
    client.sends(b"one", more=True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"one")
        client.sends(b"two")
        await reader.readuntil(b"two")
        writer.write(OK)

    async with server(serve) as url:
        await passed_on(url, scope("PUT", b"/k", framing), client)
    assert client.body == b"ok"


async def test_answer_is_passed_on_while_it_comes() -> None:
    """The second half is sent only when the client has the first."""
    client = Client()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await client.first_piece.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with server(serve) as url:
        await passed_on(url, scope(), client)
    assert client.sent[0]["headers"] == []
    assert client.body == b"onetwo"
    assert client.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_server_that_answers_before_the_body_has_ended_is_heard() -> None:
    client = Client()
    client.messages = asyncio.Queue()
    client.sends(b"x", more=True)
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await writer.drain()
        client.sends(b"the rest")
        await reader.readuntil(b"the rest\r\n0\r\n\r\n")

    async with server(serve) as url:
        await passed_on(url, scope("PUT", b"/k", (b"transfer-encoding", b"chunked")), client)
    assert (client.sent[0]["status"], client.body) == (403, b"no")


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_client_that_leaves_ends_the_exchange(method: str) -> None:
    client = Client()
    framing = []
    if method == "PUT":
        client.messages = asyncio.Queue()
        client.sends(b"half", more=True)
        framing = [(b"content-length", b"8")]
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"half" if method == "PUT" else b"\r\n\r\n")
        client.messages.put_nowait(LEFT)
        await reader.read()  # until the connection is closed
        ended.set()

    async with server(serve) as url:
        await passed_on(url, scope(method, b"/k", *framing), client)
        async with asyncio.timeout(BOUND):
            await ended.wait()
    assert client.sent == []


async def test_server_that_is_not_there_is_an_error() -> None:
    client = Client()
    with pytest.raises(UpstreamError):
        await passed_on("http://127.0.0.1:9", scope(), client)
    assert client.sent == []


async def test_answer_that_breaks_off_is_not_ended_for_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, seen = Client(), list[bytes]()
    broken = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    async with server(answering(broken, seen)) as url:
        await passed_on(url, scope(), client)
    last: Any = client.sent[-1]
    assert (client.body, last["more_body"]) == (b"half", True)
    assert "broke off in its answer" in caplog.text
