"""The peak memory of a sandbox's runtime process, from the kernel's own high-water mark."""

from __future__ import annotations

import re
from pathlib import Path

_LAUNCHERS = (b"bwrap\n", b"sh\n")
_SIZES = re.compile(rb"^(VmHWM|RssFile|RssShmem):\s+(\d+) kB$", re.MULTILINE)


class RuntimeMemory:
    """The runtime below a sandbox's first process, which may be a launcher.

    The kernel keeps a peak of resident memory (VmHWM) but not of its anonymous part, so the
    file-backed part is taken off, at its largest so far: what is left is at most the true peak
    wherever file pages were not given back, and sees what a sample between two invocations misses.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._found = False
        self._shared = 0

    def peak_mb(self) -> int:
        """In MiB, rounded up; 0 where /proc does not tell."""
        try:
            if not self._found:
                self._pid, self._found = _runtime(self._pid), True
            status = Path(f"/proc/{self._pid}/status").read_bytes()
        except OSError:
            return 0
        kibibytes = {found[1]: int(found[2]) for found in _SIZES.finditer(status)}
        shared = kibibytes.get(b"RssFile", 0) + kibibytes.get(b"RssShmem", 0)
        self._shared = max(self._shared, shared)
        return -(-max(0, kibibytes.get(b"VmHWM", 0) - self._shared) // 1024)


def _runtime(pid: int) -> int:
    while Path(f"/proc/{pid}/comm").read_bytes() in _LAUNCHERS:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            raise FileNotFoundError(f"process {pid} has not started the runtime yet")
        pid = int(children[0])
    return pid
