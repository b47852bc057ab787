"""Finds how far the disks behind some folders read ahead, and changes that for a while.

The kernel reads so much around each page that is missing (mm/filemap.c, do_sync_mmap_readahead). On
Lambda a microVM reads its files by a disk of its own, with the kernel's default. A host's disk may
be set to many times that: a function whose pages do not all fit into its memory then reads more for
each missing page than it uses, and evicts others for it.

Knows sysfs and a file in which what was changed stays known after a kill; no sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

SENSIBLE_KB = 512
"""Read-ahead in KB above which a warning is due: four times the kernel's default of 128
(VM_READAHEAD_PAGES), which a microVM has. A solid-state disk takes about .1 ms to find a page and
reads about 1 MB a ms, so that up to here a missing page costs a few times what it must, and at
8192 fifty times. L: of the two ends of that range measurements are known, of the bound none."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PAGE_KB = os.sysconf("SC_PAGESIZE") >> 10
_DEEPEST = 8
"""Overlays upon overlays that are followed."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Names a disk, or the file system over several, with the file that tells its read-ahead."""

    name: str
    file: Path

    @property
    def kb(self) -> int:
        """How far the disk reads ahead, in KB.

        Raises:
            OSError: the disk is gone.
        """
        return int(self.file.read_text())

    def set(self, kb: int) -> None:
        """Changes the read-ahead of files that are opened from now on.

        Raises:
            OSError: this process may not.
        """
        self.file.write_text(f"{kb}\n")


def _device_of(path: Path) -> int:
    return path.stat().st_dev


class Disks:
    """Looks disks up in the system's own files, those below `root`.

    `device_of` returns the device number of a path's file system, or raises OSError.
    """

    def __init__(
        self, root: Path = Path("/"), device_of: Callable[[Path], int] = _device_of
    ) -> None:
        self._device_of = device_of
        self._sys = root / "sys"
        self._mounts = root / "proc/self/mountinfo"

    def under(self, folders: Iterable[Path]) -> list[Disk]:
        """Returns the disks that folders are on; none for one that is in memory or on a network.

        A device mapper's volume is the disk, and not what lies below: the volume's own read-ahead
        is what counts.
        """
        found: dict[Disk, None] = {}
        for folder in folders:
            with contextlib.suppress(OSError):  # of another machine or mount namespace
                found |= dict.fromkeys(self._on(self._device_of(folder), _DEEPEST))
        return list(found)

    def _on(self, device: int, deepest: int) -> list[Disk]:
        if (disks := self._block(device)) is not None:
            return disks
        kind, source, options = self._mount(device)
        if kind == "overlay" and deepest:
            layers = re.findall(r"(?:^|,)(?:upper|lower)dir=([^,]*)", options)
            paths = [Path(path) for layer in layers for path in layer.split(":") if path]
            found: dict[Disk, None] = {}
            for path in paths:
                with contextlib.suppress(OSError):  # as above
                    found |= dict.fromkeys(self._on(self._device_of(path), deepest - 1))
            return list(found)
        if source.startswith("/dev/"):
            return self._file_system(Path(source).name) or self._block(_number_of(source)) or []
        return []

    def _block(self, device: int) -> list[Disk] | None:
        """Returns the disk of a block device, that of a partition; None where there is none."""
        link = self._sys / f"dev/block/{os.major(device)}:{os.minor(device)}"
        if not link.exists():
            return None
        folder = link.resolve()
        if (folder / "partition").exists():
            folder = folder.parent
        file = folder / "queue/read_ahead_kb"
        return [Disk(folder.name, file)] if file.exists() else []

    def _file_system(self, device: str) -> list[Disk]:
        """Returns btrfs's own read-ahead, which is 4 MB at least whatever its disks have."""
        for member in self._sys.glob(f"fs/btrfs/*/devices/{device}"):
            file = member.parent.parent / "bdi/read_ahead_kb"
            if file.exists():
                return [Disk(f"btrfs on {device}", file)]
        return []

    def _mount(self, device: int) -> tuple[str, str, str]:
        """Returns kind, source and options of the file system with a device number."""
        number = f"{os.major(device)}:{os.minor(device)}"
        for line in self._mounts.read_text().splitlines():
            mount, _, system = line.partition(" - ")
            if mount.split()[2] == number:
                kind, source, options = system.split(" ", 2)
                return kind, source, options
        return "", "", ""


def _number_of(source: str) -> int:
    try:
        return Path(source).stat().st_rdev
    except OSError:
        return 0


def remarks(disks: Sequence[Disk]) -> list[str]:
    """Returns a sentence for each disk that reads ahead further than is sensible."""
    return [
        f"The disk {disk.name} reads {kb} KB ahead: a function whose files do not all fit into its "
        "memory may read more than a gigabyte a request. --read-ahead 128 sets what Lambda's "
        "sandboxes have, until the emulator ends."
        for disk in disks
        if (kb := disk.kb) > SENSIBLE_KB
    ]


@dataclass(frozen=True, slots=True)
class _Change:
    """Remembers what a disk's read-ahead was, and what it was changed to."""

    name: str
    file: str
    before_kb: int
    set_kb: int
    boot: str
    """The boot in which that was: the next one begins with the system's own value."""


@contextlib.contextmanager
def changed_read_ahead(disks: Iterable[Disk], kb: int | None, memory: Path) -> Iterator[None]:
    """Has disks read `kb` KB ahead while the context lasts; None changes nothing.

    `memory` is the file that remembers what was there before. A change that a killed process left
    behind is taken back first, whatever `kb` is.

    Raises:
        OSError: this process may not change a disk's read-ahead; what was changed is taken back.
    """
    take_back(memory)
    try:
        for disk in disks if kb is not None else ():
            _change(disk, kb or 0, memory)
        yield
    finally:
        take_back(memory)


def _change(disk: Disk, kb: int, memory: Path) -> None:
    before = disk.kb
    kb -= kb % _PAGE_KB  # as the kernel does
    if before == kb:
        return
    change = _Change(disk.name, str(disk.file), before, kb, _boot())
    _write(memory, [*_read(memory), change])  # before the change, since a kill may come between
    disk.set(kb)


def take_back(memory: Path) -> None:
    """Restores what `memory` remembers, but for what somebody else has changed since."""
    for change in _read(memory):
        disk = Disk(change.name, Path(change.file))
        with contextlib.suppress(OSError, ValueError):  # the disk is gone
            if change.boot == _boot() and disk.kb == change.set_kb:
                disk.set(change.before_kb)
    memory.unlink(missing_ok=True)


def _read(memory: Path) -> list[_Change]:
    try:
        return [_Change(**change) for change in json.loads(memory.read_text())]
    except (OSError, ValueError, TypeError):  # there is none, or it is not ours
        return []


def _write(memory: Path, changes: Sequence[_Change]) -> None:
    new = memory.with_suffix(".new")
    new.write_text(json.dumps([asdict(change) for change in changes]) + "\n")
    new.replace(memory)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
