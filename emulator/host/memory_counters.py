"""Reads what the kernel counts of a cgroup's memory: resident bytes, and pages read from disk.

Knows the words of memory.stat in cgroup v1 and v2, and no file. The kernel hands its counts on in
batches of up to 64 events a CPU (MEMCG_CHARGE_BATCH) or every 2 s: a few events may be told with
the next look, and none is lost.

Sources: Documentation/admin-guide/cgroup-v1/memory.rst (5.2) and cgroup-v2.rst (memory.stat) of the
Linux kernel; `workingset_refault` has had its two parts since Linux 5.9, and v1 tells them since.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.host.cgroup_files import field


@dataclass(frozen=True, slots=True)
class MemoryCounters:
    """Holds one look at a cgroup's memory; faults count since the cgroup was made."""

    anonymous: int
    """Bytes of heaps and stacks, which no file holds."""
    cache: int
    """Bytes of files, those in a tmpfs included. A page counts in the cgroup that touched the page
    first, so what sandboxes share is in one sandbox's count alone."""
    major_faults: int
    """Accesses to memory that had to wait for the disk."""
    refaults: int | None
    """Pages of files that were read again, having been evicted a short while before: memory was
    too small for what was in use. None where the kernel does not tell (v1 before Linux 5.9)."""


def read_v1(stat: bytes) -> MemoryCounters | None:
    """Reads the memory.stat of cgroup v1, cgroups below included; None for that of a removed one.

    The limit of a sandbox holds for all below the cgroup, hence the lines that begin with `total_`.
    """
    return _read(stat, b"total_rss ", b"total_cache ", b"total_pgmajfault ", b"total_")


def read_v2(stat: bytes) -> MemoryCounters | None:
    """Reads the memory.stat of cgroup v2; None for that of a removed cgroup."""
    return _read(stat, b"anon ", b"file ", b"pgmajfault ", b"")


def _read(
    stat: bytes, anonymous: bytes, cache: bytes, faults: bytes, prefix: bytes
) -> MemoryCounters | None:
    if not stat:
        return None
    text = b"\n" + stat
    return MemoryCounters(
        field(text, b"\n" + anonymous),
        field(text, b"\n" + cache),
        field(text, b"\n" + faults),
        _refaults(text, prefix),
    )


def _refaults(text: bytes, prefix: bytes) -> int | None:
    for name in (b"workingset_refault_file ", b"workingset_refault "):
        if (key := b"\n" + prefix + name) in text:
            return field(text, key)
    return None
