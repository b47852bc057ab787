"""Measures what no emulator of this make can be faster than, on the same machine at the same time.

    python -m emulator.experiments.benchmark.floors asgi PORT
    python -m emulator.experiments.benchmark.floors runtime PORT
    python -m emulator.experiments.benchmark.floors fork TIMES

The first serves an ASGI app by uvicorn that gives each body back; the second is a runtime of plain
sockets; the third forks with memory that it has written, and prints how long that took. Owns the
floors and nothing of an emulator.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import uvloop

from emulator.errors import TestbedError
from emulator.experiments.benchmark.figures import ASGI_FLOOR, FORK_FLOOR, ROUND_TRIP_FLOOR
from emulator.experiments.benchmark.sending import send_load
from emulator.experiments.records.percentiles import percentile
from emulator.experiments.runner.emulator_process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.experiments.benchmark.figures import Figures

_ASGI_RATE = "floor: raw ASGI requests/s, 10 clients"
_FORKS, _FORKED_BYTES = 100, 40 << 20
_SERVES_WITHIN = 20.0
_LOOK_EVERY = 0.05
_NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: h\r\n\r\n"
_RESULT = (
    b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: h\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_WORK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def measure_floors(requests: int, python: str = sys.executable) -> Figures:
    """Measures what the machine takes without an emulator: an HTTP answer, a round trip, a fork.

    The round trip is from one request of a runtime for work to its next: work and answer there and
    back, with nothing done in between. The fork is of a process with the memory that a template of
    a small model has, until its child has ended.

    Raises:
        TestbedError: a floor could not be measured.
    """
    port = free_port()
    with _program(python, "asgi", port):
        _wait_until_served(port)
        send_load(port, 1, requests // 10, path="/", python=python)  # imports and warms up
        single = send_load(port, 1, requests, path="/", python=python)
        ten = send_load(port, 10, requests, path="/", python=python)
    trips = uvloop.run(_round_trips(requests, python))
    return {
        ASGI_FLOOR: percentile(single.latencies_ms, 50) or 0.0,
        _ASGI_RATE: requests / ten.seconds,
        ROUND_TRIP_FLOOR: percentile(trips, 50) or 0.0,
        FORK_FLOOR: percentile(_fork_times(python), 50) or 0.0,
    }


def _fork_times(python: str) -> list[float]:
    """Returns the milliseconds of each fork."""
    command = [python, "-m", "emulator.experiments.benchmark.floors", "fork", str(_FORKS)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SERVES_WITHIN * 3, check=True
        )
    except subprocess.SubprocessError as error:
        raise TestbedError(f"The floor's forks could not be made: {error}") from error
    return [float(line) for line in done.stdout.split()]


@contextmanager
def _program(python: str, kind: str, port: int) -> Iterator[None]:
    command = [python, "-m", "emulator.experiments.benchmark.floors", kind, str(port)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def _wait_until_served(port: int) -> None:
    deadline = time.monotonic() + _SERVES_WITHIN
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(_LOOK_EVERY)
    raise TestbedError(f"The floor's server did not serve within {_SERVES_WITHIN:.0f} s.")


class _Gateway(asyncio.Protocol):
    """Answers a runtime, and takes the time of its every request for work."""

    def __init__(self, times: list[float], enough: asyncio.Future[None], trips: int) -> None:
        self._times = times
        self._enough = enough
        self._trips = trips
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from it

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if data.startswith(b"POST"):
            self._transport.write(_ACCEPTED)
            return
        self._times.append(time.perf_counter())
        if len(self._times) <= self._trips:
            self._transport.write(_WORK)
        elif not self._enough.done():
            self._enough.set_result(None)


async def _round_trips(trips: int, python: str) -> list[float]:
    """Returns the milliseconds of each round trip."""
    loop, times = asyncio.get_running_loop(), list[float]()
    enough: asyncio.Future[None] = loop.create_future()
    server = await loop.create_server(lambda: _Gateway(times, enough, trips), "127.0.0.1", 0)
    try:
        with _program(python, "runtime", server.sockets[0].getsockname()[1]):
            async with asyncio.timeout(_SERVES_WITHIN * 3):
                await enough
    except TimeoutError as error:
        raise TestbedError("The floor's runtime did not end its round trips.") from error
    finally:
        server.close()
    return [(after - before) * 1000 for before, after in pairwise(times)]


def _runtime(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            for request in (_NEXT, _RESULT):
                connection.sendall(request)
                if not connection.recv(4096):
                    return


def _fork(times: int) -> None:
    """Prints the milliseconds of each fork of a process that has written its memory."""
    written = bytearray(os.urandom(1 << 20)) * (_FORKED_BYTES >> 20)
    for _ in range(times):
        begun = time.perf_counter()
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        print((time.perf_counter() - begun) * 1000)
    del written  # kept until here


async def _echo(_scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    body = message.get("body", b"")
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Runs one of the programs that are measured: a runtime, an ASGI server, or forks."""
    kind, port = sys.argv[1:]
    if kind == "runtime":
        _runtime(int(port))
        return
    if kind == "fork":
        _fork(int(port))
        return
    import uvicorn  # noqa: PLC0415  # the runtime needs none

    uvicorn.run(_echo, port=int(port), log_level="critical", lifespan="off", access_log=False)


if __name__ == "__main__":
    main()
