"""Passes the X-Ray trace header of a request on, or makes one where a client sent none.

Source: the X-Ray developer guide, "Tracing header". Nothing is sampled here.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.api.asgi import Headers

HEADER = b"x-amzn-trace-id"

_bits = random.getrandbits  # an id, no secret
_now = time.time


def new_root() -> str:
    """Returns `Root=1-<8 hex digits of the epoch>-<24 hex digits>`, as in API Gateway's events."""
    return f"Root=1-{int(_now()):08x}-{_bits(96):024x}"


def continued(header: str) -> str:
    """Returns a client's trace as Lambda hands it to a runtime: a root alone gets a parent."""
    return header if ";" in header else f"{header};Parent={_bits(64):016x};Sampled=0"


def traced(headers: Headers) -> tuple[Headers, str]:
    """Returns a request's headers, with a trace if they had none, and the trace for the runtime."""
    for name, value in headers:
        if name == HEADER:
            return headers, continued(value.decode("latin-1"))
    root = new_root()
    return [*headers, (HEADER, root.encode())], continued(root)
