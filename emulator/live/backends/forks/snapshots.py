"""Keeps the templates of snapshot versions, and makes sandboxes of their forks.

It owns which snapshot has which template, and makes a template anew that has died. A few forks of
each stand ready, as slots do for ordinary starts: all of a restore that takes long, the moves
between cgroups above all, is done before a sandbox is wanted. What a template is stands in
template.py, what its fork is in restored_sandbox.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from emulator.core.kept_memory import READY_FORKS, SNAPSHOT_OVERHEAD_MB
from emulator.errors import SandboxStartError, SnapshotError
from emulator.host.cgroup_files import mebibytes
from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
from emulator.live.backends.forks.template import Template, TemplateLostError
from emulator.live.backends.local.slots import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.model import Seconds
    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2
    from emulator.live.backends.forks.networks import ForkNetwork, ForkNetworks
    from emulator.live.backends.interface import Output
    from emulator.live.backends.sandbox_spec import SandboxSpec

log = logging.getLogger(__name__)

_CALM = 0.1
"""Seconds without a start after which forks are made ready again, as slots are."""


class Templates(Protocol):
    """Declares what makes a template of a backend's package."""

    def script(self, spec: SandboxSpec, name: str, channel: int) -> bytes:
        """Returns the shell script that becomes a template, which heeds the channel.

        Raises:
            OSError: the package is not there.
            SandboxStartError: the environment cannot be handed to a process.
        """

    def environment(self, spec: SandboxSpec) -> Mapping[str, str]:
        """Returns all variables of a restored sandbox's runtime."""


@dataclass(slots=True)
class _Snapshot:
    spec: SandboxSpec
    output: Output
    limit: Seconds
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    template: Template | None = None
    ready: list[RestoredSandbox] = field(default_factory=list)
    """Forks that lack nothing but an environment."""
    timer: asyncio.TimerHandle | None = None
    filling: asyncio.Task[None] | None = None
    dropped: bool = False


