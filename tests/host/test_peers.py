"""Whose a connection is, asked of the real kernel about real sockets."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from emulator.host import peers
from emulator.host.peers import Owners, Peer, comes_from, descendants, owners_can_be_told

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's /proc and its netlink"),
]
BOUND = 60.0
"""Seconds that any one wait may take."""


@contextmanager
def connection(family: int = socket.AF_INET) -> Iterator[tuple[socket.socket, Peer]]:
    """A client's socket of this process, and its connection as the server sees it."""
    with ExitStack() as open_ones:
        server = open_ones.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = open_ones.enter_context(socket.socket(family))
        host = "127.0.0.1" if family == socket.AF_INET else "::ffff:127.0.0.1"
        client.connect((host, server.getsockname()[1]))
        accepted, _ = server.accept()
        open_ones.enter_context(accepted)
        yield client, Peer(*accepted.getpeername(), *accepted.getsockname())


@contextmanager
def other_process(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which has said that it is ready."""
    command = [sys.executable, "-c", f"{code}; print(1, flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(params=["looked up", "listed"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to a socket's inode; the second one is for kernels without sock_diag."""
    if request.param == "listed":
        monkeypatch.delattr(peers.socket, "AF_NETLINK")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_connection_is_of_the_process_that_made_it_and_of_no_other(family: int) -> None:
    with connection(family) as (_, peer), other_process("pass") as other:
        assert await Owners(lambda: [other.pid, os.getpid()]).made(peer)
        assert not await Owners(lambda: [other.pid]).made(peer)
        assert not await Owners(list).made(peer)


@pytest.mark.usefixtures("way")
async def test_connection_that_its_maker_has_closed_is_nobodys() -> None:
    with connection() as (client, peer):
        client.close()
        assert not await Owners(lambda: [os.getpid()]).made(peer)


async def test_process_that_has_ended_owns_nothing() -> None:
    with other_process("pass") as ended:
        pass
    with connection() as (_, peer):
        assert not await Owners(lambda: [ended.pid]).made(peer)


async def test_connection_of_a_child_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        dial = f"import socket; s = socket.create_connection({address})"
        with other_process(dial) as other:
            accepted, _ = server.accept()
            with accepted:
                peer = Peer(*accepted.getpeername(), *accepted.getsockname())
                assert await Owners(lambda: descendants(os.getpid())).made(peer)
                assert await Owners(lambda: [other.pid]).made(peer)
                assert not await Owners(lambda: [os.getpid()]).made(peer)


async def test_descriptors_without_end_are_given_up_and_do_not_hold_the_loop() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with connection() as (_, peer), other_process("pass") as other:
        turning = asyncio.create_task(others())
        try:
            async with asyncio.timeout(BOUND):
                assert not await Owners(lambda: itertools.repeat(other.pid)).made(peer)
        finally:
            turning.cancel()
    assert turns > 32


def test_descendants_are_children_and_theirs() -> None:
    code = (
        "import subprocess, sys; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    with other_process(code) as other:
        below = set(descendants(other.pid))
        assert len(below) == 2
        assert below < set(descendants(os.getpid()))
        for pid in below - {other.pid}:
            os.kill(pid, 9)


def test_address_tells_whose_a_connection_is() -> None:
    peer = Peer("172.17.0.3", 40_000, "172.17.0.1", 1234)
    assert comes_from({"172.17.0.3"}, peer)
    assert not comes_from({"172.17.0.2"}, peer)
    assert not comes_from(frozenset(), peer)


@pytest.mark.parametrize(
    ("capabilities", "other_users", "can"),
    [(1 << 19, True, True), (0, True, False), (0, False, True)],
)
def test_processes_of_other_users_are_seen_by_those_who_may_trace_them(
    monkeypatch: pytest.MonkeyPatch,
    capabilities: int,
    other_users: bool,
    can: bool,
) -> None:
    monkeypatch.setattr(peers, "_effective_capabilities", lambda: capabilities)
    assert owners_can_be_told(other_users=other_users) is can
