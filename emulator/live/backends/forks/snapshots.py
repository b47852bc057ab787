"""Keeps the templates of snapshot versions, and makes sandboxes of their forks.

It owns which snapshot has which template, and makes a template anew that has died. What a template
is stands in template.py, what its fork is in restored_sandbox.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from emulator.core.host_capacity import SNAPSHOT_OVERHEAD_MB
from emulator.errors import SandboxStartError, SnapshotError
from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
from emulator.live.backends.forks.template import Template, TemplateLostError
from emulator.live.backends.local.slots import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.model import Seconds
    from emulator.host.cgroup import CgroupV1, CgroupV2
    from emulator.live.backends.interface import Output, SandboxSpec

log = logging.getLogger(__name__)


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
    making: asyncio.Lock
    template: Template | None = None


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
    ) -> None:
        """`name` gives each process a name, and `cgroup` makes the cgroup of that name."""
        self._templates = templates
        self._name = name
        self._cgroup = cgroup
        self._tells_peers = tells_peers
        self._tells_begin = tells_begin
        self._snapshots: dict[str, _Snapshot] = {}
        self._sandboxes: set[RestoredSandbox] = set()
        self._old: set[Template] = set()
        """Templates that end with the last of their sandboxes."""

    async def take(self, spec: SandboxSpec, output: Output, limit: Seconds) -> None:
        """Takes a template through init; see `Snapshots.take`."""
        snapshot = _Snapshot(spec, output, limit, asyncio.Lock())
        snapshot.template = await self._made(snapshot)
        self.drop(spec.snapshot)
        self._snapshots[spec.snapshot] = snapshot

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
        known = self._snapshots.pop(snapshot, None)
        if known is not None and known.template is not None:
            self._discard(known.template)

    def _discard(self, template: Template) -> None:
        self._old.add(template)
        template.when_ended(lambda: self._old.discard(template))
        template.discard()

    def has(self, snapshot: str) -> bool:
        return snapshot in self._snapshots

    async def start(
        self,
        spec: SandboxSpec,
        output: Output,
        cpus: tuple[int, ...],
        namespaces: tuple[int, ...] = (),
        gone: Callable[[], None] = lambda: None,
    ) -> RestoredSandbox:
        """Restores a snapshot; see `SandboxBackend.start`.

        `namespaces` are descriptors of a user namespace of the functions' user and of a network
        namespace of that one's; without these the sandbox has its template's network. `gone` is
        called when no process of the sandbox is left, or none was made.
        """
        began = time.monotonic()

        def forget(sandbox: RestoredSandbox) -> None:
            self._sandboxes.discard(sandbox)
            gone()

        try:
            template = await self._living(self._snapshots[spec.snapshot])
            name = self._name()
            cgroup = self._cgroup(name)
        except OSError as error:
            gone()
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error
        except BaseException:
            gone()
            raise
        sandbox = RestoredSandbox(name, cgroup, spec, output, forget, tells_peers=self._tells_peers)
        self._sandboxes.add(sandbox)
        created = time.monotonic()
        try:
            environment = self._templates.environment(spec)
            try:
                await sandbox.restore(template, environment, cpus, namespaces)
            except TemplateLostError:  # it may have died since, or while it was frozen
                await template.end()
                template = await self._living(self._snapshots[spec.snapshot])
                await sandbox.restore(template, environment, cpus, namespaces)
        except (OSError, TimeoutError) as error:
            await sandbox.stop()
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error
        except BaseException:
            await sandbox.stop()
            raise
        sandbox.create, sandbox.start = created - began, time.monotonic() - created
        return sandbox

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

    def names(self) -> set[str]:
        """Returns the names of the sandboxes that live."""
        return {sandbox.name for sandbox in self._sandboxes}

    def templates(self) -> set[str]:
        """Returns the names of the templates that are kept."""
        kept = (known.template for known in self._snapshots.values())
        return {template.name for template in kept if template is not None}

    async def close(self) -> None:
        """Ends every sandbox and every template."""
        await asyncio.gather(*(sandbox.stop() for sandbox in self._sandboxes))
        for snapshot in tuple(self._snapshots):
            self.drop(snapshot)
        await asyncio.gather(*(template.end() for template in self._old))
