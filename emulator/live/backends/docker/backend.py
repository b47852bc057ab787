"""Runs sandboxes on a Docker engine.

A sandbox is a container of the function's image that joins a network slot. This module ties the
parts together and knows nothing of requests.
"""

from __future__ import annotations

import logging
import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.errors import BackendUnavailableError
from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_tree import find_tree
from emulator.host.descriptors import raise_descriptor_limit
from emulator.host.network_namespace import can_enter_namespaces
from emulator.live.backends.docker.addresses import SandboxAddresses
from emulator.live.backends.docker.build import AWS_REGISTRY
from emulator.live.backends.docker.client import DockerEngine, EngineError
from emulator.live.backends.docker.container_starts import ContainerStarts
from emulator.live.backends.docker.containers import KIND_LABEL, LABEL
from emulator.live.backends.docker.guard import Guard
from emulator.live.backends.docker.host import (
    Cgroups,
    is_beside,
    is_desktop,
    meeting,
    shortcomings,
)
from emulator.live.backends.docker.living_sandboxes import LivingSandboxes
from emulator.live.backends.docker.made_ahead import MadeAhead
from emulator.live.backends.docker.network_slots import NetworkSlots
from emulator.live.backends.docker.obstacles import (
    cell_obstacle,
    check_private_pages,
    snapshot_obstacle,
)
from emulator.live.backends.docker.oci_runtime import checked_runtime
from emulator.live.backends.docker.own_containers import OwnContainers
from emulator.live.backends.docker.packages import DockerPackages
from emulator.live.backends.docker.sandbox_controls import SandboxControls
from emulator.live.backends.docker.slot_listeners import SlotListeners
from emulator.live.backends.limitations import Limitation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.docker.host import Meeting
    from emulator.live.backends.docker.sandbox import DockerSandbox
    from emulator.live.backends.docker.snapshots import DockerSnapshots
    from emulator.live.backends.docker.stem_cells import DockerStemCells
    from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
    from emulator.live.backends.interface import Output, ProcessEnded, Progress
    from emulator.live.backends.kept_packages import KeptPackages
    from emulator.live.backends.page_cache import PrivatePages
    from emulator.live.backends.sandbox_spec import InnerListener, SandboxSpec

log = logging.getLogger(__name__)

