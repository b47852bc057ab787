"""Reads from /proc what a process uses of memory, and which children it has.

psutil finds a process's children by a walk over all processes of the machine and parses the whole
of a status file; this takes 20 microseconds a process, as the path of a warm request allows.
Source of the formats: proc(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulator.host import kernel_files

_SIZES = re.compile(rb"^(VmHWM|RssFile|RssShmem):\s+(\d+) kB$", re.MULTILINE)

_PROPORTIONAL = re.compile(rb"^Pss:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ResidentMemory:
    """Holds what the kernel tells of one process's resident memory, in KiB."""

    peak: int
    """The highest so far, file pages included."""
    shared: int
    """File-backed and shared pages at present."""


def resident_memory(pid: int) -> ResidentMemory:
    """Reads how much memory of a process is in RAM.

    Raises:
        OSError: There is no such process.
    """
    status = kernel_files.read(f"/proc/{pid}/status")
    sizes = {found[1]: int(found[2]) for found in _SIZES.finditer(status)}
    shared = sizes.get(b"RssFile", 0) + sizes.get(b"RssShmem", 0)
    return ResidentMemory(sizes.get(b"VmHWM", 0), shared)


def proportional_memory_kb(pid: int) -> int:
    """Returns a process's memory in KiB, of pages that others have as well its part; 0 where gone.

    Root's or the same user's to ask.
    """
    try:
        told = kernel_files.read(f"/proc/{pid}/smaps_rollup")
    except OSError:
        return 0
    found = _PROPORTIONAL.search(told)
    return int(found[1]) if found else 0


def children(pid: int) -> list[int]:
    """Returns the process ids of the children that a process's main thread started.

    Raises:
        OSError: There is no such process.
    """
    return [int(word) for word in kernel_files.read(f"/proc/{pid}/task/{pid}/children").split()]
