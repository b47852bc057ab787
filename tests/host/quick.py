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
    took = _median(read)
    a_file = _median(Path("/proc/self/statm").read_bytes)
    print(getattr(read, "__name__", "reading"), f"{took * 1e6:.0f} us, a file {a_file * 1e6:.0f}")
    assert took < max(_ALLOWED, _FILES * a_file)


def _median(read: Callable[[], object]) -> float:
    took = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        read()
        took.append(time.perf_counter() - began)
    return sorted(took)[_TIMES // 2]
