"""Writes every HTTP/1.1 response that a sandbox gets: of the runtime's, extensions' and logs APIs.

It owns status lines, headers and JSON bodies, and knows neither a connection nor what a request
asked for. Error types and the shape of error bodies are those of AWS's open Runtime Interface
Emulator.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Reply: TypeAlias = "Callable[[bytes], None]"
"""Takes one whole response; a client that has gone makes no difference to the caller."""
Headers: TypeAlias = "Mapping[bytes, bytes]"
"""The headers of a request by their names in lower case."""

JSON = "Content-Type: application/json"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""The interim response that asks for the body of a request."""

_FIRST_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}" for one in HTTPStatus}
_BREAK = re.compile(r"[\0\r\n]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Holds the reason for which a request is not granted."""

    error_type: str
    message: str
    status: int = 403

    def response(self) -> bytes:
        document = {"errorMessage": self.message, "errorType": self.error_type}
        return json_response(self.status, document)


def response(status: int, headers: list[str], body: bytes) -> bytes:
    """Returns a whole response of any status; the length of its body is added to the headers.

    Each header is `Name: value`. Line breaks in it become spaces, as RFC 9110, section 5.5, allows:
    else a value could end its line and forge the next.
    """
    lines = [_FIRST_LINES.get(status) or f"HTTP/1.1 {status} ", *headers]
    head = "\n".join(lines)
    # three scans in C, where a look at each value takes as long as all the rest
    if head.count("\n") >= len(lines) or "\r" in head or "\0" in head:
        head = "\n".join([_BREAK.sub(" ", line) for line in lines])
    head = head.replace("\n", "\r\n")
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode(errors="replace") + body


def json_response(status: int, document: Any, headers: Mapping[str, str] | None = None) -> bytes:
    """Returns a whole response whose body is the document as JSON, escaped to ASCII."""
    body = json.dumps(document, separators=(",", ":")).encode()
    lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
    return response(status, [JSON, *lines], body)


ACCEPTED = json_response(202, {"status": "OK"})
"""The response to a runtime's or an extension's report that was taken."""
