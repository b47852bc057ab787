"""Tells the peak memory of a sandbox's processes from the kernel's own high-water marks."""

from __future__ import annotations

from contextlib import suppress

from emulator.host.processes import children, resident_memory


class RuntimeMemory:
    """Follows the processes that a supervisor starts, and keeps the largest peak of one of them.

    The supervisor is `below` generations under the process `pid`. The kernel keeps a peak of a
    process's resident memory (VmHWM) but not of its anonymous part, so the file-backed part is
    taken off, at its largest so far: the rest is at most the true peak wherever file pages were
    not given back, and tells of memory that was freed between two samples.
    """

    def __init__(self, pid: int, below: int) -> None:
        self._pid = pid
        self._below = below
        self._followers: dict[int, int] = {}
        """The process under each of the supervisor's children."""
        self._shared: dict[int, int] = {}
        """The largest file-backed part of each process so far, in KiB."""
        self._peak_mb = 0

    def peak_mb(self) -> int:
        """Returns the largest peak so far, of ended processes too, in MiB, rounded up."""
        for pid in self.processes():
            with suppress(OSError):  # it has ended
                memory = resident_memory(pid)
                shared = max(self._shared.get(pid, 0), memory.shared)
                self._shared[pid] = shared
                self._peak_mb = max(self._peak_mb, -(-max(0, memory.peak - shared) // 1024))
        return self._peak_mb

    def processes(self) -> list[int]:
        """Returns the process ids of the runtime and the extensions that are known to run."""
        followers: list[int] = []
        with suppress(OSError, IndexError):  # the sandbox has not come so far, or is gone
            while self._below:
                self._pid = children(self._pid)[0]
                self._below -= 1
            followers = children(self._pid)
        for follower in followers:
            if follower not in self._followers:
                with suppress(OSError, IndexError):
                    self._followers[follower] = children(follower)[0]
        return [self._followers[one] for one in followers if one in self._followers]
