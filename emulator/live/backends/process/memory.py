"""The peak memory of a sandbox's processes, from the kernel's own high-water mark."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

_SIZES = re.compile(rb"^(VmHWM|RssFile|RssShmem):\s+(\d+) kB$", re.MULTILINE)


class RuntimeMemory:
    """The processes that a supervisor started, which is `below` generations under the first one.

    The kernel keeps a peak of resident memory (VmHWM) but not of its anonymous part, so the
    file-backed part is taken off, at its largest so far: what is left is at most the true peak
    wherever file pages were not given back, and sees what a sample between two invocations misses.
    The peak of the sandbox is the largest of a process of it, of those that ended too.
    """

    def __init__(self, pid: int, below: int) -> None:
        self._pid = pid
        self._below = below
        self._followers: dict[int, int] = {}
        """The process under each of the supervisor's children."""
        self._shared: dict[int, int] = {}
        self._peak_mb = 0

    def peak_mb(self) -> int:
        """In MiB, rounded up; 0 where /proc does not tell."""
        with suppress(OSError, IndexError):  # it has not come so far, or is gone
            while self._below:
                self._pid = _children(self._pid)[0]
                self._below -= 1
            for follower in _children(self._pid):
                self._look(follower)
        return self._peak_mb

    def _look(self, follower: int) -> None:
        with suppress(OSError, IndexError):
            if follower not in self._followers:
                self._followers[follower] = _children(follower)[0]
            pid = self._followers[follower]
            status = Path(f"/proc/{pid}/status").read_bytes()
            kibibytes = {found[1]: int(found[2]) for found in _SIZES.finditer(status)}
            shared = kibibytes.get(b"RssFile", 0) + kibibytes.get(b"RssShmem", 0)
            self._shared[pid] = shared = max(self._shared.get(pid, 0), shared)
            anonymous = max(0, kibibytes.get(b"VmHWM", 0) - shared)
            self._peak_mb = max(self._peak_mb, -(-anonymous // 1024))


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
