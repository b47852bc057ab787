"""Opens listening sockets within other network namespaces of this machine.

A socket belongs to the namespace in which it was made, whoever holds it: what listens on
127.0.0.1 there is reached by that namespace's processes alone. Source: network_namespaces(7) and
setns(2) of the Linux man-pages.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

_NETWORK = 0x40000000
"""CLONE_NEWNET"""
_OWN = "/proc/self/ns/net"

_entrant = ThreadPoolExecutor(1, thread_name_prefix="network-namespace")
"""The one thread that leaves this process's own namespace, for a moment each time."""


class NetworkNamespace:
    """Keeps the network namespace of a process, until `close`, even when that process has ended."""

    def __init__(self, pid: int) -> None:
        """Takes the namespace of the process.

        Raises:
            OSError: The process is gone, or this one may not look at that.
        """
        self._descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)

    def close(self) -> None:
        """Lets the namespace go; what listens there goes on. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def listener(self, host: str, port: int) -> socket.socket:
        """Returns a bound socket there, on another port where that is taken.

        Raises:
            OSError: The namespace cannot be entered, or was closed.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_entrant, self._bound_inside, host, port)

    def _bound_inside(self, host: str, port: int) -> socket.socket:
        own = os.open(_OWN, os.O_RDONLY)  # of the main thread, which never leaves
        try:
            _enter(self._descriptor)
            try:
                return _bound(host, port)
            finally:
                _enter(own)
        finally:
            os.close(own)


def can_enter_namespaces() -> bool:
    """Returns whether this process may enter network namespaces of this machine's root."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with suppress(OSError):
        own = os.open(_OWN, os.O_RDONLY)
        try:
            _entrant.submit(_enter, own).result()
        finally:
            os.close(own)
        return True
    return False


def _enter(descriptor: int) -> None:
    """Moves this thread, and no other, into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns is there from Python 3.12 on
    if libc.setns(descriptor, _NETWORK) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            listener.bind((host, 0))
    except BaseException:
        listener.close()
        raise
    return listener
