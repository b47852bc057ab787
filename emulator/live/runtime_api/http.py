"""Whole HTTP/1.1 responses of the APIs that extensions use.

Bodies and error types are those of AWS's own Runtime Interface Emulator.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Reply: TypeAlias = "Callable[[bytes], None]"
"""Takes one whole response; what it does with one for a client that has gone is its own affair."""
Headers: TypeAlias = "Mapping[bytes, bytes]"
"""A request's, by their names in lower case."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not granted."""

    error_type: str
    message: str
    status: int = 403

    def response(self) -> bytes:
        return json_response(
            self.status, {"errorMessage": self.message, "errorType": self.error_type}
        )


def json_response(status: int, document: Any, headers: Mapping[str, str] | None = None) -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
