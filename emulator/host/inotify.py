"""Hears from the kernel that somebody wrote to a file or a pipe.

Source: inotify(7).
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODIFIED = 0x2
OVERFLOWN = 0x4000
"""Told with the number -1: events were lost."""
GONE = 0x8000
ONCE = 0x80000000
"""Asked for beside `MODIFIED`: the watch ends with its first event."""
_EVENT = struct.Struct("iIII")
_READ = 1 << 16


class Inotify:
    """Holds one of the kernel's watchers, with any number of watches.

    Raises:
        OSError: the kernel gives no watcher, as there are too many.
    """

    def __init__(self) -> None:
        self._kernel = ctypes.CDLL(None, use_errno=True)
        self.file = self._kernel.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        """The descriptor, readable when there are events."""
        if self.file < 0:
            raise _error()

    def add(self, path: Path | str, mask: int) -> int:
        """Watches what a path leads to, and returns the number of the watch.

        The same file has the same number, and the mask that it was given last.

        Raises:
            OSError: there is no such file, it may not be read, or there are too many watches.
        """
        number: int = self._kernel.inotify_add_watch(self.file, os.fsencode(path), mask)
        if number < 0:
            raise _error()
        return number

    def remove(self, number: int) -> None:
        """Ends a watch; a number that names none is no error."""
        self._kernel.inotify_rm_watch(self.file, number)

    def read(self) -> list[tuple[int, int]]:
        """Returns number and mask of each event since the last call; never waits."""
        try:
            events = os.read(self.file, _READ)
        except BlockingIOError:
            return []
        at, found = 0, []
        while at < len(events):
            number, mask, _, size = _EVENT.unpack_from(events, at)
            at += _EVENT.size + size
            found.append((number, mask))
        return found

    def close(self) -> None:
        """Ends every watch; can be repeated."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
