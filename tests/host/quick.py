"""How long a reading of the kernel's files takes, and whether that is little on this kernel."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMES = 201
_ALLOWED = 0.0002
"""Seconds that a reading on the path of a request may take."""
_FILES = 20
"""How many plain files could be read in that time; a kernel in user mode takes longer for each."""


def assert_quick(read: Callable[[], object]) -> None:
    took, a_file = _medians(read, Path("/proc/self/statm").read_bytes)
    print(getattr(read, "__name__", "reading"), f"{took * 1e6:.0f} us, a file {a_file * 1e6:.0f}")
    assert took < max(_ALLOWED, _FILES * a_file)


def _medians(*reads: Callable[[], object]) -> list[float]:
    """Returns the median of each, read in turns, as the machine may be slow for a while."""
    took: list[list[float]] = [[] for _ in reads]
    for _ in range(_TIMES):
        for read, times in zip(reads, took, strict=True):
            began = time.perf_counter()
            read()
            times.append(time.perf_counter() - began)
    return [sorted(times)[_TIMES // 2] for times in took]
