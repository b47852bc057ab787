"""Sends load at little cost, as the client shares two cores with what it measures.

    python -m emulator.experiments.benchmark.client PORT PATH CLIENTS REQUESTS

CLIENTS connections stay open, and each sends its next request when its last one is answered,
until REQUESTS have been sent together. The program prints one line of JSON, an `Outcome`. Of a
response it reads what it must: the status, the length, and whether the start was cold.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

_WITHIN = 120.0
"""Seconds for all requests of one call."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Holds what came of a load."""

    latencies_ms: list[float]
    """Latency of each request, in the order of the answers."""
    seconds: float
    """Time from the first request to the last answer, connecting not counted."""
    cold: int
    """Number of requests that were cold starts."""
    failed: int
    first_failure: str
    client_cpu_us: float
    """CPU time of the client itself for each request, which the emulator could not have."""


class BrokenResponseError(Exception):
    """Means that a server sent no HTTP/1.1 response with a Content-Length."""


class ResponseReader:
    """Cuts the bytes of one connection into responses, of which one is awaited at a time."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, piece: bytes) -> tuple[bytes, bytes] | None:
        """Takes what arrived, and returns head and body once the awaited response is whole."""
        self._buffer = self._buffer + piece if self._buffer else piece
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self._buffer[:end].lower()
        body = self._buffer[end + 4 :]
        if len(body) < _content_length(head):
            return None
        self._buffer = b""
        return head, body


def _content_length(head: bytes) -> int:
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise BrokenResponseError(head.decode("latin-1"))
    return int(head[at + 17 :].partition(b"\r\n")[0])


class Load:
    """Counts the requests of all connections, and what came of them."""

    def __init__(self, request: bytes, requests: int) -> None:
        self.request = request
        self.left = requests
        self.awaited = requests
        self.latencies: list[float] = []
        self.cold = 0
        self.failed = 0
        self.first_failure = ""
        self.over = asyncio.get_running_loop().create_future()
        """Done when the last request is answered, or a connection failed."""

    def record_answer(self, latency: float, head: bytes, body: bytes) -> None:
        self.latencies.append(latency)
        self.cold += b"\r\nx-testbed-start: cold" in head
        if not head.startswith(b"http/1.1 200") or b"\r\nx-amz-function-error" in head:
            self.failed += 1
            self.first_failure = self.first_failure or (head + b" " + body).decode("latin-1")
        self.awaited -= 1
        if not self.awaited and not self.over.done():
            self.over.set_result(None)

    def fail(self, reason: str) -> None:
        """Ends the load."""
        if not self.over.done():
            self.over.set_exception(BrokenResponseError(reason))


class Connection(asyncio.Protocol):
    """Sends requests over one connection, one after another."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._responses = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self._sent_at = 0.0
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from it

    def send(self) -> None:
        """Sends the next request, where the load has one left."""
        if self._load.left and self._transport is not None:
            self._load.left -= 1
            self._is_waiting = True
            self._sent_at = time.perf_counter()
            self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        try:
            response = self._responses.feed(data)
        except (BrokenResponseError, ValueError) as error:
            self._load.fail(f"not an HTTP/1.1 response with a length: {error}")
            return
        if response is not None:
            self._is_waiting = False
            self._load.record_answer(time.perf_counter() - self._sent_at, *response)
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_waiting:  # a server may close an idle connection
            self._load.fail(f"the connection was closed: {exc}")


async def load(port: int, path: str, clients: int, requests: int, body: bytes = b"{}") -> Outcome:
    """Posts `body` to `path` until `requests` requests have been answered.

    Raises:
        BrokenResponseError: a response was none, or a connection was closed too early.
        OSError: a connection could not be made.
        TimeoutError: the answers took too long.
    """
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    shared = Load(head.encode() + body, requests)
    loop = asyncio.get_running_loop()
    connections = [
        await loop.create_connection(lambda: Connection(shared), "127.0.0.1", port)
        for _ in range(clients)
    ]
    begun, cpu = time.perf_counter(), time.process_time()
    for _, connection in connections:
        connection.send()
    try:
        await asyncio.wait_for(shared.over, _WITHIN)
    finally:
        for transport, _ in connections:
            transport.abort()
    return Outcome(
        latencies_ms=[latency * 1000 for latency in shared.latencies],
        seconds=time.perf_counter() - begun,
        cold=shared.cold,
        failed=shared.failed,
        first_failure=shared.first_failure[:300],
        client_cpu_us=(time.process_time() - cpu) / requests * 1e6,
    )


def main() -> None:
    """Runs the load that the arguments describe, and prints its outcome."""
    port, path, clients, requests = sys.argv[1:]
    try:
        outcome = uvloop.run(load(int(port), path, int(clients), int(requests)))
    except (BrokenResponseError, OSError, TimeoutError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    # print would lose what a pipe does not take at once, where Python runs unbuffered
    with os.fdopen(sys.stdout.fileno(), "w", closefd=False) as out:
        json.dump(asdict(outcome), out)


if __name__ == "__main__":
    main()
