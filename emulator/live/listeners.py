"""Opens the gateway's second listener, where sandboxes reach it.

The gateway listens on one address, often 127.0.0.1, which a container takes for itself. Sandboxes
dial the address where their Runtime API listens; where the gateway does not answer there, it
listens there as well. This module accepts no connection.
"""

from __future__ import annotations

import errno
import socket

from emulator.errors import SettingsError


def listener_at(host: str, gateway: socket.socket) -> socket.socket | None:
    """Binds a second listener at `host`, to the gateway's port if that is free there.

    Returns:
        None where `gateway`, which is bound, can be reached at `host` already.

    Raises:
        SettingsError: `host` cannot be listened on.
    """
    if _answers_at(gateway, host):
        return None
    port = gateway.getsockname()[1]
    try:
        return _bound(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise SettingsError(f"{host} cannot be listened on for sandboxes: {error}") from None
    return _bound(host, 0)


def _answers_at(listener: socket.socket, host: str) -> bool:
    """Tells whether connections to `host` reach a bound listener."""
    address = listener.getsockname()[0]
    if address == "::":
        return not listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return address in ("0.0.0.0", host)  # noqa: S104  # compared, not bound


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener
