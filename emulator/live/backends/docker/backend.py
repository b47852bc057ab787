"""Runs sandboxes on a Docker engine.

A sandbox is a container of the function's image that joins a network slot. Two calls of the
engine's API make the container; all else (its network, its image, its removal, its CPU share)
happens before or after. This module ties the parts together and knows nothing of requests.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import (
    BackendUnavailableError,
    NetworkLostError,
    SandboxStartError,
)
from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_tree import find_tree
from emulator.host.cpus import CpuRotation
from emulator.host.descriptors import raise_descriptor_limit
from emulator.host.mount_namespace import obstacle
from emulator.host.network_namespace import can_enter_namespaces
from emulator.live.backends.docker.addresses import SandboxAddresses
from emulator.live.backends.docker.build import AWS_REGISTRY, FUNCTION_LABEL
from emulator.live.backends.docker.client import DockerEngine, EngineError, Lane
from emulator.live.backends.docker.container import (
    container_configuration,
    is_supervised,
)
from emulator.live.backends.docker.containers import (
    KIND_LABEL,
    LABEL,
    create_container,
    start_container,
)
from emulator.live.backends.docker.events import EngineWatch
from emulator.live.backends.docker.function_files import FunctionFiles
from emulator.live.backends.docker.guard import Guard
from emulator.live.backends.docker.host import (
    Cgroups,
    is_beside,
    is_desktop,
    meeting,
    shortcomings,
)
from emulator.live.backends.docker.image_templates import ImageTemplates
from emulator.live.backends.docker.network_slots import NetworkSlots
from emulator.live.backends.docker.oci_runtime import checked_runtime
from emulator.live.backends.docker.own_containers import OwnContainers
from emulator.live.backends.docker.packages import DockerPackages
from emulator.live.backends.docker.restore_networks import RestoreNetworks
from emulator.live.backends.docker.root_folders import bound_folders
from emulator.live.backends.docker.sandbox import DockerSandbox
from emulator.live.backends.docker.sandbox_controls import SandboxControls
from emulator.live.backends.docker.snapshots import DockerSnapshots, opened_snapshots
from emulator.live.backends.docker.stem_cells import START_FOLDER, DockerStemCells
from emulator.live.backends.interface import InnerListener, Limitation
from emulator.live.backends.page_cache import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.docker.host import Meeting
    from emulator.live.backends.docker.image_facts import ImageFacts
    from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
    from emulator.live.backends.interface import (
        Output,
        ProcessEnded,
        Progress,
        SandboxSpec,
    )
    from emulator.live.backends.kept_packages import KeptPackages
    from emulator.live.backends.page_cache import PrivatePages

log = logging.getLogger(__name__)

_PEERS_UNTOLD = (
    "A sandbox may dial the Runtime API of another and take its work, since connections reach this "
    "process from an address that sandboxes share."
)
_NEIGHBOURS_REACHABLE = (
    "Sandboxes reach the ports that others open, by the engine's bridge: only root on the engine's "
    "machine, with ip(8), can enter their networks and close that way."
)
_LOOPBACK = "127.0.0.1"
_RUNTIME_API_PORT = 9001
"""Lambda's own."""
_SANDBOX_LABEL = "serverless-testbed.sandbox"
_CLOSE_PATIENCE = 30.0
_LIVING = frozenset({"running", "paused"})


