"""Starts sandboxes without Docker: processes, under bubblewrap and in cgroups where possible.

A cold start hands a script to a process slot that waits in its own cgroup; nothing else stands on
its path. `unenforced` tells what this machine cannot enforce. The backend knows nothing of
requests.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
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
from emulator.live.backends.interface import Limitation
from emulator.live.backends.local.orphans import Guard, kill_orphans, remove_orphans
from emulator.live.backends.local.seccomp import seccomp_filter
from emulator.live.backends.local.slots import Slot, SlotPool
from emulator.live.backends.process.isolation import (
    Bubblewrap,
    Plain,
    make_runtime,
    others_can_enter,
)
from emulator.live.backends.process.limitations import (
    Isolation,
    shortcomings,
    snapshots_fault,
    stem_cells_fault,
)
from emulator.live.backends.process.packages import Packages, extensions
from emulator.live.backends.process.sandbox import ProcessSandbox
from emulator.live.backends.process.stem_cells import ProcessStemCells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
    from emulator.live.backends.interface import (
        InnerListener,
        Output,
        ProcessEnded,
        Progress,
        SandboxSpec,
    )
    from emulator.live.backends.page_cache import PrivatePages
    from emulator.live.backends.process.isolation import View

_PEERS_UNTOLD = (
    "A function may dial the Runtime API of another and take its work, since this process may not "
    "see which process made a connection."
)
_PROBE_LIMIT = 10.0
"""Seconds that the trial start of bubblewrap may take."""


class ProcessTemplates:
    """Implements `Templates` with packages of this backend, under bubblewrap."""

    def __init__(self, view: Bubblewrap, packages: Packages) -> None:
        self._view = view
        self._packages = packages

    def script(self, spec: SandboxSpec, name: str, channel: int) -> bytes:
        """Returns the shell script that becomes a template; see `Templates`."""
        return self._view.template_script(spec, self._packages.read(spec.package), name, channel)

    def environment(self, spec: SandboxSpec) -> Mapping[str, str]:
        """Returns all variables of a restored sandbox's runtime; see `Templates`."""
        return self._view.environment(spec, self._packages.read(spec.package))


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
        self.unenforced = shortcomings(controllers, found, as_root=as_root, advice=hint)
        self._tells_peers = owners_can_be_told(other_users=os.geteuid() == 0 and drops_root)
        if not self._tells_peers:
            self.unenforced = {**self.unenforced, Limitation.SHARED_RUNTIME_API: _PEERS_UNTOLD}
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
            self.unenforced = {**self.unenforced, Limitation.NO_SNAPSHOTS: sentence}
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
            sentence = f"No stem cells are kept: {lacks}."
            self.unenforced = {**self.unenforced, Limitation.NO_STEM_CELLS: sentence}
            return
        self.stem_cells = ProcessStemCells(
            view,
            self._packages,
            lambda: next(self._names),
            tree.create,
            self._sandboxes.discard,
            tells_peers=self._tells_peers,
        )

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
        if self._bubblewrap is None:
            fault = "bubblewrap is not used"
        elif (program := shutil.which(self._bubblewrap)) is None:
            fault = "bubblewrap is not installed"
        else:
            for filtered in (True, False) if seccomp_filter() else (False,):
                view = Bubblewrap(program, runtime, filtered=filtered)
                if not (fault := _fault(view.probe())):
                    self._view = view
                    forks = _fault(view.fork_probe()) if filtered else "no kernel filter"
                    return Isolation(filtered=filtered, forks_fault=forks)
        reachable = all(map(others_can_enter, (self._state, runtime.prefix)))
        self._view = Plain(runtime, self._tmp, drop_root=os.geteuid() == 0 and reachable)
        return Isolation(fault, filtered=False)

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
        assert self._slots is not None, "the backend was not opened"
        assert self._view is not None
        began = time.monotonic()
        mount = None
        name = spec.package
        if self._private is not None:
            mount = await self._private.mount(name, f"{self._mark}{os.getpid()}-m{spec.sandbox}")
            spec = replace(spec, package=str(mount.folder))
        told = (output, ended)
        cpus = self._cpus.take(spec.visible_cpus)
        if self.stem_cells is not None and spec.cell:
            cell = await self.stem_cells.start(spec, told, cpus)
            if cell is not None:
                self._sandboxes.add(cell)
                cell.start = time.monotonic() - began
                return cell
        try:
            package = self._packages.read(name)
            slot = self._slots.take()
        except OSError as error:
            if mount is not None:
                await mount.release()
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error
        created = time.monotonic()
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
        try:
            script = self._view.script(spec, package, slot.name)
            sandbox.launch(script, cpus)
        except (OSError, SandboxStartError) as error:
            await sandbox.stop()
            raise SandboxStartError(f"The sandbox cannot be started: {error}") from error
        sandbox.create, sandbox.start = created - began, time.monotonic() - created
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


def _fault(command: list[str]) -> str:
    """Returns why a trial start failed, in its own last words; empty where it did not fail."""
    try:
        tried = subprocess.run(
            command, env={}, capture_output=True, timeout=_PROBE_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here ({error})"
    if tried.returncode == 0:
        return ""
    said = tried.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    return f"bubblewrap does not work here ({said[-1]})"