_CLOSE_PATIENCE = 30.0


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
        self._wanted_runtime = self.oci_runtime = oci_runtime
        self._instance = instance
        self._cgroup_root = cgroup_root
        self._network = network
        self._runtime_api = runtime_api
        self._private = private
        self._state = state
        self._cells_folder = None if stem_cells is None else stem_cells.resolve()
        self._meeting: Meeting | None = None
        self._guard: Guard | None = None
        # a name is not used again after a crash, when the old one's removal may still be under way
        self._prefix = f"testbed-{instance}-{secrets.token_hex(3)}"
        self._label = f"{LABEL}={instance}"
        self._labels = {LABEL: instance}
        engine = self._engine = DockerEngine(environ)
        self._controls = SandboxControls(engine)
        self._own = OwnContainers(engine, self._label, self._controls.thaw)
        self._packages = DockerPackages(
            engine,
            registry,
            self._labels,
            private=private,
            facts=facts,
            in_reach=lambda sentence: self._tell(Limitation.SUPERVISOR_IN_REACH, sentence),
        )
        labels = self._labels | {KIND_LABEL: "slot"}
        self._slots = NetworkSlots(engine, self._prefix, labels, slots, most_slots)
        self._listeners = SlotListeners(self._slots)
        self._addresses = SandboxAddresses(engine, self._tell)
        self._ahead = MadeAhead(engine, self._packages, self._slots, self._tell)
        self._living = LivingSandboxes(
            engine,
            self._label,
            self._own,
            self._slots,
            self._addresses,
            on_gone=self._ahead.container_gone,
            on_slot_lost=self._ahead.slot_lost,
        )
        self._starts = ContainerStarts(
            engine,
            self._prefix,
            self._labels,
            packages=self._packages,
            slots=self._slots,
            addresses=self._addresses,
            controls=self._controls,
            living=self._living,
            private=private,
        )

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
            met = self._meeting = await meeting(self._engine, info, self._network)
            local = met.local and not is_desktop(info)
            await self._take_over(info, met, local=local)
        except (EngineError, OSError) as error:
            raise BackendUnavailableError(f"The Docker engine cannot be used: {error}.") from error
        self._controls.watch()
        self.runtime_api_host, self.runtime_api_name = self._runtime_api or (met.listen, met.dial)
        self.unenforced = shortcomings(info, self._controls.writable)
        self._open_networks(met, info.get("NCPU", 0), local=local)
        await self._open_ahead(met)

    async def _take_over(self, info: Mapping[str, Any], met: Meeting, *, local: bool) -> None:
        """Takes an engine that describes itself so, and clears up what an earlier run left there.

        Raises:
            EngineError, OSError: the engine cannot be used.
            SettingsError: sandboxes cannot have page caches of their own.
        """
        engine = f"{info.get('ID')} {info.get('ServerVersion')} {info.get('SecurityOptions')}"
        self._packages.open(engine)
        self._starts.open(met, info.get("NCPU", 0), self._wanted_runtime)
        if self._private is not None:
            beside = await is_beside(self._engine)
            check_private_pages(info, local=local, beside=beside)
        self.storage = (Path(info["DockerRootDir"]),) if local else ()
        self._controls.open(Cgroups(self._cgroup_root, info), local=local)
        await self._own.clear()
        await self._living.watch.open()
        if address := self._engine.plain_address:  # else nothing is removed if this is killed
            freezer = self._controls.freezer
            self._guard = Guard(address, self._label, f"{self._prefix}-", freezer)

    def _open_networks(self, met: Meeting, cpus: int, *, local: bool) -> None:
        """Begins the making of slots; sandboxes may dial elsewhere where a user says so."""
        found = self._runtime_api is None
        addresses = self._addresses
        addresses.open(
            told=found and met.sees_addresses, entered=found and local and can_enter_namespaces()
        )
        cannot_enter = addresses.leave_open if addresses.entered else None
        self._slots.open(met, cpus, oci_runtime=self._wanted_runtime, cannot_enter=cannot_enter)

    def _tell(self, limitation: Limitation, sentence: str) -> None:
        self.unenforced = {**self.unenforced, limitation: sentence}

    async def _open_ahead(self, met: Meeting) -> None:
        """Keeps snapshots and stem cells, or says why not."""
        enters, private = self._addresses.entered, self._private is not None
        why = snapshot_obstacle(met, enters=enters, private=private)
        find_cgroups = partial(find_tree, self._cgroup_root, self._instance)
        cpus = self._starts.cpus.take
        await self._ahead.open_snapshots(why, self._state, find_cgroups, cpus)
        if self._cells_folder is not None:
            controls = self._addresses.entered and self._controls.writable
            why = cell_obstacle(controls=controls, private=private)
            await self._ahead.open_stem_cells(
                why, self._cells_folder, self._labels, self._listeners, self._starts
            )

    @property
    def snapshots(self) -> DockerSnapshots | None:
        """Returns what keeps snapshots, once open; None where nothing does."""
        return self._ahead.snapshots

    @property
    def stem_cells(self) -> DockerStemCells | None:
        """Returns what keeps stem cells, once open; None where nothing does."""
        return self._ahead.stem_cells

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
        return await self._ahead.listen(snapshot, cell) or await self._listeners.listen()

    def give_up(self, inner: InnerListener) -> None:
        if not self._ahead.give_up(inner):
            inner.socket.close()
            self._listeners.abandon(inner.network)

    async def start(
        self, spec: SandboxSpec, output: Output, ended: ProcessEnded
    ) -> DockerSandbox | RestoredSandbox:
        told = output, ended
        made = await self._ahead.start(spec, told, self._starts.cpus.take)
        return made or await self._starts.start(spec, told)

    async def close(self) -> None:
        await self._ahead.close_stem_cells()
        await self._living.stop()
        await self._ahead.close()
        if self.packages is not None:
            await self.packages.close()
        await self._slots.close()
        self._living.watch.close()
        self._controls.close()
        await self._reap()
        if self._guard is not None:
            await self._guard.dismiss()
            self._guard = None
        await self._engine.close(_CLOSE_PATIENCE)

    async def _reap(self) -> None:
        """Removes every container that is left, of an engine that was opened."""
        if self._meeting is None:
            return
        try:
            await self._own.clear()
        except EngineError as error:
            log.warning("Containers with the label %s may be left: %s", self._label, error)

    async def survivors(self) -> list[str]:
        """Returns the names of the sandboxes whose containers the engine has, and of forks."""
        kind = f"{KIND_LABEL}=sandbox"
        forks = self.snapshots.names() if self.snapshots is not None else set()
        cells = self.stem_cells.names() if self.stem_cells is not None else set()
        found = [name for name in await self._own.found(kind) if name not in cells]
        return [*found, *sorted(forks)]
