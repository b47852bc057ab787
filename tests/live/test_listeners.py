"""Where the gateway listens so that sandboxes reach it."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from emulator.errors import SettingsError
from emulator.live.listeners import listener_at

if TYPE_CHECKING:
    from collections.abc import Iterator

LINUX_LOOPBACK = "127.0.0.2"
"""Another address of this machine, as a bridge's would be."""


@contextlib.contextmanager
def bound(host: str) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind((host, 0))
        yield listener


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_one_listener_is_enough_where_it_answers_already(host: str) -> None:
    with bound(host) as gateway:
        assert listener_at("127.0.0.1", gateway) is None


def test_second_listener_has_the_same_port() -> None:
    with bound("127.0.0.1") as gateway:
        port = gateway.getsockname()[1]
        second = listener_at(LINUX_LOOPBACK, gateway)
        assert second is not None
        with second:
            assert second.getsockname() == (LINUX_LOOPBACK, port)


def test_second_listener_has_another_port_where_that_is_taken() -> None:
    with bound("127.0.0.1") as gateway, socket.socket() as other:
        port = gateway.getsockname()[1]
        other.bind((LINUX_LOOPBACK, port))
        second = listener_at(LINUX_LOOPBACK, gateway)
        assert second is not None
        with second:
            assert second.getsockname()[0] == LINUX_LOOPBACK
            assert second.getsockname()[1] != port


def test_address_of_another_machine_is_refused() -> None:
    with (
        bound("127.0.0.1") as gateway,
        pytest.raises(SettingsError, match=r"192\.0\.2\.1 cannot be listened on for sandboxes"),
    ):
        listener_at("192.0.2.1", gateway)
