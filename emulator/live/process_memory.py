"""The peak memory of a sandbox's runtime process, from the kernel's own high-water mark."""

from __future__ import annotations

import re
from pathlib import Path

_SIZES = re.compile(rb"^(VmHWM|RssFile|RssShmem):\s+(\d+) kB$", re.MULTILINE)


class RuntimeMemory:
    """The runtime, which is `below` generations under a sandbox's first process.

    The kernel keeps a peak of resident memory (VmHWM) but not of its anonymous part, so the
    file-backed part is taken off, at its largest so far: what is left is at most the true peak
    wherever file pages were not given back, and sees what a sample between two invocations misses.
    """

    def __init__(self, pid: int, below: int) -> None:
        self._pid = pid
        self._below = below
        self._shared = 0

    def peak_mb(self) -> int:
        """In MiB, rounded up; 0 where /proc does not tell."""
        try:
            while self._below:
                children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text()
                self._pid = int(children.split()[0])
                self._below -= 1
            status = Path(f"/proc/{self._pid}/status").read_bytes()
        except (OSError, IndexError):  # it has not come so far, or is gone
            return 0
        kibibytes = {found[1]: int(found[2]) for found in _SIZES.finditer(status)}
        shared = kibibytes.get(b"RssFile", 0) + kibibytes.get(b"RssShmem", 0)
        self._shared = max(self._shared, shared)
        return -(-max(0, kibibytes.get(b"VmHWM", 0) - self._shared) // 1024)
