"""Lets requests and answers take the time of a network path, outside of what is billed.

A request waits on a timer of the loop before its route sees the request, and its answer on another
before the first byte is sent: no thread and no process waits. Which constants a path has, and what
is drawn from them, is the core's; what the routes do in between is theirs.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

from emulator.core.network_path import NO_PASSAGE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from emulator.api.peers import SandboxClients
    from emulator.core.network_path import NetworkPath, Passage, WayIn
    from emulator.core.policy import Chance

CONNECTION = "testbed.connection"
"""Extension of an ASGI scope: the `ClientConnection` on which the request came."""
_PASSAGE = "testbed.passage"


class ClientConnection:
    """Holds what is known of one client's TCP connection, from its first request on."""

    __slots__ = ("from_sandbox", "used_at")

    def __init__(self) -> None:
        self.from_sandbox: bool | None = None
        """Whether a sandbox made the connection; None before the first request."""
        self.used_at: float | None = None
        """The loop's time of the last answer, or of the request that waits for one."""

    def used(self) -> None:
        """Notes that something passes the connection now."""
        self.used_at = asyncio.get_running_loop().time()


def connection_of(scope: Scope) -> ClientConnection:
    """Returns the connection on which a request came; a new one where the server tells of none."""
    return scope.get("extensions", {}).get(CONNECTION) or ClientConnection()


def passage_of(scope: Scope) -> Passage:
    """Returns what a request loses on its way to its function and back; nothing by default."""
    passage: Passage = scope.get("extensions", {}).get(_PASSAGE, NO_PASSAGE)
    return passage


class Route(Protocol):
    """Finds who answers a request."""

    def match(self, scope: Scope) -> ASGIApp | None:
        """Returns who answers this HTTP request; None where the route does not take it."""


class Network:
    """Holds the path between all clients and the gateway, and the chance to draw from it.

    What sandboxes ask for comes from within the region and has only the gateway's time.
    """

    def __init__(
        self,
        path: NetworkPath,
        chance: Chance,
        sandboxes: SandboxClients,
        *,
        dilation: float = 1.0,
        idle_speedup: float = 1.0,
    ) -> None:
        """Takes how many of the machine's seconds each second of the path takes, and how many
        seconds of idle time pass in each.
        """
        self._path = path
        self._chance = chance
        self._sandboxes = sandboxes
        self._dilation = dilation
        self._idle_speedup = idle_speedup

    def before(self, route: Route, way: WayIn) -> DistantRoute:
        """Returns a route whose requests come over the path, by a way in."""
        return DistantRoute(self, route, way)

    async def passage(self, scope: Scope, way: WayIn) -> Passage:
        """Draws what the request loses, and notes that its connection is set up."""
        connection = connection_of(scope)
        if connection.from_sandbox is None:
            connection.from_sandbox = await self._sandboxes.include(scope)
        state = self._path.connection(self._idle(connection))
        connection.used()
        passage = self._path.draw(way, state, self._chance)
        return passage.within_region() if connection.from_sandbox else passage

    def _idle(self, connection: ClientConnection) -> float | None:
        """Returns for how many emulated seconds a connection was idle; None where never used."""
        if connection.used_at is None:
            return None
        passed = asyncio.get_running_loop().time() - connection.used_at
        return passed / self._dilation * self._idle_speedup

    async def wait(self, seconds: float) -> None:
        """Lets a part of a passage go by."""
        if seconds > 0:
            await asyncio.sleep(seconds * self._dilation)


class DistantRoute:
    """Stands before a route, and lets what the route takes and gives pass the network."""

    def __init__(self, network: Network, route: Route, way: WayIn) -> None:
        self._network = network
        self._route = route
        self._way = way

    def match(self, scope: Scope) -> ASGIApp | None:
        answer = self._route.match(scope)
        return None if answer is None else partial(self._pass, answer)

    async def _pass(self, answer: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        connection = connection_of(scope)
        passage = await self._network.passage(scope, self._way)
        extensions = {**scope.get("extensions", {}), _PASSAGE: passage}
        await self._network.wait(passage.before)

        async def send_back(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._network.wait(passage.after)
            await send(message)
            connection.used()

        await answer({**scope, "extensions": extensions}, receive, send_back)
