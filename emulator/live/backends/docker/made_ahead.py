"""Has sandboxes come of what was made ahead of need: forks of snapshots, and stem cells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from emulator.live.backends.docker.containers import KIND_LABEL
from emulator.live.backends.docker.function_files import FunctionFiles
from emulator.live.backends.docker.image_templates import ImageTemplates
from emulator.live.backends.docker.restore_networks import RestoreNetworks
from emulator.live.backends.docker.snapshots import opened_snapshots
from emulator.live.backends.docker.stem_cells import DockerStemCells
from emulator.live.backends.limitations import Limitation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emulator.host.cgroup_tree import CgroupTree
    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.container_starts import ContainerStarts
    from emulator.live.backends.docker.network_slots import NetworkSlots
    from emulator.live.backends.docker.packages import DockerPackages
    from emulator.live.backends.docker.sandbox import DockerSandbox
    from emulator.live.backends.docker.slot_listeners import SlotListeners
    from emulator.live.backends.docker.snapshots import DockerSnapshots
    from emulator.live.backends.forks.restored_sandbox import RestoredSandbox
    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.sandbox_spec import InnerListener, SandboxSpec


class MadeAhead:
    """Answers for snapshots and stem cells, where these are kept."""

    def __init__(
        self,
        engine: DockerEngine,
        packages: DockerPackages,
        slots: NetworkSlots,
        tell: Callable[[Limitation, str], None],
    ) -> None:
        self._engine = engine
        self._packages = packages
        self._slots = slots
        self._tell = tell
        self._files: FunctionFiles | None = None
        self.snapshots: DockerSnapshots | None = None
        self.stem_cells: DockerStemCells | None = None

    async def open_snapshots(
        self,
        why: str,
        folder: Path | None,
        find_cgroups: Callable[[], CgroupTree | None],
        cpus: Callable[[int], tuple[int, ...]],
    ) -> None:
        """Keeps snapshots in a folder, or tells why versions with SnapStart start as any other.

        `why` is what is known to be in the way, in half a sentence; empty for nothing.
        """
        if folder is None:
            why = why or "there is no folder for them"
        elif not why:
            self.snapshots, why = await opened_snapshots(
                ImageTemplates(self._engine, self._packages.facts, folder),
                RestoreNetworks(self._slots, self._engine.spawn),
                self._slots,
                find_cgroups,
                cpus,
            )
        if why:
            start = "Versions with SnapStart start by running their init, hooks included"
            self._tell(Limitation.NO_SNAPSHOTS, f"{start}: {why}.")

    async def open_stem_cells(
        self,
        why: str,
        folder: Path,
        labels: Mapping[str, str],
        listeners: SlotListeners,
        starts: ContainerStarts,
    ) -> None:
        """Keeps stem cells, or tells why every sandbox is made when it is needed.

        Their containers bear `labels`; functions' files are kept in a folder. `why` is as above.
        """
        if why:
            self._tell(Limitation.NO_STEM_CELLS, f"No stem cells are kept: {why}.")
            return
        files = self._files = FunctionFiles(folder)
        await files.sweep()  # what an earlier emulator left is reaped before, as far as it can be
        self.stem_cells = DockerStemCells(
            self._engine,
            self._packages,
            {**labels, KIND_LABEL: "look"},
            files,
            listen=listeners.wait_and_listen,
            launch=starts.start_cell,
        )

    async def listen(self, snapshot: str, cell: int) -> InnerListener | None:
        """Returns where a fork's or a cell's Runtime API listens; None where neither is there."""
        if snapshot and self.snapshots is not None and self.snapshots.has(snapshot):
            return await self.snapshots.listen(snapshot)
        return self.stem_cells.listener(cell) if self.stem_cells is not None else None

    def give_up(self, inner: InnerListener) -> bool:
        """Frees what waits behind a listener; returns False where that is neither fork nor cell."""
        if self.stem_cells is not None and self.stem_cells.has(inner):
            self.stem_cells.give_up(inner)
            return True
        if self.snapshots is not None and self.snapshots.owns(inner):
            inner.socket.close()
            self.snapshots.give_up(inner)
            return True
        return False

    async def start(
        self,
        spec: SandboxSpec,
        told: tuple[Output, ProcessEnded],
        cpus: Callable[[int], tuple[int, ...]],
    ) -> DockerSandbox | RestoredSandbox | None:
        """Makes a sandbox of a fork or a cell; None where its network is neither's."""
        if self.snapshots is not None and self.snapshots.owns(spec.inner):
            return await self.snapshots.start(spec, told[0])
        if not _is_of_a_cell(spec):
            return None
        assert self.stem_cells is not None, "the network is a cell's"
        began = time.monotonic()
        sandbox = await self.stem_cells.start(spec, told, cpus(spec.visible_cpus))
        sandbox.create, sandbox.start = 0.0, time.monotonic() - began
        return sandbox

    def container_gone(self, name: str, removed: bool) -> None:
        """Takes that a container has ended, and whether the engine let it go."""
        if self.stem_cells is not None:
            self.stem_cells.gone(name, removed=removed)

    def slot_lost(self, name: str) -> None:
        """Takes that the holder of a network slot has ended."""
        if self.snapshots is not None:
            self.snapshots.lost(name)

    async def close_stem_cells(self) -> None:
        """Ends every cell that became no sandbox."""
        if self.stem_cells is not None:
            await self.stem_cells.close()

    async def close(self) -> None:
        """Ends every fork, and lets functions' files go, once no container shows them."""
        if self._files is not None:
            await self._files.close()
        if self.snapshots is not None:
            await self.snapshots.close()
            self.snapshots = None


def _is_of_a_cell(spec: SandboxSpec) -> bool:
    """Returns whether a spec's network is that of its stem cell, whether that lives or not."""
    return spec.cell > 0 and spec.inner is not None and spec.inner.of_cell == spec.cell
