"""Opens listening sockets within other network namespaces of this machine, and bars ways out.

A socket belongs to the namespace in which it was made, whoever holds it: what listens on
127.0.0.1 there is reached by that namespace's processes alone. Source: network_namespaces(7) and
setns(2) of the Linux man-pages.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import ipaddress
import json
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

IP = "ip"
"""The program that routes are changed with."""
_NETWORK = 0x40000000
"""CLONE_NEWNET"""
_PATIENCE = 5.0
"""Seconds that ip(8) may take."""
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

    @property
    def descriptor(self) -> int:
        """The open file of the namespace; -1 after `close`."""
        return self._descriptor

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
        coming = loop.run_in_executor(_entrant, self._bound_inside, host, port)
        try:
            return await asyncio.shield(coming)
        except asyncio.CancelledError:
            coming.add_done_callback(_closed_late)  # a thread cannot be cancelled
            raise

    async def bar_neighbours(self, address: str, prefix: int, gateway: str) -> None:
        """Leaves of the subnet that `address` is in nothing to reach but the gateway.

        Whoever lives in the namespace undoes that only with a capability (CAP_NET_ADMIN).

        Raises:
            OSError: The machine has no ip(8), or that refuses.
        """
        loop = asyncio.get_running_loop()
        subnet = str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
        await loop.run_in_executor(_entrant, self._bar_inside, subnet, gateway)

    async def give_interfaces(self, other: NetworkNamespace, pid: int) -> None:
        """Moves the interfaces to another namespace, that of the process `pid`, as they are set up.

        Their IPv4 addresses and routes are the same there.

        Raises:
            OSError: The machine has no ip(8), or that refuses.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(_entrant, self._give, other, pid)

    def _give(self, other: NetworkNamespace, pid: int) -> None:
        ip = _program()
        with self._inside():
            links = json.loads(_run([ip, "-json", "-4", "address", "show", "scope", "global"], ""))
            routes = json.loads(_run([ip, "-json", "-4", "route", "show"], ""))
            moves = [f"link set dev {link['ifname']} netns {pid}" for link in links]
            _run([ip, "-batch", "-"], "\n".join(moves))
        with other._inside():  # of this class
            _run([ip, "-batch", "-"], "\n".join([*_set_up(links), *_in_order(routes)]))

    def _bound_inside(self, host: str, port: int) -> socket.socket:
        with self._inside():
            return _bound(host, port)

    def _bar_inside(self, subnet: str, gateway: str) -> None:
        ip = _program()
        with self._inside():
            device = _run([ip, "-json", "route", "show", subnet], "")
            routes = (  # the gateway's first, by which the default route goes on leading out
                f"route replace {gateway}/32 dev {json.loads(device)[0]['dev']} scope link",
                f"route delete {subnet}",
                f"route add blackhole {subnet}",
            )
            _run([ip, "-batch", "-"], "\n".join(routes))

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Has this thread in the namespace, and the programs that the thread starts."""
        own = os.open(_OWN, os.O_RDONLY)  # of the main thread, which never leaves
        try:
            _enter(self._descriptor)
            try:
                yield
            finally:
                _enter(own)
        finally:
            os.close(own)


def can_enter_namespaces() -> bool:
    """Returns whether this process may enter networks of this machine, and change their routes."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which(IP):
        return False
    with suppress(OSError):
        own = os.open(_OWN, os.O_RDONLY)
        try:
            _entrant.submit(_enter, own).result()
        finally:
            os.close(own)
        return True
    return False


def _program() -> str:
    if not (ip := shutil.which(IP)):
        raise FileNotFoundError(errno.ENOENT, "ip(8) is not installed")
    return ip


def _set_up(links: list[dict[str, Any]]) -> Iterator[str]:
    """Yields what gives interfaces, as ip(8) has described them, their addresses again."""
    yield "link set dev lo up"
    for link in links:
        yield f"link set dev {link['ifname']} up"
        for own in link["addr_info"]:
            given = f"{own['local']}/{own['prefixlen']}"
            yield f"address add {given} dev {link['ifname']} noprefixroute"


def _in_order(routes: list[dict[str, Any]]) -> Iterator[str]:
    """Yields what adds routes, as ip(8) has described them, each after those that it leads by."""
    for route in sorted(routes, key=lambda one: "gateway" in one):
        words = [route.get("type", "unicast"), route["dst"]]
        words += ["via", route["gateway"]] if "gateway" in route else []
        words += ["dev", route["dev"]] if "dev" in route else []
        words += ["scope", route["scope"]] if "scope" in route else []
        yield f"route replace {' '.join(words)}"


def _run(command: list[str], text: str) -> str:
    """Returns what a program writes. Raises OSError where that fails, or takes too long."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=_PATIENCE, check=True
        )
    except subprocess.SubprocessError as error:
        told = getattr(error, "stderr", None) or str(error)
        raise OSError(errno.EIO, f"{command[0]}: {told}") from error
    return done.stdout


def _enter(descriptor: int) -> None:
    """Moves this thread, and no other, into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns is there from Python 3.12 on
    if libc.setns(descriptor, _NETWORK) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _closed_late(coming: asyncio.Future[socket.socket]) -> None:
    """Closes a socket that nobody waits for any more."""
    if not coming.cancelled() and coming.exception() is None:
        coming.result().close()


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
