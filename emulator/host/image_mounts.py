"""Makes file system images of folders, and mounts them so that each mount has a page cache alone.

A mount goes through a loop device of its own that reads the image with direct I/O: the host caches
nothing of the image, and what the mount caches goes with the mount. The loop device detaches itself
when its mount ends (LO_FLAGS_AUTOCLEAR), so that a mount is all there is to clear up after a kill.
Root only. Knows no sandbox.

Sources: include/uapi/linux/loop.h (LOOP_CONFIGURE, since Linux 5.8), mount(2), mke2fs(8).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

_CONTROL = Path("/dev/loop-control")
_CTL_GET_FREE = 0x4C82
_CONFIGURE = 0x4C0A
_SET_READ_AHEAD = 0x1262  # BLKRASET
_READ_ONLY, _AUTOCLEAR, _DIRECT_IO = 1, 4, 16
_CONFIG = struct.Struct("=II5Q4I64s64s32s2Q64x")
"""struct loop_config: file and block size, then loop_info64 with its flags, then reserved."""
_FLAGS_AT = 10
"""Index of lo_flags among the numbers and names of `_CONFIG`."""
_BLOCK = 4096
_SECTORS_READ_AHEAD = 256
"""128 KB, the kernel's default, which a microVM has: a loop device takes what its disk prefers."""
_MS_RDONLY, _MS_NOSUID, _MS_NODEV = 1, 2, 4
_MNT_DETACH = 2
_TRIES = 20
"""Attempts at a free loop device: another program may be faster."""
_PROGRAMS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_SPARE = 16 << 20
_SPARE_INODES = 256


def obstacle() -> str:
    """Returns why images cannot be mounted here, in one sentence; empty where they can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "only root may mount"
    if not _CONTROL.exists():
        return "this machine has no loop devices (/dev/loop-control; modprobe loop)"
    if mke2fs() is None:
        return "mke2fs, of e2fsprogs, is not installed"
    return ""


def mke2fs() -> str | None:
    """Returns the path of the program that makes images."""
    return shutil.which("mke2fs", path=_PROGRAMS)


def make_image(folder: Path, image: Path) -> None:
    """Makes an ext4 image with what is in a folder, owners and modes included; blocks.

    Raises:
        OSError: the image cannot be made; the message ends with the program's last line.
    """
    program = mke2fs()
    if program is None:
        raise FileNotFoundError(errno.ENOENT, obstacle())
    size, inodes = _room(folder)
    part = image.with_name(f"{image.name}.{os.getpid()}.part")
    command = [
        *(program, "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0"),
        *("-b", str(_BLOCK), "-N", str(inodes), "-E", "root_owner=0:0"),
        *("-d", os.fspath(folder), os.fspath(part), f"{size >> 10}k"),
    ]
    try:
        made = subprocess.run(command, capture_output=True, check=False)
        if made.returncode:
            said = made.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise OSError(errno.EIO, f"mke2fs: {said[-1]}")
        with part.open("rb") as written:
            os.fsync(written.fileno())  # direct I/O reads the disk
        part.replace(image)
    finally:
        part.unlink(missing_ok=True)


def _room(folder: Path) -> tuple[int, int]:
    """Returns how many bytes and inodes an image of a folder needs; what is free takes no disk."""
    size, inodes = 0, 0
    for _, folders, files, at in os.fwalk(folder):
        inodes += len(folders) + len(files)
        size += _BLOCK * (1 + (len(folders) + len(files)) // 32)
        for name in files:
            length = os.stat(name, dir_fd=at, follow_symlinks=False).st_size
            size += -(-length // _BLOCK) * _BLOCK
    inodes += _SPARE_INODES
    return size + size // 8 + inodes * 256 + _SPARE, inodes


def mount_image(image: Path, folder: Path) -> None:
    """Mounts an image read-only at a folder, through a loop device with direct I/O; blocks.

    Raises:
        OSError: the kernel refuses; the message says what it refused.
    """
    device, name = _attached(image)
    try:
        flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV
        _call("mount", f"/dev/{name}".encode(), os.fsencode(folder), b"ext4", flags, None)
    finally:
        os.close(device)  # and the loop device detaches itself, now or when its mount ends


def _attached(image: Path) -> tuple[int, str]:
    """Returns the open descriptor and the name of a loop device with an image."""
    try:
        file = os.open(image, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise OSError(errno.EINVAL, f"the disk of {image} has no direct I/O") from error
        raise
    try:
        for _ in range(_TRIES):
            name, device = _free_device()
            try:
                _configure(device, file)
                fcntl.ioctl(device, _SET_READ_AHEAD, _SECTORS_READ_AHEAD)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:
                    raise OSError(error.errno, f"the loop device {name} is refused") from error
            else:
                return _with_direct_io(device, name, image)
    finally:
        os.close(file)
    raise OSError(errno.EBUSY, "no loop device is free")


def _configure(device: int, file: int) -> None:
    values: list[int | bytes] = [file, _BLOCK, *(0,) * 9, b"testbed", b"", b"", 0, 0]
    values[_FLAGS_AT] = _READ_ONLY | _AUTOCLEAR | _DIRECT_IO
    fcntl.ioctl(device, _CONFIGURE, _CONFIG.pack(*values))


def _free_device() -> tuple[str, int]:
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        name = f"loop{fcntl.ioctl(control, _CTL_GET_FREE)}"
    finally:
        os.close(control)
    return name, os.open(f"/dev/{name}", os.O_RDONLY | os.O_CLOEXEC)


def _with_direct_io(device: int, name: str, image: Path) -> tuple[int, str]:
    """Checks that the kernel did what it was told: it may fall back to the host's page cache."""
    if Path(f"/sys/block/{name}/loop/dio").read_text().strip() != "1":
        os.close(device)
        raise OSError(errno.EINVAL, f"the disk of {image} has no direct I/O")
    return device, name


def unmount(folder: Path) -> None:
    """Takes a mount away, at once for new uses, and removes its folder; blocks, never raises.

    What still reads from the mount keeps the loop device till its own end.
    """
    with suppress(OSError):
        _call("umount2", os.fsencode(folder), _MNT_DETACH)
    with suppress(OSError):
        folder.rmdir()


def mounted_below(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> list[Path]:
    """Returns the folders below `folder` at which something is mounted."""
    found = []
    for line in mounts.read_text().splitlines():
        path = Path(line.split()[4].encode().decode("unicode_escape"))  # \040 is a space
        if path.parent == folder:
            found.append(path)
    return found


def _call(name: str, *arguments: bytes | int | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