class DockerBackend:
    """Implements `SandboxBackend`.

    `instance` labels all containers, and only containers that bear it are ever removed. `network`
    is the engine's network for sandboxes (empty: its default bridge, or ours where this process
    is in a container). `slots` network slots are kept (fewer on few CPUs), and up to `most_slots`
    where as many sandboxes live; each takes about 10 MB. `runtime_api` says on which address to
    listen and what sandboxes dial, where what is found is wrong. `registry` holds the runtimes'
    base images. With `private` each sandbox has a page cache of its own. What is found out about
    images is kept in the file `facts`. Without a folder `state` no snapshots are kept; with
    the folder `stem_cells` some stem cells are, where that is possible. `oci_runtime` names the
    engine's runtime of sandboxes, where that is not to be its default.
    """

    name = "docker"

    def __init__(
        self,
        instance: str,
        *,
        cgroup_root: Path = DEFAULT_ROOT,
        network: str = "",
        slots: int = 32,
        most_slots: int = 128,
        runtime_api: tuple[str, str] | None = None,
        registry: str = AWS_REGISTRY,
        environ: Mapping[str, str] | None = None,
        private: PrivatePages | None = None,
        facts: Path | None = None,
        state: Path | None = None,
        stem_cells: Path | None = None,
        oci_runtime: str = "",
    ) -> None:
        self.runtime_api_host = ""
        self.runtime_api_name = ""
        self.storage: Sequence[Path] = ()
        self.unenforced: Mapping[Limitation, str] = {}
        self.snapshots: DockerSnapshots | None = None
        self.stem_cells: DockerStemCells | None = None
        self._cells_folder = None if stem_cells is None else stem_cells.resolve()
        self._files: FunctionFiles | None = None
        self._wanted_runtime = self.oci_runtime = oci_runtime
        self._instance = instance
        self._state = state
        self._label = f"{LABEL}={instance}"
        self._labels = {LABEL: instance}
        # a name is not used again after a crash, when the old one's removal may still be under way
        self._prefix = f"testbed-{instance}-{secrets.token_hex(3)}"
        self._numbers = itertools.count(1)
        self._cgroup_root = cgroup_root
        self._network = network
        self._private = private
        self._runtime_api = runtime_api
        self._engine = DockerEngine(environ)
        self._packages = DockerPackages(
            self._engine,
            registry,
            self._labels,
            private=private,
            facts=facts,
            in_reach=lambda sentence: self._tell(Limitation.SUPERVISOR_IN_REACH, sentence),
        )
        self._controls = SandboxControls(self._engine)
        self._addresses = SandboxAddresses(self._engine)
        self._own = OwnContainers(self._engine, self._label, self._controls.thaw)
        labels = self._labels | {KIND_LABEL: "slot"}
        self._slots = NetworkSlots(self._engine, self._prefix, labels, slots, most_slots)
        self._watch = EngineWatch(
            self._engine,
            self._label,
            self._on_event,
            on_break=self._slots.distrust,
            on_return=self._on_return,
            on_loss=self._on_loss,
        )
        self._sandboxes: dict[str, DockerSandbox] = {}
        self._cpus = CpuRotation(())
        self._leftovers: set[str] = set()
        """Containers that could not be removed."""
        self._meeting: Meeting | None = None
        self._sees_addresses = False
        self._enters = False
        self._guard: Guard | None = None

    async def check(self, functions: Iterable[FunctionConfiguration], progress: Progress) -> None:
        """Makes sure that the engine has, or can pull, the images that these functions need.

        Raises:
            BackendUnavailableError: one sentence that says what is missing.
        """
        await self._engine.connect()
        await self._packages.check(functions, progress)

    async def open(self) -> None:
        raise_descriptor_limit()
        await self._engine.connect()
        try:
            info: dict[str, Any] = await self._engine.call("GET /info")
            self.oci_runtime = checked_runtime(self._wanted_runtime, info)
            self._meeting = await meeting(self._engine, info, self._network)
            engine = f"{info.get('ID')} {info.get('ServerVersion')} {info.get('SecurityOptions')}"
            self._packages.open(engine)
            self._cpus = CpuRotation(range(info.get("NCPU", 0)))
            local = self._meeting.local and not is_desktop(info)
            if self._private is not None:
                beside = await is_beside(self._engine)
                _check_private(info, local=local, beside=beside)
            self.storage = (Path(info["DockerRootDir"]),) if local else ()
            self._controls.open(Cgroups(self._cgroup_root, info), local=local)
            await self._own.reap(await self._own.found())
            await self._watch.open()
            self._guard = self._start_guard()
        except (EngineError, OSError) as error:
            raise BackendUnavailableError(f"The Docker engine cannot be used: {error}.") from error
        self._controls.watch_shares()
        found = (self._meeting.listen, self._meeting.dial)
        self.runtime_api_host, self.runtime_api_name = self._runtime_api or found
        self.unenforced = shortcomings(info, self._controls.writable)
        self._sees_addresses = self._meeting.sees_addresses and self._runtime_api is None
        if not self._sees_addresses:
            self._tell(Limitation.SHARED_RUNTIME_API, _PEERS_UNTOLD)
        self._enters = local and self._runtime_api is None and can_enter_namespaces()
        if not self._enters:
            self._leave_ways_open()
        cannot_enter = self._leave_ways_open if self._enters else None
        self._slots.open(
            self._meeting,
            info.get("NCPU", 0),
            oci_runtime=self._wanted_runtime,
            cannot_enter=cannot_enter,
        )
        await self._open_snapshots(self._meeting)
        if self._cells_folder is not None:
            await self._open_stem_cells(self._cells_folder)

    async def _open_snapshots(self, met: Meeting) -> None:
        """Keeps snapshots, or says why versions with SnapStart start as any other."""
        why = ""
        if not self._enters:
            why = "only root on the engine's machine, with ip(8), can lay out their networks"
        elif met.network != "bridge":
            why = f"names on the network {met.network} are told to containers alone"
        elif self._private is not None:
            why = "a page cache of its own is a container's"
        elif self._state is None:
            why = "there is no folder for them"
        else:
            self.snapshots, why = await opened_snapshots(
                ImageTemplates(self._engine, self._packages.facts, self._state),
                RestoreNetworks(self._slots, self._engine.spawn),
                self._slots,
                partial(find_tree, self._cgroup_root, self._instance),
                self._cpus.take,
            )
        if why:
            start = "Versions with SnapStart start by running their init, hooks included"
            self._tell(Limitation.NO_SNAPSHOTS, f"{start}: {why}.")

    async def _open_stem_cells(self, folder: Path) -> None:
        """Keeps stem cells, or says why every sandbox is made when it is needed."""
        lacks = obstacle()
        if not self._enters or not self._controls.writable:
            lacks = "only root on the engine's own machine can make a container a function's"
        if self._private is not None:
            lacks = "each sandbox has a page cache of its own (--page-cache private)"
        if lacks:
            self._tell(Limitation.NO_STEM_CELLS, f"No stem cells are kept: {lacks}.")
            return
        files = self._files = FunctionFiles(folder)
        await files.sweep()  # what an earlier emulator left is reaped before, as far as it can be
        self.stem_cells = DockerStemCells(
            self._engine,
            self._packages,
            self._labels | {KIND_LABEL: "look"},
            files,
            listen=self._listen_for_cell,
            launch=self._launch_cell,
        )

    def _leave_ways_open(self) -> None:
        """Enters no sandbox's network, and says what follows from that."""
        self._enters = False
        self._tell(Limitation.NEIGHBOURS_REACHABLE, _NEIGHBOURS_REACHABLE)

    def _tell(self, limitation: Limitation, sentence: str) -> None:
        self.unenforced = {**self.unenforced, limitation: sentence}

    @property
    def packages(self) -> KeptPackages | None:
        """Returns what keeps images for page caches; all else is the engine's."""
        return self._packages.kept

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> str:
        with self._slots.pace.deployment():
            image = await self._packages.make(configuration, progress)
            self._slots.use_image(image)
            if self.stem_cells is not None:
                await self.stem_cells.take_in(configuration, image)
            return image

    def extensions(self, package: str) -> tuple[str, ...]:
        return self._packages.facts(package).extensions

    async def listen_inside(self, snapshot: str = "", cell: int = 0) -> InnerListener | None:
        if snapshot and self.snapshots is not None and self.snapshots.has(snapshot):
            return await self.snapshots.listen(snapshot)
        known = self.stem_cells.listener(cell) if self.stem_cells is not None else None
        return known or await self._listen_in_slot()

    async def _listen_for_cell(self) -> InnerListener | None:
        """Opens a socket for a stem cell, which can wait for a slot, as nobody waits for it."""
        await self._slots.one_ready()
        return await self._listen_in_slot()

    async def _listen_in_slot(self) -> InnerListener | None:
        if (taken := self._slots.take_entered()) is None:
            return None
        slot, network = taken
        try:
            bound = await network.namespace.listener(_LOOPBACK, _RUNTIME_API_PORT)
        except OSError as error:
            log.warning("The network slot %s cannot be entered: %s", slot, error)
            self._abandon(slot)
            return None
        except BaseException:
            self._abandon(slot)
            raise
        dial = f"{_LOOPBACK}:{bound.getsockname()[1]}"
        return InnerListener(bound, dial, network.address, slot)

    def give_up(self, inner: InnerListener) -> None:
        if self.stem_cells is not None and self.stem_cells.has(inner):
            self.stem_cells.give_up(inner)
            return
        inner.socket.close()
        if self.snapshots is not None and self.snapshots.owns(inner):
            self.snapshots.give_up(inner)
            return
        self._abandon(inner.network)

    def _abandon(self, slot: str) -> None:
        self._slots.give_back(slot)
        self._slots.start_is_over()

    async def start(
        self, spec: SandboxSpec, output: Output, ended: ProcessEnded
    ) -> DockerSandbox | RestoredSandbox:
        if self.snapshots is not None and self.snapshots.owns(spec.inner):
            return await self.snapshots.start(spec, output)
        if self._is_of_a_cell(spec):
            return await self._specialised(spec, output, ended)
        sandbox = self._new_sandbox(spec, output, ended)
        try:
            await self._launched(sandbox, spec)
        except EngineError as error:
            if not await self._slots.has_lost(sandbox.slot):
                raise SandboxStartError(f"The Docker engine started no sandbox: {error}") from error
            if spec.inner is not None:
                raise NetworkLostError(f"The network slot {sandbox.slot} is gone.") from error
        else:
            return sandbox
        sandbox = self._new_sandbox(spec, output, ended)
        try:
            await self._launched(sandbox, spec)
        except EngineError as error:
            raise SandboxStartError(f"The Docker engine started no sandbox: {error}") from error
        return sandbox

    def _is_of_a_cell(self, spec: SandboxSpec) -> bool:
        """Returns whether a spec's network is that of its stem cell, whether that lives or not."""
        return spec.cell > 0 and spec.inner is not None and spec.inner.of_cell == spec.cell

    async def _specialised(
        self, spec: SandboxSpec, output: Output, ended: ProcessEnded
    ) -> DockerSandbox:
        assert self.stem_cells is not None, "the network is a cell's"
        began = time.monotonic()
        cpus = self._cpus.take(spec.visible_cpus)
        sandbox = await self.stem_cells.start(spec, (output, ended), cpus)
        sandbox.create, sandbox.start = 0.0, time.monotonic() - began
        return sandbox

    async def _launch_cell(
        self, spec: SandboxSpec, told: tuple[Output, ProcessEnded], image: ImageFacts
    ) -> DockerSandbox:
        """Starts a container whose supervisor waits to be greeted."""
        sandbox = self._new_sandbox(spec, *told)
        sandbox.resettable = True
        await self._launched(sandbox, spec, image)
        return sandbox

    def _new_sandbox(self, spec: SandboxSpec, output: Output, ended: ProcessEnded) -> DockerSandbox:
        name = f"{self._prefix}-{next(self._numbers)}"
        supervised = is_supervised(spec, self._packages.facts(spec.package))
        sandbox = DockerSandbox(
            name, spec, (output, ended), self._engine, self._on_gone, resettable=supervised
        )
        self._sandboxes[name] = sandbox
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

    async def close(self) -> None:
        if self.stem_cells is not None:
            await self.stem_cells.close()
        await asyncio.gather(*(sandbox.stop() for sandbox in list(self._sandboxes.values())))
        if self._files is not None:
            await self._files.close()
        if self.packages is not None:
            await self.packages.close()
        if self.snapshots is not None:
            await self.snapshots.close()
            self.snapshots = None
        await self._slots.close()
        self._watch.close()
        self._controls.close()
        if self._meeting is not None:
            try:
                await self._own.reap(await self._own.found())
            except EngineError as error:
                log.warning("Containers with the label %s may be left: %s", self._label, error)
        if self._guard is not None:
            await self._guard.dismiss()
            self._guard = None
        await self._engine.close(_CLOSE_PATIENCE)

    async def survivors(self) -> list[str]:
        """Returns the names of the sandboxes whose containers the engine has, and of forks."""
        kind = f"{KIND_LABEL}=sandbox"
        forks = self.snapshots.names() if self.snapshots is not None else set()
        cells = self.stem_cells.names() if self.stem_cells is not None else set()
        found = [name for name in await self._own.found(kind) if name not in cells]
        return [*found, *sorted(forks)]

    # one start

    async def _launch(
        self, sandbox: DockerSandbox, spec: SandboxSpec, cell: ImageFacts | None
    ) -> None:
        assert self._meeting is not None, "open first"
        now = time.monotonic  # the loop's is rounded to milliseconds
        labels = self._labels | {
            KIND_LABEL: "sandbox",
            _SANDBOX_LABEL: str(spec.sandbox),
            FUNCTION_LABEL: spec.configuration.name,
        }
        cpus = self._cpus.take(spec.visible_cpus)
        image = cell or self._packages.facts(spec.package)
        began = now()
        mounts = await self._mounts(sandbox, spec.package)
        body = container_configuration(
            spec,
            image,
            labels,
            self._meeting,
            joined=sandbox.slot,
            cpus=cpus,
            mounts=mounts,
            runtime=self._wanted_runtime,
        )
        if cell is not None:
            body["HostConfig"]["Tmpfs"][START_FOLDER] = "ro,size=4k"
        container = await create_container(self._engine, body, sandbox.name, lane=Lane.START)
        await sandbox.attach()
        if cell is None:
            sandbox.greet()
        created = now()
        await start_container(self._engine, sandbox.name, lane=Lane.START)
        sandbox.create, sandbox.start = created - began, now() - created
        sandbox.started = True
        if self._sees_addresses and spec.inner is None:
            sandbox.addresses = self._addresses.of(sandbox.name, sandbox.slot)
        if self._enters and sandbox.slot is None:
            self._engine.spawn(self._addresses.bar_neighbours(sandbox.name))
        self._controls.give(sandbox, container, spec.configuration.memory_mb)

    async def _mounts(self, sandbox: DockerSandbox, image: str) -> list[dict[str, Any]]:
        if self._private is None:
            return []
        sandbox.mount = await self._private.mount(image, sandbox.name)
        return await asyncio.to_thread(bound_folders, sandbox.mount.folder)

    def _on_gone(self, sandbox: DockerSandbox, removed: bool) -> None:
        self._sandboxes.pop(sandbox.name, None)
        if self.stem_cells is not None:
            self.stem_cells.gone(sandbox.name, removed=removed)
        if not removed:
            self._leftovers.add(sandbox.name)
        self._slots.give_back(sandbox.slot, sure=removed)

    # what the engine tells

    def _on_event(self, action: str, attributes: Mapping[str, str]) -> None:
        name = attributes.get("name", "")
        sandbox = self._sandboxes.get(name)
        if action == "die" and sandbox is not None:
            sandbox.died(int(attributes.get("exitCode", 0)))
        elif action == "oom" and sandbox is not None:
            sandbox.ran_out_of_memory()
        elif action == "die":
            self._addresses.forget(name)
            if self.snapshots is not None:
                self.snapshots.lost(name)
            self._slots.lost(name)

    async def _on_return(self) -> None:
        """Catches up with what happened while no events came."""
        found = await self._own.found()
        running = {name for name, (_, state) in found.items() if state in _LIVING}
        self._slots.keep_only(running)
        for sandbox in list(self._sandboxes.values()):
            if sandbox.started and not sandbox.exited.done():
                await (sandbox.attach() if sandbox.name in running else sandbox.look_up())
        leftovers, self._leftovers = self._leftovers, set()
        await self._own.reap({name: found[name] for name in leftovers & found.keys()})

    def _on_loss(self) -> None:
        for sandbox in list(self._sandboxes.values()):
            sandbox.lost()

    def _start_guard(self) -> Guard | None:
        """Has the containers of this run removed when this process is killed."""
        address = self._engine.plain_address
        freezer = self._controls.freezer
        return Guard(address, self._label, f"{self._prefix}-", freezer) if address else None


def _check_private(info: Mapping[str, Any], *, local: bool, beside: bool) -> None:
    """Raises SettingsError where the engine does not see what this process mounts."""
    if not local:
        raise refusal("the Docker engine runs on another machine, or in a virtual one")
    if beside:
        raise refusal("this process is in a container, whose mounts the Docker engine does not see")
    if any("rootless" in option for option in info.get("SecurityOptions") or ()):
        raise refusal("the Docker engine is rootless, and sees no mounts of root's")
