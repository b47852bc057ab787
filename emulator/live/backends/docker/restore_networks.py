"""Keeps networks for sandboxes that are forks: those of network slots, where a fork may go.

A process without a right can enter no network of the engine's making. So each network here is made
ahead of need, in a user namespace whose maker is the functions' user: a process of that user, from
the namespace around, has every right in it, and may join both. The slot's own interface is moved
there with its address; its holder stays, or the engine would give the address to another. Nothing
but this process's descriptors keeps the namespaces, so none outlives it. Source:
user_namespaces(7), "Capabilities"; network_namespaces(7).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.host.network_namespace import NetworkNamespace
from emulator.live.backends.docker.user_switch import GROUP, USER

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.live.backends.docker.network_slots import NetworkSlots
    from emulator.live.backends.docker.slot_holder import SlotNetwork

log = logging.getLogger(__name__)

_SPARE = 1
"""Networks that are kept ready beside those of ready forks; each takes a slot of about 10 MB."""
_PATIENCE = 10.0
"""Seconds that the making of one may take."""
MAKER = f"""
import ctypes, os, sys
os.setgroups([]); os.setgid({GROUP}); os.setuid({USER})
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(4, 1, 0, 0, 0) or libc.unshare(0x10000000 | 0x40000000):
    sys.exit(os.strerror(ctypes.get_errno()))
for name, text in (("setgroups", "deny"), ("uid_map", "{USER} {USER} 1"),
                   ("gid_map", "{GROUP} {GROUP} 1")):
    open(f"/proc/self/{{name}}", "w").write(text)
print(flush=True)
sys.stdin.read()
"""
"""A program that makes both namespaces as the functions' user, and waits until they are held."""


@dataclass(frozen=True, slots=True)
class RestoreNetwork:
    """Holds a network that a fork joins, together with the user namespace around it."""

    slot: str
    address: str
    user: int
    """Descriptor of the user namespace."""
    namespace: NetworkNamespace

    @property
    def descriptors(self) -> tuple[int, int]:
        """What an order for a fork carries."""
        return self.user, self.namespace.descriptor

    def close(self) -> None:
        os.close(self.user)
        self.namespace.close()


class RestoreNetworks:
    """Keeps some networks ready as long as there are snapshots. Lives in one event loop."""

    def __init__(self, slots: NetworkSlots, spawn: Callable[..., asyncio.Task[None]]) -> None:
        self._slots = slots
        self.spawn = spawn
        self._free: list[RestoreNetwork] = []
        self._taken: dict[str, RestoreNetwork] = {}
        self._lost: set[str] = set()
        """Slots that are taken, and whose holders have ended."""
        self._filling: asyncio.Task[None] | None = None
        self._closed = False

    async def take(self) -> RestoreNetwork | None:
        """Returns a network; None where none can be made now."""
        network = self._free.pop() if self._free else await self._made()
        if network is not None:
            self._taken[network.slot] = network
        self.fill()
        return network

    def of(self, slot: str) -> RestoreNetwork:
        """Returns a network that was taken."""
        return self._taken[slot]

    def has(self, slot: str) -> bool:
        """Returns whether a slot's network is taken."""
        return slot in self._taken

    def give_back(self, slot: str) -> None:
        """Frees a network in which no process is left."""
        network = self._taken.pop(slot, None)
        if network is None:
            return
        if slot in self._lost or self._closed:
            self._lost.discard(slot)
            network.close()
        else:
            self._free.append(network)

    def lost(self, slot: str) -> None:
        """Gives up the network of a slot whose holder has ended: its address is no longer ours."""
        if slot in self._taken:
            self._lost.add(slot)
        for network in [one for one in self._free if one.slot == slot]:
            self._free.remove(network)
            network.close()

    def fill(self) -> None:
        """Makes as many networks as are to be ready, behind what goes on."""
        if self._filling is None and not self._closed:
            self._filling = self.spawn(self._filled())

    async def _filled(self) -> None:
        try:
            while len(self._free) < _SPARE and not self._closed:
                if (network := await self._made()) is None:
                    return
                self._free.append(network)
        finally:
            self._filling = None

    async def _made(self) -> RestoreNetwork | None:
        if (found := await self._slots.wait_for_entered(_PATIENCE)) is None:
            return None
        slot, network = found
        self._slots.start_is_over()
        try:
            async with asyncio.timeout(_PATIENCE):
                return await _moved(slot, network)
        except (OSError, TimeoutError) as error:
            log.warning("The network slot %s cannot be had by a snapshot's fork: %s", slot, error)
            self._slots.give_back(slot, sure=False)
            return None

    async def close(self) -> None:
        self._closed = True
        if self._filling is not None:
            await asyncio.gather(self._filling, return_exceptions=True)
        for network in (*self._free, *self._taken.values()):
            network.close()
        self._free.clear()
        self._taken.clear()


async def _moved(slot: str, network: SlotNetwork) -> RestoreNetwork:
    """Makes a network that a fork may join, with the interface of a slot's."""
    maker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", MAKER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert maker.stdout is not None
    try:
        if not await maker.stdout.readline():
            _, told = await maker.communicate(b"")
            raise OSError(told.decode(errors="replace").strip())
        user = os.open(f"/proc/{maker.pid}/ns/user", os.O_RDONLY)
        try:
            own = NetworkNamespace(maker.pid)
            await network.namespace.give_interfaces(own, maker.pid)
        except BaseException:
            os.close(user)
            raise
    finally:
        await maker.communicate(b"")
    return RestoreNetwork(slot, network.address, user, own)
