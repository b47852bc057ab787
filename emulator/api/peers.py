"""Tells which clients are sandboxes, by the addresses or the processes that dialled.

Functions may invoke functions and call AWS's services. The testbed's own pages tell of all
functions, their logs among them, and are not for sandboxes. How sandboxes are run is not known
here: only where they dial the gateway.

Under Docker Desktop sandboxes dial from this machine's loopback address, by a process that is
nobody's child, and cannot be told from its users.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from typing import TYPE_CHECKING, Self

import psutil

from emulator.host.peers import Owners, Peer, descendants
from emulator.live.companion.process import INTERNAL_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SandboxClients:
    """Tells sandboxes by the networks from which none but sandboxes dial, or by their processes."""

    def __init__(
        self,
        networks: Iterable[Network] = (),
        children: Owners | None = None,
        companion_secret: str = "",
    ) -> None:
        """Takes the networks, and whose children's connections are sandboxes' where it matters.

        The companion is such a child too, and told by its secret.
        """
        self.networks = tuple(networks)
        self._children = children
        self._companion_secret = companion_secret.encode()

    @classmethod
    def dialling(cls, address: str, companion_secret: str = "") -> Self:
        """Returns how sandboxes are told that dial the gateway at this address of this machine.

        At a loopback address they are processes that descend from this one; at another, they have
        the networks of the interface with that address.
        """
        if _address(address).is_loopback:
            return cls(children=Owners(_children), companion_secret=companion_secret)
        for ends in psutil.net_if_addrs().values():
            if any(end.address == address for end in ends):
                found = (_network(end.address, end.netmask) for end in ends)
                return cls(network for network in found if network is not None)
        return cls()

    async def include(self, scope: Scope) -> bool:
        """Returns whether the client of this connection is a sandbox."""
        client, server = scope.get("client"), scope.get("server")
        if not client or not client[0] or not server or not server[0]:
            return False
        address = _address(client[0])
        if self._children is not None and address.is_loopback:
            if self._is_companion(scope):
                return False
            return await self._children.made(Peer(*client, *server))
        if address.is_loopback or address == _address(server[0]):
            return False
        # Docker gives a bridge's first address to the host, whose users dial from it when the
        # gateway is a container itself
        return any(address in net and address != net[1] for net in self.networks)

    def _is_companion(self, scope: Scope) -> bool:
        shown = dict(scope.get("headers", ())).get(INTERNAL_HEADER.encode(), b"")
        return bool(shown) and hmac.compare_digest(shown, self._companion_secret)


def _children() -> Iterator[int]:
    """Yields the processes that descend from this one, this one left out."""
    found = descendants(os.getpid())
    next(found)
    return found


def _address(text: str) -> Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(address: str, mask: str | None) -> Network | None:
    """Returns the network of an interface's address; None for an address of another family."""
    try:
        own = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a hardware address
        return None
    if mask is None:
        return None
    length = int(ipaddress.ip_address(mask)).bit_count()
    return ipaddress.ip_network(f"{own}/{length}", strict=False)
