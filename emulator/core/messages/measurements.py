"""Defines what is measured of a sandbox, as events tell it: the parts of a start, and memory."""

from __future__ import annotations

from msgspec import Struct

from emulator.core.model import Seconds  # noqa: TC001  # the journal resolves these at run time


class Anatomy(Struct, frozen=True):
    """Splits the time of a cold start, in seconds on the driver's clock.

    `create` and `start` are what the backend's engine took, `connect` is from the started
    process to its first connection to the Runtime API, `init` from there to the first `next`;
    `other` is what is left of the whole, from the decision to start the sandbox to its readiness.
    """

    create: Seconds = 0.0
    start: Seconds = 0.0
    connect: Seconds = 0.0
    init: Seconds = 0.0
    other: Seconds = 0.0


class JvmUse(Struct, frozen=True, gc=False):
    """Holds a JVM's memory as its last garbage collection left it, and the collections until then.

    Collections count since the sandbox's memory was last looked at; a sandbox's first invocation
    has those of its init.
    """

    heap_mb: int
    """Objects in the heap, in MiB, rounded up."""
    metaspace_mb: int
    """Class metadata, in MiB, rounded up, without that of a shared archive."""
    gc_count: int
    gc_seconds: Seconds
    """Time of those collections, on the driver's clock."""


class MemoryUse(Struct, frozen=True, gc=False):
    """Holds a sandbox's memory at the end of an invocation, and what came from disk until then.

    Faults and refaults count since the sandbox's memory was last looked at: for an invocation
    within 10 ms of the one before they may be that one's too, and a sandbox's first invocation has
    those of its init. Their sum over all invocations is the sandbox's.
    """

    anonymous_mb: int
    """Heaps and stacks, in MiB, rounded up."""
    cache_mb: int
    """Pages of files that the sandbox was the first to touch, those of /tmp included; MiB."""
    major_faults: int
    """Accesses that had to wait for the disk."""
    refaults: int | None = None
    """Pages of files that had been evicted and were read again; None where that is unknown."""
    jvm: JvmUse | None = None
    """What the JVM tells of itself; None without a JVM that does."""
