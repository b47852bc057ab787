"""A client that costs little, as it shares two cores with what it measures.

    python -m emulator.experiments.benchmark.client PORT PATH CLIENTS REQUESTS

CLIENTS connections stay open, and each sends its next request when its last one is answered,
until REQUESTS have been sent together. It prints one line of JSON, an `Outcome`. It reads of a
response what it must: the status, the length, and whether the start was cold.
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
    latencies_ms: list[float]
    """In the order of the answers."""
    seconds: float
    """From the first request to the last answer; connecting is not part of it."""
    cold: int
    failed: int
    first_failure: str
    client_cpu_us: float
    """This process's own CPU time a request, which the emulator could not have."""


class BrokenResponseError(Exception):
    """What came is no HTTP/1.1 response with a Content-Length."""


class Responses:
    """Cuts what arrives on one connection into responses."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, piece: bytes) -> tuple[bytes, bytes] | None:
        """Head and body of the one response that is awaited, once it is whole."""
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
    """What all connections share."""

    def __init__(self, request: bytes, requests: int) -> None:
        self.request = request
        self.left = requests
        self.awaited = requests
        self.latencies: list[float] = []
        self.cold = 0
        self.failed = 0
        self.first_failure = ""
        self.over = asyncio.get_running_loop().create_future()

    def answered(self, latency: float, head: bytes, body: bytes) -> None:
        self.latencies.append(latency)
        self.cold += b"\r\nx-testbed-start: cold" in head
        if not head.startswith(b"http/1.1 200") or b"\r\nx-amz-function-error" in head:
            self.failed += 1
            self.first_failure = self.first_failure or (head + b" " + body).decode("latin-1")
        self.awaited -= 1
        if not self.awaited and not self.over.done():
            self.over.set_result(None)

    def broken(self, reason: str) -> None:
        if not self.over.done():
            self.over.set_exception(BrokenResponseError(reason))


class Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._responses = Responses()
        self._transport: asyncio.Transport | None = None
        self._sent_at = 0.0
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from it

    def send(self) -> None:
        if self._load.left and self._transport is not None:
            self._load.left -= 1
            self._waits = True
            self._sent_at = time.perf_counter()
            self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        try:
            response = self._responses.feed(data)
        except (BrokenResponseError, ValueError) as error:
            self._load.broken(f"not an HTTP/1.1 response with a length: {error}")
            return
        if response is not None:
            self._waits = False
            self._load.answered(time.perf_counter() - self._sent_at, *response)
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waits:  # a server may close one that has nothing left to ask
            self._load.broken(f"the connection was closed: {exc}")


async def load(port: int, path: str, clients: int, requests: int, body: bytes = b"{}") -> Outcome:
    """Raises BrokenResponseError, OSError or TimeoutError."""
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
