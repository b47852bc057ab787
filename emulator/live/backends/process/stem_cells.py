"""Keeps stem cells: sandboxes whose Python waits for its function, frozen.

A cell is a sandbox as any other, with its own cgroup, namespaces, supervisor and user, but for
three things that come with the function: its files, which are mounted over two empty folders; its
limits; and its environment, which goes over a channel to the runtime alone. So nothing of a
function is in a cell before it is that function's, and no cell is two functions'.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration, PackageType
from emulator.errors import SandboxStartError
from emulator.host.cgroup_files import mebibytes
from emulator.host.mount_namespace import Tmp, show_folders
from emulator.live.backends.forks.template import received, seqpacket_pair
from emulator.live.backends.local.slots import CHANNEL, Slot
from emulator.live.backends.process.packages import extensions
from emulator.live.backends.process.sandbox import ProcessSandbox
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from emulator.core.model import VersionKey
    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2
    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.process.bubblewrap import Bubblewrap
    from emulator.live.backends.process.packages import Packages

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that a cell may take until its runtime waits."""
_READ_AT_START = re.compile(
    r"(LD_|PYTHON|MALLOC_|LC_|GLIBC_).*|LANG|LANGUAGE|GCONV_PATH|LOCPATH|NLSPATH"
)
"""Variables that an interpreter or its libraries read when they start, and not again."""
_MOST_MEMORY = 10_240
"""MB of a cell, Lambda's most: cgroup v1 lets limits be lowered in the order that they are set."""
_WHOLE = CpuShare(100_000, 100_000)


@dataclass(slots=True)
class _Cell:
    sandbox: ProcessSandbox
    channel: socket.socket
    """Leads to the runtime, and to each that the supervisor starts after it."""
    pid: int
    """The runtime, whose file system is the cell's."""

    async def end(self) -> None:
        self.channel.close()
        await self.sandbox.stop()


