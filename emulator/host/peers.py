"""Tells whose a TCP connection to this machine is: by its address, or by the process that made it.

It owns the ways of asking the kernel, and knows no sandbox and no backend. Nothing here holds the
event loop for long, whatever the processes in question do: their descriptors are looked at in
slices. Sources: Documentation/networking and sock_diag(7), proc_pid_fd(5) of Linux.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

_SLICE = 256
"""Descriptors that are looked at before the event loop has its turn: about half a millisecond."""
_MOST_DESCRIPTORS = 16_384
"""Descriptors that are looked at for one connection; a sandbox may have 1,024 in all."""
_CAP_SYS_PTRACE = 1 << 19
_DIAG_FAMILY = 4
"""NETLINK_SOCK_DIAG"""
_DIAG_BY_FAMILY = 20
"""SOCK_DIAG_BY_FAMILY"""
_REQUEST = 1
"""NLM_F_REQUEST, and no dump: the one socket that has these two ends is looked up."""
_ERROR = 2
"""NLMSG_ERROR"""
_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = b"\xff" * 8
_INODE_AT = 16 + 4 + 48 + 16
"""Where the inode stands: after netlink's header, four bytes of state, the socket's identity, and
its timers, queues and user."""


class Peer(NamedTuple):
    """Holds both ends of a connection that was made to this process."""

    address: str
    """The address from which it was made."""
    port: int
    dialled_address: str
    """The address to which it was made, which is ours."""
    dialled_port: int


def comes_from(addresses: Container[str], peer: Peer) -> bool:
    """Returns whether a connection was made from one of the addresses that its owner alone has."""
    return peer.address in addresses


def owners_can_be_told(*, other_users: bool) -> bool:
    """Returns whether this process can see which process made a connection.

    `other_users`: those processes belong to other users than this one, so that looking at them
    takes a right that a container's root, for one, does not have.
    """
    if sys.platform != "linux" or not Path("/proc/self/fd").is_dir():
        return False
    return not other_users or bool(_effective_capabilities() & _CAP_SYS_PTRACE)


class Owners:
    """Tells whether a connection was made by one of a changing set of processes.

    They must share this process's network namespace: a connection from another one reaches this
    machine by an address of its own, and is told by that.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        """Asks `pids` for the processes at each connection."""
        self._pids = pids
        self._looking = asyncio.Lock()
        """One flood of connections gets one slice of the loop's turns, and not one for each."""

    async def made(self, peer: Peer) -> bool:
        """Returns whether one of the processes has the other end of this connection.

        False too where that end is closed by now, as nobody can be told for its owner then.
        """
        async with self._looking:
            inode = _inode(peer)
            if inode is None:
                inode = await asyncio.to_thread(_listed_inode, peer)
            return bool(inode) and await self._holds(f"socket:[{inode}]")

    async def _holds(self, wanted: str) -> bool:
        looked = 0
        for pid in self._pids():
            for link in _descriptors(pid):
                if link == wanted:
                    return True
                looked += 1
                if looked >= _MOST_DESCRIPTORS:
                    return False
                if not looked % _SLICE:
                    await asyncio.sleep(0)
        return False


def descendants(pid: int) -> Iterator[int]:
    """Yields a process and all that descend from it; those whose parent has ended are not seen."""
    found = [pid]
    while found:
        pid = found.pop()
        yield pid
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(OSError):
                    children = (task / "children").read_text()
                    found.extend(map(int, children.split()))


def _descriptors(pid: int) -> Iterator[str]:
    """Yields what each descriptor of a process leads to, `socket:[inode]` for a socket."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):  # it has ended, or is not ours to look at
        for name in os.listdir(folder):  # noqa: PTH208  # paths cost ten times as much
            with suppress(OSError):  # closed meanwhile
                yield os.readlink(f"{folder}/{name}")  # noqa: PTH115


def _inode(peer: Peer) -> int | None:
    """Returns the inode of the other end, 0 where it is closed, and None where that is not told.

    One lookup in the kernel's table takes some 20 µs, and reading the whole of it 20 ms. IPv4 ends
    are found whether their socket is an IPv4 one or, as Java's are, one of both families.
    """
    theirs = (peer.address, peer.port)
    ours = (peer.dialled_address, peer.dialled_port)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _DIAG_FAMILY) as kernel:
            kernel.settimeout(1.0)
            inode = _ask(kernel, theirs, ours)
            if inode is None and _ask(kernel, ours, theirs) is not None:
                return 0  # our end is known, so theirs would be if it were open
            return inode
    except (OSError, AttributeError):
        return None


def _ask(kernel: socket.socket, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
    body += struct.pack("!HH", local[1], remote[1])
    for address, _ in (local, remote):
        body += socket.inet_pton(family, address).ljust(16, b"\0")
    body += struct.pack("=I", 0) + _NO_COOKIE
    kernel.send(struct.pack("=IHHII", 16 + len(body), _DIAG_BY_FAMILY, _REQUEST, 1, 0) + body)
    answer = kernel.recv(8192)
    (kind,) = struct.unpack_from("=H", answer, 4)
    if kind == _ERROR:
        code = -struct.unpack_from("=i", answer, 16)[0]
        if code == errno.ENOENT:
            return None
        raise OSError(code, os.strerror(code))
    return int(struct.unpack_from("=I", answer, _INODE_AT)[0])


def _listed_inode(peer: Peer) -> int:
    """Returns the inode of the other end from the kernel's printed tables, 0 where it is closed."""
    ends = [(peer.address, peer.port), (peer.dialled_address, peer.dialled_port)]
    for name, wanted in (
        ("tcp", [_printed(address, port) for address, port in ends]),
        ("tcp6", [_printed(address, port, mapped=True) for address, port in ends]),
    ):
        with suppress(OSError), Path(f"/proc/net/{name}").open() as table:
            for line in table:
                fields = line.split()
                if fields[1:3] == wanted:
                    return int(fields[9])
    return 0


def _printed(address: str, port: int, *, mapped: bool = False) -> str:
    """Returns an end as the kernel prints it: words of the machine's own byte order."""
    if ":" in address:
        packed = socket.inet_pton(socket.AF_INET6, address)
    else:
        packed = (b"\0" * 10 + b"\xff\xff" if mapped else b"") + socket.inet_aton(address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
