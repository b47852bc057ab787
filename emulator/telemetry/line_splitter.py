"""Cuts what a sandbox writes into lines, in bounded memory and in time linear in the bytes.

It knows neither logs nor subscribers: a sandbox may write without an end of line for ever, or
millions of empty lines, and whoever reads its output decides how much is fed at once.
"""

from __future__ import annotations

EVENT_OVERHEAD = 26
"""Bytes that a log event counts beside its message (CloudWatch Logs quotas)."""
LONGEST_LINE = 262_144 - EVENT_OVERHEAD
"""Bytes of a line; a longer one is cut there, as CloudWatch Logs takes no event above 256 KiB."""


class LineSplitter:
    """Keeps the line that has not ended yet, of one stream of bytes."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        """Cuts lines after `longest` bytes, so that no more than these are kept."""
        self._longest = longest
        self._rest = bytearray()

    @property
    def is_empty(self) -> bool:
        """Returns whether nothing was fed since the last end of a line."""
        return not self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """Takes bytes that end anywhere, and returns the lines that they end, each without its end.

        The pieces of a line that was cut are lines of their own.
        """
        *ended, rest = data.split(b"\n")
        lines: list[bytes] = []
        if ended and self._rest:
            self._rest += ended[0]
            ended[0] = bytes(self._rest)
            self._rest.clear()
        for line in ended:
            if len(line) > self._longest:
                lines += self._cut(line)
            else:
                lines.append(line)
        self._rest += rest
        while len(self._rest) > self._longest:
            lines.append(bytes(self._rest[: self._longest]))
            del self._rest[: self._longest]
        return lines

    def end(self) -> bytes:
        """Returns the line that has not ended, which ends here; empty where there is none."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest

    def _cut(self, line: bytes) -> list[bytes]:
        starts = range(0, len(line), self._longest)
        return [line[start : start + self._longest] for start in starts]
