"""Starts sandboxes without Docker: processes, under bubblewrap and in cgroups where possible.

A cold start hands a script to a process slot that waits in its own cgroup; nothing else stands on
its path. `unenforced` tells what this machine cannot enforce. The backend knows nothing of
requests.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.errors import BackendUnavailableError, SandboxStartError
from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_tree import CgroupTree, find_tree
from emulator.host.cpus import CpuRotation
from emulator.host.delegation import delegation_advice
from emulator.host.descriptors import raise_descriptor_limit
from emulator.host.mount_namespace import obstacle
from emulator.host.peers import owners_can_be_told
from emulator.live.backends.forks.snapshots import ForkSnapshots
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.local.orphans import Guard, kill_orphans, remove_orphans
from emulator.live.backends.local.slots import Slot, SlotPool
from emulator.live.backends.process.bubblewrap import Bubblewrap
from emulator.live.backends.process.limitations import (
    Isolation,
    shortcomings,
    snapshots_fault,
    stem_cells_fault,
)
from emulator.live.backends.process.packages import Packages, extensions
from emulator.live.backends.process.plain_view import Plain
from emulator.live.backends.process.runtime_folder import make_runtime
from emulator.live.backends.process.sandbox import ProcessSandbox
from emulator.live.backends.process.stem_cells import ProcessStemCells
from emulator.live.backends.process.templates import ProcessTemplates
from emulator.live.backends.process.view_choice import ViewChoice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
    from emulator.live.backends.interface import Output, ProcessEnded, Progress
    from emulator.live.backends.page_cache import Mount, PrivatePages
    from emulator.live.backends.process.packages import Package
    from emulator.live.backends.process.view import View
    from emulator.live.backends.sandbox_spec import InnerListener, SandboxSpec


class ProcessBackend:
    """Implements `SandboxBackend` with processes of this machine.

    `state` is the emulator's state folder; `instance` begins the names of cgroups and processes.
    `bubblewrap` and `cgroup_root` are looked for and tried; None means to do without. With
    `private` each sandbox has a page cache of its own for its package, not for this host's Python.
    `stem_cells` asks for what stem cells take, and for a sentence where they cannot be had.
    """

    name = "process"
    oci_runtime = ""
    runtime_api_host = "127.0.0.1"
    runtime_api_name = "127.0.0.1"

    def __init__(
        self,
        state: Path,
        instance: str,
        *,
        cgroup_root: Path | None = DEFAULT_ROOT,
        bubblewrap: str | None = "bwrap",
        spare_slots: int = 8,
        private: PrivatePages | None = None,
        stem_cells: bool = False,
    ) -> None:
        self.unenforced: Mapping[Limitation, str] = {}
        self._state = state.resolve()
        self.storage: Sequence[Path] = (self._state,)
        self._instance = instance
        self._cgroup_root = cgroup_root
        self._bubblewrap = bubblewrap
        self._spare_slots = spare_slots
        self._private = private
        self._asks_for_cells = stem_cells
        self._packages = Packages(self._state)
        self.packages = self._packages.kept
        self._mark = f"testbed-{instance}-"
        self._names = (f"{self._mark}{os.getpid()}-{n}" for n in itertools.count(1))
        self._tmp = self._state / "sandboxes"
        self._tree: CgroupTree | None = None
        self._view: View | None = None
        self._slots: SlotPool | None = None
        self._tells_peers = True
        self._guard: Guard | None = None
        self.snapshots: ForkSnapshots | None = None
        self.stem_cells: ProcessStemCells | None = None
        self._sandboxes: set[ProcessSandbox] = set()
        cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
        self._cpus = CpuRotation(sorted(cpus))

    async def open(self) -> None:
        """Tries bubblewrap and cgroups, reaps orphans and makes slots; see `SandboxBackend`."""
        raise_descriptor_limit()
        preparing = asyncio.create_task(asyncio.to_thread(self._prepare))
        try:
            found = await asyncio.shield(preparing)
        except OSError as error:
            await self.close()
            raise BackendUnavailableError(f"Sandboxes cannot be processes here: {error}") from error
        except BaseException:
            await asyncio.wait([preparing])  # a thread cannot be cancelled, and may make cgroups
            await self.close()
            raise
        drops_root = not isinstance(self._view, Plain) or self._view.drop_root
        as_root = os.geteuid() == 0 and not drops_root
        controllers = self._tree.controllers if self._tree else ()
        hint = delegation_advice(self._cgroup_root) if self._cgroup_root else ""
        self._tells_peers = owners_can_be_told(other_users=os.geteuid() == 0 and drops_root)
        self.unenforced = shortcomings(
            controllers, found, as_root=as_root, advice=hint, tells_peers=self._tells_peers
        )
        bases = self._tree.bases if self._tree else []
        self._guard = Guard(f"{self._mark}{os.getpid()}-", self._tmp, bases)
        self._slots = SlotPool(self._make_slot, self._spare_slots)
        self._open_snapshots(found)
        if self._asks_for_cells:
            self._open_stem_cells()

    def _open_snapshots(self, found: Isolation) -> None:
        """Keeps snapshots, or says why versions with SnapStart start as any other."""
        tree, view = self._tree, self._view
        lacks = snapshots_fault(tree.controllers if tree else (), found)
        if tree is None or not isinstance(view, Bubblewrap) or lacks:
            sentence = f"Versions with SnapStart start by running their init: {lacks}."
            self._tell(Limitation.NO_SNAPSHOTS, sentence)
            return
        self.snapshots = ForkSnapshots(
            ProcessTemplates(view, self._packages),
            lambda: next(self._names),
            tree.create,
            tells_peers=self._tells_peers,
        )

    def _open_stem_cells(self) -> None:
        """Keeps stem cells, or says why every sandbox is made when it is needed."""
        tree, view = self._tree, self._view
        lacks = stem_cells_fault(
            tree.controllers if tree else (), bubblewrap=isinstance(view, Bubblewrap)
        )
        if self._private is not None:
            lacks = lacks or "each sandbox has a page cache of its own (--page-cache private)"
        lacks = lacks or obstacle()
        if tree is None or not isinstance(view, Bubblewrap) or lacks:
            self._tell(Limitation.NO_STEM_CELLS, f"No stem cells are kept: {lacks}.")
            return
        self.stem_cells = ProcessStemCells(
            view,
            self._packages,
            lambda: next(self._names),
            tree.create,
            self._sandboxes.discard,
            tells_peers=self._tells_peers,
        )

    def _tell(self, limitation: Limitation, sentence: str) -> None:
        self.unenforced = {**self.unenforced, limitation: sentence}

    def _prepare(self) -> Isolation:
        """Takes away what an earlier emulator of this instance left, and chooses a view. Blocks."""
        self._tmp.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._packages.sweep()
        if self._cgroup_root is not None:
            self._tree = find_tree(self._cgroup_root, self._instance)
        if self._tree is None:
            kill_orphans(f"name={self._mark}")
        remove_orphans(self._tmp, self._mark)
        runtime = make_runtime(self._state / "runtime")
        choice = ViewChoice(runtime, self._state, self._tmp)
        self._view, found = choice.view(self._bubblewrap)
        return found

    def _make_slot(self) -> Slot:
        name = next(self._names)
        cgroup = self._tree.create(name) if self._tree else None
        try:
            return Slot(name, cgroup)
        except OSError:
            if cgroup:
                cgroup.remove()
            raise

    async def deploy(self, configuration: FunctionConfiguration, progress: Progress) -> str:
        """Makes or finds the function's package; see `SandboxBackend.deploy`."""
        package = await self._packages.make(configuration, progress)
        if self._private is not None:

            async def whole(_: Path) -> Path:
                return Path(package)

            try:
                await self._private.image(package, whole)
            except BaseException:
                self.packages.unasked(package)
                raise
        return package

    def extensions(self, package: str) -> tuple[str, ...]:
        return extensions(package)

    async def listen_inside(
        self,
        snapshot: str = "",  # noqa: ARG002  # forks share it as well
        cell: int = 0,  # noqa: ARG002
    ) -> InnerListener | None:
        """Returns None, as all sandboxes share this machine's network."""
        return None

    def give_up(self, inner: InnerListener) -> None:
        """Does nothing, as no sandbox has a network of its own."""

    async def start(
        self, spec: SandboxSpec, output: Output, ended: ProcessEnded
    ) -> ProcessSandbox | RestoredSandbox:
        """Turns a waiting slot into a sandbox; see `SandboxBackend.start`."""
        if spec.snapshot and self.snapshots is not None and self.snapshots.has(spec.snapshot):
            return await self.snapshots.start(spec, output)
        began = time.monotonic()
        told, name, mount = (output, ended), spec.package, None
        if self._private is not None:
            mount = await self._private.mount(name, f"{self._mark}{os.getpid()}-m{spec.sandbox}")
            spec = replace(spec, package=str(mount.folder))
        cpus = self._cpus.take(spec.visible_cpus)
        if self.stem_cells is not None and spec.cell:
            cell = await self.stem_cells.start(spec, told, cpus)
            if cell is not None:
                self._sandboxes.add(cell)
                cell.start = time.monotonic() - began
                return cell
        package, slot = await self._taken(name, mount)
        created = time.monotonic()
        sandbox = self._sandbox(slot, spec, told, mount)
        try:
            assert self._view is not None
            sandbox.launch(self._view.script(spec, package, slot.name), cpus)
        except (OSError, SandboxStartError) as error:
            await sandbox.stop()
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error
        sandbox.create, sandbox.start = created - began, time.monotonic() - created
        return sandbox

    async def _taken(self, name: str, mount: Mount | None) -> tuple[Package, Slot]:
        """Takes a package and a slot, or releases the mount and raises."""
        assert self._slots is not None, "the backend was not opened"
        try:
            return self._packages.read(name), self._slots.take()
        except OSError as error:
            if mount is not None:
                await mount.release()
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error

    def _sandbox(
        self, slot: Slot, spec: SandboxSpec, told: tuple[Output, ProcessEnded], mount: Mount | None
    ) -> ProcessSandbox:
        assert self._view is not None
        sandbox = ProcessSandbox(
            slot,
            spec,
            self._view,
            told,
            self._sandboxes.discard,
            tells_peers=self._tells_peers,
            mount=mount,
        )
        self._sandboxes.add(sandbox)
        return sandbox

    async def survivors(self) -> list[str]:
        """Returns the sandboxes of this run that are not yet taken away, for tests."""
        found = {path.name for path in self._tmp.iterdir()}
        for base in self._tree.bases if self._tree else ():
            found |= {path.name for path in base.iterdir() if path.is_dir()}
        found |= {sandbox.name for sandbox in self._sandboxes}
        spare = self._slots.names() if self._slots else set()
        if self.snapshots is not None:
            found |= self.snapshots.names()
            spare |= self.snapshots.kept()
        if self.stem_cells is not None:
            spare |= self.stem_cells.names()
        keeper = {self._tree.keeper} if self._tree else set()
        return sorted(found - spare - keeper)

    async def close(self) -> None:
        """Stops every sandbox and takes away all but the packages."""
        await asyncio.gather(*(sandbox.stop() for sandbox in self._sandboxes))
        if self.stem_cells is not None:
            await self.stem_cells.close()
        if self.snapshots is not None:
            await self.snapshots.close()
        await self.packages.close()
        if self._slots is not None:
            await self._slots.close()
        if self._guard is not None:
            await self._guard.dismiss()
        if self._tree is not None:
            await asyncio.to_thread(self._tree.reap)
            await asyncio.to_thread(self._tree.remove)
        self._slots = self._guard = self._tree = None
