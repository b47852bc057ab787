"""Knows a request again by the bytes of its head: most clients send the same one each time.

A head that was parsed once means the same the next time, so that neither the parser nor an object
for the request is needed then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_END = b"\r\n\r\n"


class KnownRequest(NamedTuple):
    """Holds a request that was read and answered, for the next one with the same head."""

    head: bytes
    length: int
    """Bytes of the head and the body."""
    cycle: RequestResponseCycle

    @classmethod
    def of(cls, data: bytes, cycle: RequestResponseCycle) -> KnownRequest | None:
        """Returns the request whose bytes are `data`; None where another may differ in more.

        A body in chunks is such a one, whose end the head does not tell.
        """
        end = data.find(_END) + len(_END)
        if not data or data[end:] != cycle.body or not cycle.keep_alive:
            return None
        return cls(data[:end], len(data), cycle)

    def body_of(self, data: bytes) -> bytes | None:
        """Returns the body of a request with the same head; None where `data` is another."""
        if len(data) != self.length or not data.startswith(self.head):
            return None
        return data[len(self.head) :]

    def begin(
        self, default_headers: list[tuple[bytes, bytes]], on_response: Callable[[], None]
    ) -> RequestResponseCycle:
        """Returns the cycle as it is before an answer; the default headers tell the time."""
        cycle = self.cycle
        cycle.response_started = cycle.response_complete = False
        cycle.default_headers = default_headers
        cycle.on_response = on_response
        return cycle
