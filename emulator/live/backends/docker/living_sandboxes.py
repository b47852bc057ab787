"""Knows the sandboxes that have a container, and tells each what the engine tells of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from emulator.live.backends.docker.events import EngineWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.live.backends.docker.addresses import SandboxAddresses
    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.network_slots import NetworkSlots
    from emulator.live.backends.docker.own_containers import OwnContainers
    from emulator.live.backends.docker.sandbox import DockerSandbox

_LIVING = frozenset({"running", "paused"})


class LivingSandboxes:
    """Follows containers with a label to their ends, and gives their network slots back.

    `on_gone` hears of each sandbox's container that has ended, and whether the engine let that go;
    `on_slot_lost` hears of the ends of all others.
    """

    def __init__(
        self,
        engine: DockerEngine,
        label: str,
        own: OwnContainers,
        slots: NetworkSlots,
        addresses: SandboxAddresses,
        *,
        on_gone: Callable[[str, bool], None],
        on_slot_lost: Callable[[str], None],
    ) -> None:
        self._own = own
        self._slots = slots
        self._addresses = addresses
        self._on_gone = on_gone
        self._on_slot_lost = on_slot_lost
        self._sandboxes: dict[str, DockerSandbox] = {}
        self._leftovers: set[str] = set()
        """Containers that could not be removed."""
        self.watch = EngineWatch(
            engine,
            label,
            self._heard,
            on_break=slots.distrust,
            on_return=self._catch_up,
            on_loss=self._lost,
        )

    def add(self, sandbox: DockerSandbox) -> None:
        """Takes a sandbox whose container is about to be made."""
        self._sandboxes[sandbox.name] = sandbox

    def gone(self, sandbox: DockerSandbox, removed: bool) -> None:
        """Takes the end of a sandbox, and whether its container could be removed."""
        self._sandboxes.pop(sandbox.name, None)
        self._on_gone(sandbox.name, removed)
        if not removed:
            self._leftovers.add(sandbox.name)
        self._slots.give_back(sandbox.slot, sure=removed)

    async def stop(self) -> None:
        """Stops every sandbox."""
        await asyncio.gather(*(sandbox.stop() for sandbox in list(self._sandboxes.values())))

    def _heard(self, action: str, attributes: Mapping[str, str]) -> None:
        name = attributes.get("name", "")
        sandbox = self._sandboxes.get(name)
        if action == "die" and sandbox is not None:
            sandbox.died(int(attributes.get("exitCode", 0)))
        elif action == "oom" and sandbox is not None:
            sandbox.ran_out_of_memory()
        elif action == "die":
            self._addresses.forget(name)
            self._on_slot_lost(name)
            self._slots.lost(name)

    async def _catch_up(self) -> None:
        """Catches up with what happened while no events came."""
        found = await self._own.found()
        running = {name for name, (_, state) in found.items() if state in _LIVING}
        self._slots.keep_only(running)
        for sandbox in list(self._sandboxes.values()):
            if sandbox.started and not sandbox.exited.done():
                await (sandbox.attach() if sandbox.name in running else sandbox.look_up())
        leftovers, self._leftovers = self._leftovers, set()
        await self._own.reap({name: found[name] for name in leftovers & found.keys()})

    def _lost(self) -> None:
        """Ends every sandbox of an engine that is gone."""
        for sandbox in list(self._sandboxes.values()):
            sandbox.lost()
