"""Starts sandboxes' containers: two calls of the engine's API make one, in a network slot.

All else (the network, the image, the removal, the CPU share) happens before or after.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

from emulator.errors import NetworkLostError, SandboxStartError
from emulator.host.cpus import CpuRotation
from emulator.live.backends.docker.build import FUNCTION_LABEL
from emulator.live.backends.docker.client import EngineError, Lane
from emulator.live.backends.docker.container import container_configuration, is_supervised
from emulator.live.backends.docker.containers import KIND_LABEL, create_container, start_container
from emulator.live.backends.docker.root_folders import bound_folders
from emulator.live.backends.docker.sandbox import DockerSandbox
from emulator.live.backends.docker.stem_cells import START_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.docker.addresses import SandboxAddresses
    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.host import Meeting
    from emulator.live.backends.docker.image_facts import ImageFacts
    from emulator.live.backends.docker.living_sandboxes import LivingSandboxes
    from emulator.live.backends.docker.network_slots import NetworkSlots
    from emulator.live.backends.docker.packages import DockerPackages
    from emulator.live.backends.docker.sandbox_controls import SandboxControls
    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.page_cache import PrivatePages
    from emulator.live.backends.sandbox_spec import SandboxSpec

_SANDBOX_LABEL = "serverless-testbed.sandbox"


class ContainerStarts:
    """Makes the containers of sandboxes and of stem cells, and starts them.

    Containers are named with `prefix` and bear `labels`. With `private` each has a page cache of
    its own.
    """

    def __init__(
        self,
        engine: DockerEngine,
        prefix: str,
        labels: Mapping[str, str],
        *,
        packages: DockerPackages,
        slots: NetworkSlots,
        addresses: SandboxAddresses,
        controls: SandboxControls,
        living: LivingSandboxes,
        private: PrivatePages | None,
    ) -> None:
        self._engine = engine
        self._prefix = prefix
        self._labels = labels
        self._packages = packages
        self._slots = slots
        self._addresses = addresses
        self._controls = controls
        self._living = living
        self._private = private
        self._numbers = itertools.count(1)
        self._meeting: Meeting | None = None
        self._oci_runtime = ""
        self.cpus = CpuRotation(())
        """The engine's CPUs, handed out in turn."""

    def open(self, meeting: Meeting, cpus: int, oci_runtime: str) -> None:
        """Takes where sandboxes meet this process, and the number of the engine's CPUs.

        An `oci_runtime` runs the containers, in the place of the engine's default unless empty.
        """
        self._meeting = meeting
        self._oci_runtime = oci_runtime
        self.cpus = CpuRotation(range(cpus))

    async def start(self, spec: SandboxSpec, told: tuple[Output, ProcessEnded]) -> DockerSandbox:
        """Starts a sandbox, once more where its network slot was to blame.

        Raises:
            NetworkLostError: the slot was to blame in which the sandbox's Runtime API listens.
            SandboxStartError: the engine refuses.
        """
        sandbox = self._sandbox(spec, told)
        try:
            await self._launched(sandbox, spec)
        except EngineError as error:
            if not await self._slots.has_lost(sandbox.slot):
                raise _refused(error) from error
            if spec.inner is not None:
                raise NetworkLostError(f"The network slot {sandbox.slot} is gone.") from error
        else:
            return sandbox
        sandbox = self._sandbox(spec, told)
        try:
            await self._launched(sandbox, spec)
        except EngineError as error:
            raise _refused(error) from error
        return sandbox

    async def start_cell(
        self, spec: SandboxSpec, told: tuple[Output, ProcessEnded], image: ImageFacts
    ) -> DockerSandbox:
        """Starts a container whose supervisor waits to be greeted.

        Raises:
            EngineError: the engine refuses.
        """
        sandbox = self._sandbox(spec, told)
        sandbox.resettable = True
        await self._launched(sandbox, spec, image)
        return sandbox

    def _sandbox(self, spec: SandboxSpec, told: tuple[Output, ProcessEnded]) -> DockerSandbox:
        name = f"{self._prefix}-{next(self._numbers)}"
        supervised = is_supervised(spec, self._packages.facts(spec.package))
        sandbox = DockerSandbox(
            name, spec, told, self._engine, self._living.gone, resettable=supervised
        )
        self._living.add(sandbox)
        return sandbox

    async def _launched(
        self, sandbox: DockerSandbox, spec: SandboxSpec, cell: ImageFacts | None = None
    ) -> None:
        """Makes the container of a sandbox, or stops the sandbox for good and raises."""
        sandbox.slot = spec.inner.network if spec.inner is not None else self._slots.take()
        sandbox.launching = self._engine.spawn(self._launch(sandbox, spec, cell))
        try:
            await asyncio.shield(sandbox.launching)
        except BaseException:
            await sandbox.stop()
            raise
        finally:
            self._slots.start_is_over()

    async def _launch(
        self, sandbox: DockerSandbox, spec: SandboxSpec, cell: ImageFacts | None
    ) -> None:
        now = time.monotonic  # the loop's is rounded to milliseconds
        cpus = self.cpus.take(spec.visible_cpus)
        began = now()
        body = await self._body(sandbox, spec, cell, cpus)
        container = await create_container(self._engine, body, sandbox.name, lane=Lane.START)
        await sandbox.attach()
        if cell is None:
            sandbox.greet()
        created = now()
        await start_container(self._engine, sandbox.name, lane=Lane.START)
        sandbox.create, sandbox.start = created - began, now() - created
        sandbox.started = True
        self._addresses.started(sandbox, spec.inner)
        self._controls.give(sandbox, container, spec.configuration.memory_mb)

    async def _body(
        self,
        sandbox: DockerSandbox,
        spec: SandboxSpec,
        cell: ImageFacts | None,
        cpus: tuple[int, ...],
    ) -> dict[str, Any]:
        """Returns what the engine is to make of a sandbox, or of a cell with that image."""
        assert self._meeting is not None, "open first"
        labels = {
            **self._labels,
            KIND_LABEL: "sandbox",
            _SANDBOX_LABEL: str(spec.sandbox),
            FUNCTION_LABEL: spec.configuration.name,
        }
        image = cell or self._packages.facts(spec.package)
        mounts = await self._mounts(sandbox, spec.package)
        body = container_configuration(
            spec,
            image,
            labels,
            self._meeting,
            joined=sandbox.slot,
            cpus=cpus,
            mounts=mounts,
            runtime=self._oci_runtime,
        )
        if cell is not None:
            body["HostConfig"]["Tmpfs"][START_FOLDER] = "ro,size=4k"
        return body

    async def _mounts(self, sandbox: DockerSandbox, image: str) -> list[dict[str, Any]]:
        if self._private is None:
            return []
        sandbox.mount = await self._private.mount(image, sandbox.name)
        return await asyncio.to_thread(bound_folders, sandbox.mount.folder)


def _refused(error: EngineError) -> SandboxStartError:
    return SandboxStartError(f"The Docker engine started no sandbox: {error}")
