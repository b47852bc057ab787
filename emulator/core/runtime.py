"""Defines a managed runtime of Lambda, and the flags that AWS starts its JVM with, as data.

The runtimes of each date stand in the modules of `profiles`. This module knows no date.
"""

from __future__ import annotations

from dataclasses import dataclass

_KB_PER_MB = 1024


@dataclass(frozen=True, slots=True)
class JvmPart:
    """Holds one part of a JVM's memory: a share of the function's memory, up to a cap."""

    flag: str
    """Name of the flag that limits the part; empty where the JVM is told no limit."""
    percent: int
    cap_mb: int

    def kilobytes(self, memory_mb: int) -> int:
        """Returns the size of the part, in units of 1,024 bytes."""
        return min(memory_mb * _KB_PER_MB * self.percent // 100, self.cap_mb * _KB_PER_MB)


@dataclass(frozen=True, slots=True)
class JvmFlags:
    """Holds how AWS starts a JVM: the heap gets what the reserved parts leave of the memory."""

    reserved: tuple[JvmPart, ...]
    options: tuple[str, ...]
    """Flags that do not depend on the memory."""

    def at(self, memory_mb: int) -> tuple[str, ...]:
        """Returns the flags of a function with a memory size in MB."""
        sizes = [(part.flag, part.kilobytes(memory_mb)) for part in self.reserved]
        heap = memory_mb * _KB_PER_MB - sum(size for _, size in sizes)
        limits = [("MaxHeapSize", heap), *((flag, size) for flag, size in sizes if flag)]
        return (*(f"-XX:{flag}={size}k" for flag, size in limits), *self.options)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Holds one runtime by AWS's identifier, such as `python3.6`."""

    name: str
    jvm: JvmFlags | None = None
    """Flags of its JVM; None for what runs on no JVM, or where AWS's flags are not known."""
    snap_start: bool = False
    """Whether snapshots are taken of its published versions (SnapStart)."""


def runtimes(
    *names: str, jvm: JvmFlags | None = None, snap_start: bool = False
) -> tuple[Runtime, ...]:
    """Returns runtimes of one kind."""
    return tuple(Runtime(name, jvm, snap_start) for name in names)
