"""Which clients are sandboxes."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import psutil
import pytest

from emulator.api.peers import SandboxNetworks

if TYPE_CHECKING:
    from starlette.types import Scope

BRIDGE = SandboxNetworks([ipaddress.ip_network("172.17.0.0/16"), ipaddress.ip_network("fd00::/64")])


def dialled(client: str, server: str) -> Scope:
    return {"type": "http", "client": (client, 40000), "server": (server, 8000)}


@pytest.mark.parametrize(
    ("client", "server", "sandbox"),
    [
        ("172.17.0.3", "172.17.0.1", True),
        ("172.17.0.3", "10.0.0.5", True),
        ("::ffff:172.17.0.3", "::ffff:10.0.0.5", True),
        ("fd00::3", "fd00::1", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("::1", "::1", False),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", False),
        ("172.17.0.1", "172.17.0.1", False),  # a user of this machine
        ("172.17.0.1", "172.17.0.2", False),  # the same, when the gateway is a container
        ("10.0.0.9", "10.0.0.5", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
    ],
)
def test_sandboxes_are_told_by_their_network(client: str, server: str, *, sandbox: bool) -> None:
    assert BRIDGE.hold(dialled(client, server)) is sandbox


def test_client_without_an_address_is_no_sandbox() -> None:
    for client in (None, ("", 0)):
        assert not BRIDGE.hold({"type": "http", "client": client, "server": None})


def test_nobody_is_a_sandbox_where_sandboxes_dial_the_loopback_address() -> None:
    none = SandboxNetworks.around("127.0.0.1")
    assert none.networks == ()
    assert not none.hold(dialled("127.0.0.1", "127.0.0.1"))


def test_networks_are_those_of_the_interface_that_sandboxes_dial() -> None:
    for ends in psutil.net_if_addrs().values():
        for end in ends:
            if end.family.name == "AF_INET" and not end.address.startswith("127."):
                own = ipaddress.ip_address(end.address)
                assert any(
                    own in network for network in SandboxNetworks.around(end.address).networks
                )
                return
    pytest.skip("this machine has no address but the loopback's")


def test_no_interface_has_an_address_that_is_not_ours() -> None:
    assert SandboxNetworks.around("192.0.2.1").networks == ()
