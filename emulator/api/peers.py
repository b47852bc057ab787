"""Tells which clients are sandboxes, by the addresses from which they dial.

Functions may invoke functions and call AWS's services. The testbed's own pages tell of all
functions, their logs among them, and are not for sandboxes.

On the process backend and under Docker Desktop, sandboxes dial from this machine's loopback
address and cannot be told from its users.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SandboxNetworks:
    """Holds the networks from which none but sandboxes dial."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self.networks = tuple(networks)

    @classmethod
    def around(cls, address: str) -> Self:
        """Finds the networks of the interface that has this address, where sandboxes dial it.

        None are found around a loopback address.
        """
        for ends in psutil.net_if_addrs().values():
            if any(end.address == address for end in ends):
                found = (_network(end.address, end.netmask) for end in ends)
                return cls(net for net in found if net is not None and not net.is_loopback)
        return cls()

    def hold(self, scope: Scope) -> bool:
        """Returns whether the client of this connection is a sandbox."""
        client, server = scope.get("client"), scope.get("server")
        if not self.networks or not client or not client[0]:
            return False
        address = _address(client[0])
        if address.is_loopback or (server and _address(server[0]) == address):
            return False
        # Docker gives a bridge's first address to the host, whose users dial from it when the
        # gateway is a container itself
        return any(address in net and address != net[1] for net in self.networks)


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
