"""Reads what a JVM tells of its memory: heap, class metadata, garbage collections.

HotSpot keeps its counters in a small file of its /tmp, `hsperfdata_USER/PID`, which jstat reads
too; no option asks for that file, and `-XX:-UsePerfData` leaves it out. Heap and metadata are as
the last collection left them. The file is the function's to write: nothing in it is believed before
it was checked, and no link is followed.

Source of the format: jdk.internal.perf and sun.jvmstat.perfdata.monitor.v2_0.PerfDataBuffer of
OpenJDK 8 to 25.
"""

from __future__ import annotations

import os
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.host import kernel_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_MAGIC = 0xCAFEC0C0
_PROLOGUE = struct.Struct("<iiqii")
"""Bytes used, overflow, time of the last change, place of the first entry, number of entries."""
_ENTRY = struct.Struct("<iii4Bi")
"""Length, place of the name, length of a vector, four bytes of kind, place of the value."""
_VALUE = struct.Struct("<q")
_MOST_BYTES = 1 << 20
_MOST_ENTRIES = 4096
_ATTEMPTS = 3
"""How often a sandbox is looked at for a JVM before it counts as one without."""
_FOLDER = "hsperfdata_"
_OWN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class JvmCounters:
    """Holds one look at a JVM; collections count since its start."""

    heap: int
    """Bytes of objects that the last collection left, or found."""
    metaspace: int
    """Bytes of class metadata at the last collection, without those of a shared archive."""
    collections: int
    """Garbage collections, young and full."""
    collecting: float
    """Seconds of those collections, on the machine's clock."""


class JvmWatch:
    """Finds the JVM among a sandbox's processes, once, and reads its counters."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        """Takes `pids`, which returns the process ids of the sandbox as this process sees them."""
        self._pids = pids
        self._file: _CounterFile | None = None
        self._attempts = _ATTEMPTS

    def read(self) -> JvmCounters | None:
        """Returns the counters of this moment; None without a JVM that tells any.

        Takes 0.01 ms; the first three looks of a sandbox without a JVM take 0.1 ms each.
        """
        if self._file is None and self._attempts:
            self._attempts -= 1
            self._file = _find([*self._pids()])
        if self._file is None:
            return None
        try:
            return self._file.read()
        except (OSError, struct.error):
            self.restarted()
            return None

    def restarted(self) -> None:
        """Looks for a JVM again, as the sandbox's processes are new."""
        self.close()
        self._attempts = _ATTEMPTS

    def close(self) -> None:
        """Closes the file of counters."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._attempts = 0


class _CounterFile:
    """Owns an open file of counters, and where each counter stands there."""

    def __init__(self, descriptor: int, places: dict[str, int]) -> None:
        self._descriptor = descriptor
        self._heap = [at for name, at in places.items() if _is_heap(name)]
        self._metaspace = [at for name, at in places.items() if name == "sun.gc.metaspace.used"]
        self._counts = [at for name, at in places.items() if _is_collector(name, "invocations")]
        self._times = [at for name, at in places.items() if _is_collector(name, "time")]
        self._frequency = places["sun.os.hrt.frequency"]
        self._length = max(places.values()) + _VALUE.size

    def read(self) -> JvmCounters:
        held = os.pread(self._descriptor, self._length, 0)

        def total(places: list[int]) -> int:
            return sum(_VALUE.unpack_from(held, at)[0] for at in places)

        frequency = max(1, total([self._frequency]))
        return JvmCounters(
            total(self._heap),
            total(self._metaspace),
            total(self._counts),
            total(self._times) / frequency,
        )

    def close(self) -> None:
        os.close(self._descriptor)


def _is_heap(name: str) -> bool:
    return name.startswith("sun.gc.generation.") and name.endswith(".used")


def _is_collector(name: str, figure: str) -> bool:
    return name.startswith("sun.gc.collector.") and name.rpartition(".")[2] == figure


def _find(pids: Sequence[int]) -> _CounterFile | None:
    for pid in reversed(pids):
        with suppress(OSError, ValueError, KeyError, struct.error):
            for descriptor in _files(pid):
                try:
                    return _CounterFile(descriptor, _places(os.pread(descriptor, _MOST_BYTES, 0)))
                except (OSError, ValueError, KeyError, struct.error):
                    os.close(descriptor)
    return None


def _files(pid: int) -> Iterator[int]:
    """Yields the open files of counters that a process has in its own /tmp; the caller closes."""
    status = kernel_files.read(f"/proc/{pid}/status")
    inside = next(line for line in status.splitlines() if line.startswith(b"NSpid:")).split()[-1]
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_DIRECTORY)
    try:
        tmp = os.open("tmp", _OWN_FOLDER, dir_fd=root)
    finally:
        os.close(root)
    try:
        for folder in os.listdir(tmp):  # noqa: PTH208  # by its descriptor
            if folder.startswith(_FOLDER):
                with suppress(OSError):
                    yield _open(tmp, folder, os.fsdecode(inside))
    finally:
        os.close(tmp)


def _open(tmp: int, folder: str, name: str) -> int:
    """Opens a file of a sandbox's /tmp.

    Raises:
        OSError: There is no such regular file, or a link is in the way.
    """
    inner = os.open(folder, _OWN_FOLDER, dir_fd=tmp)
    try:
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inner)
    finally:
        os.close(inner)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{folder}/{name} is no file")
    return found


def _places(held: bytes) -> dict[str, int]:
    """Returns where each counter that is one whole number stands.

    Raises:
        ValueError: The bytes are not those of a file of counters.
        struct.error: They end too early.
    """
    magic, little, version = struct.unpack_from(">IBB", held)
    if (magic, little, version) != (_MAGIC, 1, 2):
        raise ValueError("no counters of a JVM on a little-endian machine")
    _, _, _, at, entries = _PROLOGUE.unpack_from(held, 8)
    places: dict[str, int] = {}
    for _ in range(min(entries, _MOST_ENTRIES)):
        length, name, vector, kind, _, _, _, value = _ENTRY.unpack_from(held, at)
        if length <= 0 or at + value + _VALUE.size > len(held):
            raise ValueError("an entry without a length, or beyond the end")
        if kind == ord("J") and not vector:
            end = held.index(b"\0", at + name)
            places[held[at + name : end].decode("ascii")] = at + value
        at += length
    return places
