"""Knows a runtime's requests again by their bytes, so that the parser need not read them.

A runtime asks for its next work with the same bytes each time. What it reports of its invocations
differs in their ids, and in bodies, whose lengths are often the same.
"""

from __future__ import annotations

from typing import NamedTuple

_RESPONSE = b"response"
_LENGTH = b"content-length"
_END = b"\r\n\r\n"

Header = tuple[bytes, bytes]


class KnownAsk(NamedTuple):
    """Holds a request without a body, to be known again by its bytes."""

    data: bytes
    path: bytes
    headers: list[Header]


class KnownResult(NamedTuple):
    """Holds the response of an invocation, to know by its head that of another.

    `before` is the head up to the invocation's id and `after` the head behind that, which tells the
    length of the body. `behind` is where the id ends, and `length` the bytes of head and body.
    """

    before: bytes
    behind: int
    after: bytes
    length: int
    headers: list[Header]

    @classmethod
    def of(cls, data: bytes, path: bytes, body: bytes, headers: list[Header]) -> KnownResult | None:
        """Returns what knows the like of a POST again; None where that needs its parser."""
        rest, _, verb = path.rpartition(b"/")
        before = b"POST " + rest[: rest.rfind(b"/") + 1]
        behind = len(b"POST ") + len(rest)
        head = data[: len(data) - len(body)]
        told = [value for name, value in headers if name.lower() == _LENGTH]
        is_whole = told == [b"%d" % len(body)] and head.endswith(_END) and data.endswith(body)
        if verb != _RESPONSE or not is_whole or not data.startswith(b"POST " + path + b" "):
            return None
        return cls(before, behind, head[behind:], len(data), headers)

    def read(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Returns path and body of another response with the same head but for its id.

        The id is as long as the one before. None where `data` is anything else.
        """
        behind, after = self.behind, self.after
        if len(data) != self.length or not data.startswith(self.before):
            return None
        if not data.startswith(after, behind):
            return None
        path_ends = behind + len(_RESPONSE) + 1
        return data[len(b"POST ") : path_ends], data[behind + len(after) :]