class ProcessStemCells:
    """Implements `StemCells` with frozen processes. Lives in one event loop.

    `name` gives each cell a name, and `cgroup` makes the cgroup of that name. `forget` is called
    with each sandbox that has ended, cells included.
    """

    def __init__(
        self,
        view: Bubblewrap,
        packages: Packages,
        name: Callable[[], str],
        cgroup: Callable[[str], CgroupV1 | CgroupV2],
        forget: Callable[[ProcessSandbox], None],
        *,
        tells_peers: bool,
    ) -> None:
        self._view = view
        self._packages = packages
        self._name = name
        self._cgroup = cgroup
        self._forget = forget
        self._tells_peers = tells_peers
        self._cells: dict[int, _Cell] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._names: set[str] = set()
        """Names of the cells that are made or being made."""

    def runtime(self, configuration: FunctionConfiguration, package: str) -> str:
        """Returns the runtime whose cells can serve; see `StemCells.runtime`.

        Those of image functions, of functions with extensions, and of functions with variables that
        an interpreter reads at its start are made for them.
        """
        own = any(map(_READ_AT_START.fullmatch, configuration.environment))
        fits = (
            configuration.package_type is PackageType.ZIP
            and configuration.runtime.startswith("python")
            and not own
            and not extensions(package)
        )
        return configuration.runtime if fits else ""

    async def make(self, cell: int, runtime: str, ended: Callable[[], None]) -> int:
        """Starts a runtime that waits for its function, and freezes that; see `StemCells.make`."""
        name = self._name()
        made: _Cell | None = None

        def lost(*_: object) -> None:
            if self._cells.get(cell) is not None and self._cells[cell] is made:
                self.drop(cell)
                ended()

        self._names.add(name)
        try:
            made = await self._made(name, runtime, lost)
        except BaseException:
            self._names.discard(name)
            raise
        self._cells[cell] = made
        # pages of files are shared, and taken back where memory is short
        memory = made.sandbox.memory()
        return 0 if memory is None else mebibytes(memory.anonymous)

    async def _made(self, name: str, runtime: str, lost: Callable[..., None]) -> _Cell:
        configuration = FunctionConfiguration("stem-cell", runtime, "", memory_mb=_MOST_MEMORY)
        spec = SandboxSpec(0, "", configuration, {}, _WHOLE)
        script = self._view.stem_script(spec, name, CHANNEL)
        channel, theirs = seqpacket_pair()
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            slot = self._slot(name, theirs.fileno())
        except BaseException:
            channel.close()
            raise
        finally:
            theirs.close()
        told = (_unheard, lost)
        sandbox = ProcessSandbox(
            slot, spec, self._view, told, self._ended, tells_peers=self._tells_peers
        )
        try:
            sandbox.launch(script, ())
            sandbox.exited.add_done_callback(lost)
            async with asyncio.timeout(_PATIENCE):
                pid = await self._waits(channel, sandbox)
        except TimeoutError as error:
            await _Cell(sandbox, channel, 0).end()
            raise SandboxStartError("The runtime of a stem cell does not come to wait.") from error
        except BaseException:
            await _Cell(sandbox, channel, 0).end()
            raise
        sandbox.freeze()
        return _Cell(sandbox, channel, pid)

    def _slot(self, name: str, channel: int) -> Slot:
        cgroup = self._cgroup(name)
        try:
            return Slot(name, cgroup, channel)
        except OSError:
            cgroup.remove()
            raise

    async def _waits(self, channel: socket.socket, sandbox: ProcessSandbox) -> int:
        """Returns the process id of the runtime when that waits for its function."""
        word = asyncio.ensure_future(received(channel))
        either: list[asyncio.Future[Any]] = [word, sandbox.exited]
        try:
            await asyncio.wait(either, return_when="FIRST_COMPLETED")
            if word.done() and word.result()[0]:
                return word.result()[1]
        finally:
            # a reader that stayed would be that of the next channel with this descriptor
            word.cancel()
            await asyncio.gather(word, return_exceptions=True)
        raise SandboxStartError("The runtime of a stem cell ended before it could wait.")

    def _ended(self, sandbox: ProcessSandbox) -> None:
        self._names.discard(sandbox.name)
        self._forget(sandbox)

    def drop(self, cell: int) -> None:
        """Ends a cell; see `StemCells.drop`."""
        known = self._cells.pop(cell, None)
        if known is not None:
            task = asyncio.get_running_loop().create_task(known.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def put(self, key: VersionKey, package: str) -> None:
        """Does nothing: sandboxes of cells are shown the package itself."""

    def forget(self, key: VersionKey) -> None:
        """Does nothing; see `put`."""

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Does nothing; see `put`."""

    async def start(
        self, spec: SandboxSpec, told: tuple[Output, ProcessEnded], cpus: tuple[int, ...]
    ) -> ProcessSandbox | None:
        """Makes a cell the sandbox of a function; None where the cell has ended, or cannot be that.

        Raises:
            SandboxStartError: no sandbox can have the function's environment.
        """
        known = self._cells.pop(spec.cell, None)
        if known is None:
            return None
        try:
            order = self._view.stem_order(spec, self._packages.read(spec.package))
            folder = Path(spec.package)
            folders = {"/var/task": folder / "task", "/opt": folder / "opt"}
            await show_folders(known.pid, folders, Tmp("/tmp", spec.tmp_mb))  # noqa: S108  # its own
            known.sandbox.specialise(spec, told, cpus, lambda: _send(known.channel, order))
        except OSError as error:
            log.warning("a stem cell cannot be specialised: %s", error)
            await known.end()
            return None
        except BaseException:
            await known.end()
            raise
        known.sandbox.exited.add_done_callback(lambda _: known.channel.close())
        self._names.discard(known.sandbox.name)
        return known.sandbox

    def names(self) -> set[str]:
        """Returns the names of the cells that are no sandboxes yet."""
        return set(self._names)

    async def close(self) -> None:
        """Ends every cell that became no sandbox."""
        for cell in tuple(self._cells):
            self.drop(cell)
        await asyncio.gather(*self._ending)


def _unheard(output: bytes) -> None:
    """Logs what a cell writes before it is any function's, as nothing of it is a function's."""
    log.warning("a stem cell writes: %s", output.decode(errors="replace").rstrip())


def _send(channel: socket.socket, order: bytes) -> None:
    channel.send(order)
