"""Estimates the peak of a cgroup's anonymous memory from the kernel's peak of all its memory."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from emulator.host.cgroup_files import mebibytes

if TYPE_CHECKING:
    from pathlib import Path


class AnonymousPeak:
    """Holds the highest anonymous memory of a cgroup over all samples and the time between them.

    The kernel's peak counts page cache and kernel memory too. What was there of these before and
    after the peak is taken off, so the estimate is too low where cache came between two samples,
    and too high only by cache that came and went again between two samples. Where the kernel can
    start its peak anew (cgroup v1; v2 since Linux 6.12, for whoever may write the file), each
    sample tells of the time since the one before.
    """

    def __init__(self, file: Path) -> None:
        """Takes the kernel's `file`: memory.peak, or memory.max_usage_in_bytes of cgroup v1."""
        self._file = file
        self._descriptor: int | None = None
        self._resettable = True
        self._other = 0
        """Bytes that were not anonymous: at the last sample, or the most at any sample."""
        self._anonymous = 0

    def sample(self, anonymous: int, other: int) -> None:
        """Takes the bytes of anonymous and of all other memory at this moment."""
        self._other = max(self._other, other)
        self._anonymous = max(self._anonymous, anonymous, self._kernels_peak() - self._other)
        if self._start_over():
            self._other = other

    @property
    def mb(self) -> int:
        """The peak so far in MiB, rounded up."""
        return mebibytes(self._anonymous)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _kernels_peak(self) -> int:
        """Returns bytes; 0 where the kernel keeps no peak (cgroup v2 before Linux 5.19)."""
        try:
            return int(os.pread(self._opened(), 32, 0))
        except (OSError, ValueError):
            return 0

    def _opened(self) -> int:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CLOEXEC)
            except PermissionError:
                self._resettable = False
                self._descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor

    def _start_over(self) -> bool:
        if self._descriptor is not None and self._resettable:
            self._resettable = False
            with suppress(OSError):  # EINVAL where the file is only to be read
                os.pwrite(self._descriptor, b"0", 0)
                self._resettable = True
        return self._resettable and self._descriptor is not None
