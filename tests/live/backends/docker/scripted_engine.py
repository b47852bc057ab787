"""Plays a Docker engine that gives a written answer for each path that is asked for."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from emulator.live.backends.docker.client import DockerEngine
from emulator.live.backends.docker.host import Meeting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


def quiet(_: str) -> None:
    pass


BRIDGE = Meeting("bridge", "172.17.0.1", "172.17.0.1")


@asynccontextmanager
async def engine_that(
    folder: Path, answers: dict[str, Callable[[asyncio.StreamWriter], None]]
) -> AsyncIterator[DockerEngine]:
    """An engine's socket with a canned answer for each path that is asked for."""

    served = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode().split("?")[0]
                name = next(name for name in answers if path.endswith(name))
                answers[name](writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    answers = {"/version": json_answer({"ApiVersion": "1.41"})} | answers
    server = await asyncio.start_unix_server(serve, folder / "engine")
    engine = DockerEngine({"DOCKER_HOST": f"unix://{folder}/engine"})
    try:
        await engine.connect()
        yield engine
    finally:
        await engine.close(1)
        server.close()
        await asyncio.gather(*served)


def json_answer(body: object, status: str = "200 OK") -> Callable[[asyncio.StreamWriter], None]:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return lambda writer: writer.write(head.encode() + b"\r\n\r\n" + text)


def chunks(*pieces: bytes, last: bool = True) -> Callable[[asyncio.StreamWriter], None]:
    def write(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if last:
            writer.write(b"0\r\n\r\n")

    return write
