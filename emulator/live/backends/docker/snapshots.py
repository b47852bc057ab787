"""Keeps snapshots on a Docker engine: templates of images, and the networks of their forks.

Which image can be kept, and what its template is, stands in image_templates.py; what a fork is, in
the room of forks. Here both get their networks, which are those of network slots.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from emulator.errors import NetworkLostError, SandboxStartError, SnapshotError
from emulator.live.backends.docker.restore_networks import MAKER, RestoreNetworks
from emulator.live.backends.docker.slot_listeners import LAMBDAS_OWN, listen_in
from emulator.live.backends.forks.snapshots import ForkSnapshots
from emulator.live.backends.local.orphans import Guard
from emulator.live.backends.local.seccomp import seccomp_filter

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.host.cgroup_tree import CgroupTree
    from emulator.live.backends.docker.image_templates import ImageTemplates
    from emulator.live.backends.docker.network_slots import NetworkSlots
    from emulator.live.backends.docker.slot_holder import SlotNetwork
    from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
    from emulator.live.backends.interface import Output
    from emulator.live.backends.sandbox_spec import InnerListener, SandboxSpec

_NEEDED = ("cpu", "memory", "pids", "freezer")
_PATIENCE = 10.0
"""Seconds that the trial may take, and the making of a network."""


class DockerSnapshots:
    """Implements `Snapshots` with images, and starts sandboxes of what is kept."""

    def __init__(
        self,
        templates: ImageTemplates,
        networks: RestoreNetworks,
        slots: NetworkSlots,
        tree: CgroupTree,
        cpus: Callable[[int], tuple[int, ...]],
    ) -> None:
        run = f"{tree.name}-{os.getpid()}-"
        self._templates = templates
        self._slots = slots
        self._tree = tree
        numbers = itertools.count(1)
        self._forks = ForkSnapshots(
            templates,
            lambda: f"{run}{next(numbers)}",
            tree.create,
            tells_peers=False,
            tells_begin=True,
            networks=networks,
            cpus=cpus,
        )
        self._networks = networks
        self._spawn = networks.spawn
        self._of_templates: dict[str, tuple[str, SlotNetwork]] = {}
        """The network slot of each snapshot's template."""
        self._guard = Guard(run, templates.folder, tree.bases)

    async def take(self, spec: SandboxSpec, output: Output, limit: float) -> None:
        """Takes an image's runtime through init; see `Snapshots.take`."""
        await self._templates.look_at(spec.package)
        await self._connect(spec.snapshot)
        try:
            await self._forks.take(spec, output, limit)
        except BaseException:
            self._disconnect(spec.snapshot)
            raise
        self._networks.fill()

    async def _connect(self, snapshot: str) -> None:
        """Gives the template of a snapshot a network, unless it has one."""
        if snapshot in self._of_templates:
            return
        taken = await self._slots.wait_for_entered(_PATIENCE)
        if taken is None:
            raise SnapshotError("No network slot is ready for the snapshot.", code="")
        self._slots.start_is_over()
        self._of_templates[snapshot] = taken
        descriptor = taken[1].namespace.descriptor
        self._templates.use_network(snapshot, f"/proc/{os.getpid()}/fd/{descriptor}")

    def _disconnect(self, snapshot: str) -> None:
        if (taken := self._of_templates.pop(snapshot, None)) is not None:
            self._slots.give_back(taken[0], sure=False)  # a template may yet end in there

    def memory_mb(self, snapshot: str) -> int:
        """Returns what a snapshot's template has; see `Snapshots.memory_mb`."""
        return self._forks.memory_mb(snapshot)

    def drop(self, snapshot: str) -> None:
        """Forgets a snapshot; see `Snapshots.drop`."""
        self._forks.drop(snapshot)
        self._disconnect(snapshot)

    def has(self, snapshot: str) -> bool:
        """Returns whether sandboxes can be made of a snapshot."""
        return self._forks.has(snapshot)

    def lost(self, slot: str) -> None:
        """Takes the end of a network slot's holder."""
        self._networks.lost(slot)
        for snapshot, taken in list(self._of_templates.items()):
            if taken[0] == slot:
                del self._of_templates[snapshot]

    async def listen(self, snapshot: str) -> InnerListener:
        """Opens a socket for the Runtime API in the network that a fork is to have.

        Raises:
            SandboxStartError: no network is left.
            OSError: the network cannot be entered.
        """
        network = await self._forks.network(snapshot)
        if network is None:
            raise SandboxStartError("No network slot is ready for a fork of the snapshot.")
        namespace = self._networks.of(network.slot).namespace
        try:
            return await listen_in(namespace, network.address, network.slot)
        except BaseException:
            await self._forks.give_up(network.slot)
            raise

    def owns(self, inner: InnerListener | None) -> bool:
        """Returns whether a socket listens in the network of a fork."""
        return inner is not None and self._networks.has(inner.network)

    def give_up(self, inner: InnerListener) -> None:
        """Frees the network of a fork that is not started."""
        self._spawn(self._forks.give_up(inner.network))

    async def start(self, spec: SandboxSpec, output: Output) -> RestoredSandbox:
        """Restores a snapshot; see `SandboxBackend.start`."""
        assert spec.inner is not None, "listen first"
        network = self._networks.of(spec.inner.network)
        if not self.has(spec.snapshot):  # it was dropped meanwhile
            await self._forks.give_up(network.slot)
            raise NetworkLostError(f"The snapshot {spec.snapshot} is no more.")
        fault = ""
        if spec.inner.dial != LAMBDAS_OWN:  # an image's runtime takes the address once for all
            fault = f"The sandbox cannot dial {spec.inner.dial}."
        try:
            await self._connect(spec.snapshot)
        except SnapshotError as error:
            fault = str(error)
        if fault:
            await self._forks.give_up(network.slot)
            raise SandboxStartError(fault)
        return await self._forks.start(spec, output, network)

    def names(self) -> set[str]:
        """Returns the names of the sandboxes that live."""
        return self._forks.names()

    async def close(self) -> None:
        """Ends every sandbox and every template."""
        await self._forks.close()
        await self._networks.close()
        await self._guard.dismiss()
        await asyncio.to_thread(self._tree.reap)
        await asyncio.to_thread(self._tree.remove)


async def opened_snapshots(
    templates: ImageTemplates,
    networks: RestoreNetworks,
    slots: NetworkSlots,
    find_cgroups: Callable[[], CgroupTree | None],
    cpus: Callable[[int], tuple[int, ...]],
) -> tuple[DockerSnapshots | None, str]:
    """Returns what keeps snapshots, or half a sentence on why nothing can."""
    tree = await asyncio.to_thread(find_cgroups)
    fault = await asyncio.to_thread(_fault, templates, tree)
    if tree is None or fault:
        if tree is not None:
            await asyncio.to_thread(tree.remove)
        return None, fault
    return DockerSnapshots(templates, networks, slots, tree, cpus), ""


def _fault(templates: ImageTemplates, tree: CgroupTree | None) -> str:
    """Returns why no image can be kept and forked here; empty where it can. Blocks."""
    missing = [name for name in _NEEDED if tree is None or name not in tree.controllers]
    if missing:
        return f"no {' and '.join(missing)} cgroup can be written"
    if not seccomp_filter():
        return "there is no kernel filter for this machine"
    try:
        templates.open()
        tried = subprocess.run(
            [sys.executable, "-I", "-S", "-c", MAKER],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if tried.returncode:
        told = tried.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return f"no user namespace can be made here ({told[-1]})"
    return ""
