"""One TCP connection to the gateway, for what an HTTP client never does."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND = 60.0
"""Seconds that any one wait may take."""


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def half_close(self) -> None:
        self.connection.shutdown(socket.SHUT_WR)

    def rest(self) -> bytes:
        """All that comes until the gateway closes."""
        parts = []
        while part := self.connection.recv(1 << 16):
            parts.append(part)
        return b"".join(parts)

    def answer(self) -> Answer:
        """The one answer of a connection that ends with it."""
        return parsed(self.rest())


def parsed(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), [(name.lower(), value) for name, value in pairs], body)


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    where = urlsplit(url)
    assert where.hostname is not None
    with socket.create_connection((where.hostname, where.port or 80), BOUND) as connection:
        yield Wire(connection)


def request(
    path: str, body: bytes = b"", *headers: str, method: str = "POST", length: int | None = None
) -> bytes:
    """A request with its end in the connection's; `length` is what it says of its body."""
    said = len(body) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", f"Content-Length: {said}", *headers]
    if not any(line.lower().startswith("host:") for line in headers):
        lines.append("Host: localhost")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def invocation(function: str, body: bytes = b"{}", *headers: str, **more: Any) -> bytes:
    return request(f"/2015-03-31/functions/{function}/invocations", body, *headers, **more)
