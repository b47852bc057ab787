"""Which clients are sandboxes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import pytest

from emulator.api.peers import SandboxClients
from emulator.host.peers import Owners, Peer

if TYPE_CHECKING:
    from starlette.types import Scope

pytestmark = pytest.mark.anyio

BRIDGE = SandboxClients([ipaddress.ip_network("172.17.0.0/16"), ipaddress.ip_network("fd00::/64")])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
async def test_sandboxes_are_told_by_their_network(
    client: str, server: str, *, sandbox: bool
) -> None:
    assert await BRIDGE.include(dialled(client, server)) is sandbox


async def test_client_without_an_address_is_no_sandbox() -> None:
    for client in (None, ("", 0)):
        assert not await BRIDGE.include({"type": "http", "client": client, "server": None})


async def test_child_of_the_gateway_is_a_sandbox_on_the_loopback_address() -> None:
    sandboxes = SandboxClients.dialling("127.0.0.1")
    assert sandboxes.networks == ()
    with ExitStack() as kept, socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        program = f"import socket, sys; s = socket.create_connection({address}); sys.stdin.read()"
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=subprocess.PIPE
        )
        theirs = await _accepted(listener, kept)
        assert await sandboxes.include(theirs)
        async with asyncio.timeout(60):
            await child.communicate(b"")  # which closes its standard input
        assert not await sandboxes.include(theirs)
        with socket.create_connection(address):
            assert not await sandboxes.include(await _accepted(listener, kept))


async def _accepted(listener: socket.socket, kept: ExitStack) -> Scope:
    listener.settimeout(60)
    connection, client = await asyncio.to_thread(listener.accept)
    kept.enter_context(connection)
    return {"type": "http", "client": client, "server": connection.getsockname()}


async def test_companion_is_no_sandbox_though_it_is_a_child() -> None:
    children = SandboxClients(children=_EveryChild(), companion_secret="the secret")
    scope = dialled("127.0.0.1", "127.0.0.1")
    assert await children.include(scope)
    assert await children.include(scope | {"headers": [(b"x-testbed-internal", b"a guess")]})
    assert not await children.include(scope | {"headers": [(b"x-testbed-internal", b"the secret")]})


class _EveryChild(Owners):
    """Takes every connection for one of a child's."""

    def __init__(self) -> None:
        super().__init__(list)

    async def made(self, peer: Peer) -> bool:  # noqa: ARG002
        return True


def test_networks_are_those_of_the_interface_that_sandboxes_dial() -> None:
    for ends in psutil.net_if_addrs().values():
        for end in ends:
            if end.family.name == "AF_INET" and not end.address.startswith("127."):
                own = ipaddress.ip_address(end.address)
                networks = SandboxClients.dialling(end.address).networks
                assert any(own in network for network in networks)
                return
    pytest.skip("this machine has no address but the loopback's")


def test_no_interface_has_an_address_that_is_not_ours() -> None:
    assert SandboxClients.dialling("192.0.2.1").networks == ()
