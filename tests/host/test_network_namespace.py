from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emulator.host.network_namespace import NetworkNamespace, can_enter_namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"),
    reason="only root may enter network namespaces, and unshare(1) makes one",
)
DIAL = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"


@contextmanager
def neighbour() -> Iterator[int]:
    """Gives the process id of a shell in a network namespace of its own, whose loopback is up."""
    program = "ip link set lo up 2>/dev/null || ifconfig lo up; echo up; read line"
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        yield shell.pid
        shell.kill()


def listening(namespace: NetworkNamespace, port: int) -> socket.socket:
    bound = asyncio.run(namespace.listener("127.0.0.1", port))
    bound.listen()
    return bound


@pytest.mark.skipif(not shutil.which("ip"), reason="ip(8) brings the loopback device up")
def test_listener_is_reached_from_within_its_namespace_alone() -> None:
    with neighbour() as pid, listening(NetworkNamespace(pid), 9001) as bound:
        port = bound.getsockname()[1]
        inside = ["nsenter", "--net", f"--target={pid}", sys.executable, "-c", DIAL, str(port)]
        assert subprocess.run(inside, check=False, timeout=60).returncode == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)


def test_this_process_stays_where_it_was() -> None:
    own = Path("/proc/thread-self/ns/net").readlink()
    with neighbour() as pid, listening(NetworkNamespace(pid), 0):
        assert Path("/proc/thread-self/ns/net").readlink() == own
        again = asyncio.run(asyncio.to_thread(Path("/proc/thread-self/ns/net").readlink))
        assert again == own


def test_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with neighbour() as pid:
        namespace = NetworkNamespace(pid)
        with listening(namespace, 9001) as first, listening(namespace, 9001) as second:
            assert first.getsockname()[1] == 9001
            assert second.getsockname()[1] not in (0, 9001)
        namespace.close()
        namespace.close()


def test_namespace_outlives_its_process_and_not_its_close() -> None:
    with neighbour() as pid:
        namespace = NetworkNamespace(pid)
    listening(namespace, 9001).close()
    namespace.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        asyncio.run(namespace.listener("127.0.0.1", 9001))


def test_process_that_is_gone_has_none() -> None:
    with neighbour() as pid:
        pass
    with pytest.raises(FileNotFoundError):
        NetworkNamespace(pid)


def test_root_can_enter_namespaces() -> None:
    assert can_enter_namespaces()
