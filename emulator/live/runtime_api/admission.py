"""Decides whether a connection to a sandbox's Runtime API comes from that sandbox.

A neighbour that dialled another's port could take its work and forge its answers. How the sandbox
is told from its neighbours is the backend's affair; this only knows whom to ask, and that a runtime
may dial before its start is known to be over.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from emulator.core.model import Seconds
    from emulator.host.peers import Peer

START_PATIENCE = 30.0
"""Seconds that a connection waits for the start of its sandbox to be over: a container runs a
little before its engine says so, and much is started at once under load."""


class ConnectionOwner(Protocol):
    """Declares what is asked of a started sandbox here."""

    async def owns(self, peer: Peer) -> bool:
        """Returns whether the connection was made from within the sandbox."""


class Admission:
    """Admits the connections of one sandbox. Lives in one event loop."""

    def __init__(self, patience: Seconds = START_PATIENCE) -> None:
        self._sandbox: asyncio.Future[ConnectionOwner] = asyncio.get_running_loop().create_future()
        self._patience = patience

    def started(self, sandbox: ConnectionOwner) -> None:
        """Says which sandbox it is, once that runs."""
        self._sandbox.set_result(sandbox)

    async def admits(self, peer: Peer) -> bool:
        """Returns whether the sandbox made this connection; False if its start takes too long."""
        try:
            async with asyncio.timeout(self._patience):
                sandbox = await asyncio.shield(self._sandbox)
        except TimeoutError:
            return False
        return await sandbox.owns(peer)
