"""Learns the addresses by which sandboxes are told apart, and closes their ways to each other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from emulator.live.backends.docker.client import EngineError, Lane
from emulator.live.backends.docker.containers import inspect_container
from emulator.live.backends.docker.slot_holder import entered_network
from emulator.live.backends.limitations import Limitation

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.sandbox import DockerSandbox
    from emulator.live.backends.sandbox_spec import InnerListener

log = logging.getLogger(__name__)

_PEERS_UNTOLD = (
    "A sandbox may dial the Runtime API of another and take its work, since connections reach this "
    "process from an address that sandboxes share."
)
_NEIGHBOURS_REACHABLE = (
    "Sandboxes reach the ports that others open, by the engine's bridge: only root on the engine's "
    "machine, with ip(8), can enter their networks and close that way."
)


class SandboxAddresses:
    """Asks the engine for addresses once for each network slot, and for each other sandbox."""

    def __init__(self, engine: DockerEngine, tell: Callable[[Limitation, str], None]) -> None:
        self._engine = engine
        self._tell = tell
        self._of_slots: dict[str, asyncio.Task[frozenset[str]]] = {}
        """The addresses of the slots that sandboxes have joined so far."""
        self._told = False
        """Whether connections show the sandboxes' own addresses."""
        self.entered = False
        """Whether this process enters the networks of sandboxes."""

    def open(self, *, told: bool, entered: bool) -> None:
        """Takes what connections show and which networks can be entered; tells what is lacking."""
        self._told, self.entered = told, entered
        if not told:
            self._tell(Limitation.SHARED_RUNTIME_API, _PEERS_UNTOLD)
        if not entered:
            self.leave_open()

    def leave_open(self) -> None:
        """Enters no sandbox's network from now on, and tells what follows from that."""
        self.entered = False
        self._tell(Limitation.NEIGHBOURS_REACHABLE, _NEIGHBOURS_REACHABLE)

    def started(self, sandbox: DockerSandbox, inner: InnerListener | None) -> None:
        """Takes a sandbox that has just started; `inner` where its Runtime API is inside."""
        if self._told and inner is None:
            sandbox.addresses = self.of(sandbox.name, sandbox.slot)
        if self.entered and sandbox.slot is None:
            self._engine.spawn(self.bar_neighbours(sandbox.name))

    def of(self, container: str, slot: str | None) -> asyncio.Task[frozenset[str]]:
        """Asks for a sandbox's addresses while its runtime starts; a slot's are known from before.

        Else they would be waited for when the runtime dials.
        """
        if slot is None:
            return self._engine.spawn(self._asked(container))
        if slot not in self._of_slots:
            self._of_slots[slot] = self._engine.spawn(self._asked(slot))
        return self._of_slots[slot]

    def forget(self, slot: str) -> None:
        """Forgets the addresses of a slot whose holder has ended; unknown names are none."""
        self._of_slots.pop(slot, None)

    async def _asked(self, container: str) -> frozenset[str]:
        """Asks the engine for a running container's addresses, by which its connections are told.

        None are found, and so no connection is taken, where the engine does not answer.
        """
        try:
            found = await inspect_container(self._engine, container, lane=Lane.START)
        except EngineError as error:
            self._of_slots.pop(container, None)
            log.warning("The address of the container %s is not known: %s", container, error)
            return frozenset()
        networks = found["NetworkSettings"]["Networks"].values()
        named = {
            end.get(kind, "") for end in networks for kind in ("IPAddress", "GlobalIPv6Address")
        }
        return frozenset(named - {""})

    async def bar_neighbours(self, container: str) -> None:
        """Closes the way to others of a sandbox that has a network of its own making."""
        try:
            found = await inspect_container(self._engine, container, lane=Lane.START)
            network = await entered_network(found)
        except (EngineError, OSError) as error:
            log.warning("The sandbox %s may reach others' addresses: %s", container, error)
        else:
            network.namespace.close()