class ForkSnapshots:
    """Implements `Snapshots` with frozen processes. Lives in one event loop."""

    def __init__(
        self,
        templates: Templates,
        name: Callable[[], str],
        cgroup: Callable[[str], CgroupV1 | CgroupV2],
        *,
        tells_peers: bool,
        tells_begin: bool = False,
        networks: ForkNetworks | None = None,
        cpus: Callable[[int], tuple[int, ...]] = lambda _: (),
    ) -> None:
        """Takes `name`, which names each process, and `cgroup`, which makes a cgroup of that name.

        `cpus` says on which a sandbox may run that sees so many. Without `networks` all sandboxes
        have the template's. `tells_begin`: a template may turn out to be none.
        """
        self._templates = templates
        self._name = name
        self._cgroup = cgroup
        self._tells_peers = tells_peers
        self._tells_begin = tells_begin
        self._networks = networks
        self._cpus = cpus
        self._snapshots: dict[str, _Snapshot] = {}
        self._sandboxes: set[RestoredSandbox] = set()
        """All forks that live, ready ones too."""
        self._promised: dict[str, RestoredSandbox] = {}
        """Forks whose network somebody listens in, by the network."""
        self._old: set[Template] = set()
        """Templates that end with the last of their sandboxes."""
        self._ending: set[asyncio.Task[None]] = set()

    async def take(self, spec: SandboxSpec, output: Output, limit: Seconds) -> None:
        """Takes a template through init; see `Snapshots.take`."""
        snapshot = _Snapshot(spec, output, limit)
        snapshot.template = await self._made(snapshot)
        self.drop(spec.snapshot)
        self._snapshots[spec.snapshot] = snapshot
        self._fill_later(snapshot, 0.0)

    async def _made(self, snapshot: _Snapshot) -> Template:
        spec, name = snapshot.spec, self._name()
        cgroup = None
        try:
            script = self._templates.script(spec, name, CHANNEL)
            cgroup = self._cgroup(name)
            memory_mb = spec.configuration.memory_mb + SNAPSHOT_OVERHEAD_MB
            template = Template(name, cgroup, memory_mb, tells=self._tells_begin)
        except (OSError, SandboxStartError) as error:
            if cgroup is not None:
                cgroup.remove()
            raise SnapshotError(f"The snapshot cannot be taken: {error}", code="") from error
        try:
            await template.take(script, snapshot.output, snapshot.limit)
        except BaseException:
            await template.end()
            raise
        return template

    def drop(self, snapshot: str) -> None:
        """Forgets a snapshot; see `Snapshots.drop`."""
        if (known := self._snapshots.pop(snapshot, None)) is not None:
            known.dropped = True
            ending = asyncio.get_running_loop().create_task(self._dropped(known))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _dropped(self, snapshot: _Snapshot) -> None:
        if snapshot.timer is not None:
            snapshot.timer.cancel()
        if snapshot.filling is not None:
            await asyncio.gather(snapshot.filling, return_exceptions=True)
        await asyncio.gather(*(fork.stop() for fork in snapshot.ready))
        if (template := snapshot.template) is not None:
            self._old.add(template)
            template.when_ended(lambda: self._old.discard(template))
            template.discard()

    def memory_mb(self, snapshot: str) -> int:
        """Returns what a snapshot's template has; see `Snapshots.memory_mb`."""
        known = self._snapshots.get(snapshot)
        memory = None if known is None or known.template is None else known.template.memory()
        return 0 if memory is None else mebibytes(memory.anonymous)

    def has(self, snapshot: str) -> bool:
        """Returns whether sandboxes can be made of a snapshot."""
        return snapshot in self._snapshots

    # forks

    async def network(self, snapshot: str) -> ForkNetwork | None:
        """Returns the network that the next sandbox of a snapshot is to have, kept for that."""
        assert self._networks is not None
        fork = self._ready_fork(self._snapshots[snapshot])
        if fork is None or fork.network is None:
            return await self._networks.take()
        self._promised[fork.network.slot] = fork
        return fork.network

    async def give_up(self, slot: str) -> None:
        """Frees a network that was to be a sandbox's."""
        if (fork := self._promised.pop(slot, None)) is not None:
            await fork.stop()
        elif self._networks is not None:
            self._networks.give_back(slot)

    async def start(
        self, spec: SandboxSpec, output: Output, network: ForkNetwork | None = None
    ) -> RestoredSandbox:
        """Restores a snapshot; see `SandboxBackend.start`.

        With a `network` of its own the sandbox has that one, which `network` returned.
        """
        began = time.monotonic()
        snapshot = self._snapshots[spec.snapshot]
        fork = (
            self._ready_fork(snapshot)
            if network is None
            else self._promised.pop(network.slot, None)
        )
        created = time.monotonic()
        if fork is None or not await self._began(fork, spec, output):
            fork = await self._fork(snapshot, network, spec)
            created = time.monotonic()
            if not await self._began(fork, spec, output):
                raise SandboxStartError("The fork of the snapshot ended at once.")
        if not snapshot.dropped:
            self._fill_later(snapshot, _CALM)
        fork.create, fork.start = created - began, time.monotonic() - created
        return fork

    async def _began(self, fork: RestoredSandbox, spec: SandboxSpec, output: Output) -> bool:
        """Lets a prepared fork go on; stops one that cannot, and returns False."""
        if fork.fits(spec):
            with suppress(OSError):  # it has just ended
                fork.begin(spec, self._templates.environment(spec), output)
                return True
        fork.network = None  # whoever asked has it still
        await fork.stop()
        return False

    def _ready_fork(self, snapshot: _Snapshot) -> RestoredSandbox | None:
        while snapshot.ready:
            fork = snapshot.ready.pop()
            if not fork.exited.done():
                return fork
        return None

    async def _fork(
        self, snapshot: _Snapshot, network: ForkNetwork | None, spec: SandboxSpec
    ) -> RestoredSandbox:
        """Returns a new fork that lacks an environment; gives the network back where it fails.

        Raises:
            SandboxStartError: it cannot be made.
        """
        try:
            template = await self._living(snapshot)
            try:
                return await self._forked(template, network, spec)
            except TemplateLostError:  # it may have died since, or while it was frozen
                await template.end()  # this one, as another fork may have had it made anew
                return await self._forked(await self._living(snapshot), network, spec)
        except BaseException:
            if network is not None and self._networks is not None:
                self._networks.give_back(network.slot)
            raise

    async def _forked(
        self, template: Template, network: ForkNetwork | None, spec: SandboxSpec
    ) -> RestoredSandbox:
        name = self._name()
        cpus = self._cpus(spec.visible_cpus)
        try:
            cgroup = self._cgroup(name)
        except OSError as error:
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error
        fork = RestoredSandbox(name, cgroup, spec, self._gone, tells_peers=self._tells_peers)
        self._sandboxes.add(fork)
        try:
            await fork.prepare(template, cpus, network)
        except (OSError, TimeoutError) as error:
            fork.network = None  # whoever asked gives it back
            await fork.stop()
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error
        except BaseException:
            fork.network = None
            await fork.stop()
            raise
        return fork

    def _gone(self, fork: RestoredSandbox) -> None:
        self._sandboxes.discard(fork)
        if fork.network is not None and self._networks is not None:
            self._networks.give_back(fork.network.slot)

    def _fill_later(self, snapshot: _Snapshot, after: Seconds) -> None:
        """Makes forks ready in a while, unless more starts come."""
        if snapshot.timer is not None:
            snapshot.timer.cancel()
        loop = asyncio.get_running_loop()
        snapshot.timer = loop.call_later(after, self._fill, snapshot)

    def _fill(self, snapshot: _Snapshot) -> None:
        snapshot.timer = None
        if snapshot.filling is None or snapshot.filling.done():
            filling = self._filled(snapshot)
            snapshot.filling = asyncio.get_running_loop().create_task(filling)

    async def _filled(self, snapshot: _Snapshot) -> None:
        with suppress(SandboxStartError):  # a start reports it, if it lasts
            while len(snapshot.ready) < READY_FORKS and not snapshot.dropped:
                network = None
                if self._networks is not None and (network := await self._networks.take()) is None:
                    return
                snapshot.ready.append(await self._fork(snapshot, network, snapshot.spec))

    async def _living(self, snapshot: _Snapshot) -> Template:
        """Returns the template, which is made anew where it has died."""
        async with snapshot.making:
            if snapshot.template is not None and snapshot.template.lives:
                return snapshot.template
            log.warning("the template of %s has died, and is made anew", snapshot.spec.snapshot)
            dead, snapshot.template = snapshot.template, None
            if dead is not None:
                await dead.end()
            try:
                snapshot.template = await self._made(snapshot)
            except SnapshotError as error:
                raise SandboxStartError(str(error)) from error
            return snapshot.template

    # what there is

    def names(self) -> set[str]:
        """Returns the names of the sandboxes that live, without the forks that stand ready."""
        return {sandbox.name for sandbox in self._sandboxes if sandbox.begun}

    def ready(self, snapshot: str) -> int:
        """Returns how many forks of a snapshot stand ready."""
        return sum(not fork.exited.done() for fork in self._snapshots[snapshot].ready)

    def kept(self) -> set[str]:
        """Returns the names of the templates, and of the forks that stand ready."""
        return self.templates() | {one.name for one in self._sandboxes if not one.begun}

    def templates(self) -> set[str]:
        """Returns the names of the templates that are kept."""
        kept = (known.template for known in self._snapshots.values())
        return {template.name for template in kept if template is not None}

    async def close(self) -> None:
        """Ends every sandbox and every template."""
        for snapshot in tuple(self._snapshots):
            self.drop(snapshot)
        await asyncio.gather(*self._ending)
        await asyncio.gather(*(sandbox.stop() for sandbox in tuple(self._sandboxes)))
        await asyncio.gather(*(template.end() for template in tuple(self._old)))
