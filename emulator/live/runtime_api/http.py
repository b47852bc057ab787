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
    from collections.abc import Callable, Iterable, Mapping

Reply: TypeAlias = "Callable[[bytes], None]"
"""Takes one whole response; a client that has gone makes no difference to the caller."""
Headers: TypeAlias = "Mapping[bytes, bytes]"
"""The headers of a request by their names in lower case."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""The interim response that asks for the body of a request."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_JSON = ("Content-Type", "application/json")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Holds the reason for which a request is not granted."""

    error_type: str
    message: str
    status: int = 403

    def response(self) -> bytes:
        document = {"errorMessage": self.message, "errorType": self.error_type}
        return json_response(self.status, document)


def response(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Returns a whole response of any status; the length of its body is added to the headers.

    A line break or another control character in a header's value becomes a space, as RFC 9110,
    section 5.5, allows: else a value could end its line and forge the next.
    """
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, '')}"]
    for name, value in headers:
        lines.append(f"{name}: {value if value.isprintable() else _CONTROL.sub(' ', value)}")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "\r\n".join(lines).encode(errors="replace") + body


def json_response(status: int, document: Any, headers: Mapping[str, str] | None = None) -> bytes:
    """Returns a whole response whose body is the document as JSON, escaped to ASCII."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return response(status, [_JSON, *(headers or {}).items()], body)


ACCEPTED = json_response(202, {"status": "OK"})
"""The response to a runtime's or an extension's report that was taken."""
