"""Keeps stem cells: containers of a runtime's base image, started and frozen.

A cell has its network slot, its limits, its supervisor and the kernel's filters as any sandbox. Its
supervisor waits. When it becomes a function's sandbox, three folders of this machine are mounted
into it from outside: the function's code, its layers, and one with the program that the supervisor
runs, in which the environment stands. So a cell serves any runtime, and nothing of a function is in
it before. Root's alone, on the engine's own machine.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Any

from emulator.core.function_configuration import FunctionConfiguration, PackageType
from emulator.errors import BuildError, NetworkLostError, SandboxStartError
from emulator.host.mount_namespace import Tmp, show_folders
from emulator.live.backends.docker.client import EngineError, Lane
from emulator.live.backends.docker.containers import (
    create_container,
    inspect_container,
    remove_container,
)
from emulator.live.backends.docker.user_switch import GROUP, USER
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from pathlib import Path

    from emulator.core.model import VersionKey
    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.function_files import FunctionFiles
    from emulator.live.backends.docker.image_facts import ImageFacts
    from emulator.live.backends.docker.packages import DockerPackages
    from emulator.live.backends.docker.sandbox import DockerSandbox
    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.sandbox_spec import InnerListener

log = logging.getLogger(__name__)

START_FOLDER = "/var/testbed"
"""Where a cell finds what to run; an empty folder before."""
_START = f"{START_FOLDER}/start"
_TASK, _OPT = "/var/task", "/opt"
_MOST_MEMORY = 10_240
"""MB of a cell, Lambda's most: cgroup v1 lets limits be lowered in the order that they are set."""
_WHOLE = CpuShare(100_000, 100_000)


@dataclass(slots=True)
class _Cell:
    sandbox: DockerSandbox
    inner: InnerListener
    pid: int
    """The container's first process, whose file system is the cell's."""

    async def end(self) -> None:
        self.inner.socket.close()
        await self.sandbox.stop()


class DockerStemCells:
    """Implements `StemCells` with containers. Lives in one event loop.

    `files` keeps those of functions. `listen` opens a socket in a network slot, and `launch`
    starts a container whose supervisor waits, by what is to be known of its image.
    """

    def __init__(
        self,
        engine: DockerEngine,
        packages: DockerPackages,
        labels: Mapping[str, str],
        files: FunctionFiles,
        *,
        listen: Callable[[], Awaitable[InnerListener | None]],
        launch: Callable[
            [SandboxSpec, tuple[Output, ProcessEnded], ImageFacts], Awaitable[DockerSandbox]
        ],
    ) -> None:
        self._engine = engine
        self._packages = packages
        self._labels = labels
        self._files = files
        self._listen = listen
        self._launch = launch
        self._cells: dict[int, _Cell] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._names: set[str] = set()
        self._shown: dict[str, str] = {}
        """The image whose files a container sees, by the container's name."""

    def runtime(self, configuration: FunctionConfiguration, package: str) -> str:
        """Returns the runtime whose cells can serve; see `StemCells.runtime`.

        An image function has no base that others share, and an extension starts with its sandbox.
        """
        facts = self._packages.facts(package)
        fits = (
            configuration.package_type is PackageType.ZIP
            and facts.shell
            and not facts.extensions
            and self._files.of(package).is_dir()
        )
        return configuration.runtime if fits else ""

    async def take_in(self, configuration: FunctionConfiguration, package: str) -> None:
        """Copies the files of a zip function out of its image, unless they are there.

        Raises:
            BuildError: they cannot be had.
        """
        if configuration.package_type is not PackageType.ZIP:
            return
        try:
            await self._files.take_in(package, partial(self._copy, package))
        except (EngineError, OSError) as error:
            raise BuildError(f"The files of {configuration.name} cannot be had: {error}") from error

    def put(self, key: VersionKey, package: str) -> None:
        """Takes from which image a version's sandboxes start; see `StemCells.put`."""
        if self._files.of(package).is_dir():
            self._files.put(key, package)
        else:
            self._files.forget(key)

    def forget(self, key: VersionKey) -> None:
        """Takes that a version is no more."""
        self._files.forget(key)

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Takes which versions there are, ready or not."""
        self._files.keep_only(keys)

    def gone(self, container: str, *, removed: bool) -> None:
        """Takes that a container has ended, a cell's or not, and whether the engine let it go."""
        self._names.discard(container)
        if removed and (package := self._shown.pop(container, None)) is not None:
            self._files.unseen(package)

    async def _copy(self, image: str, folder: Path) -> None:
        body = {"Image": image, "Entrypoint": ["-"], "Labels": dict(self._labels)}
        container = await create_container(self._engine, body)
        try:
            for name in (_TASK, _OPT):
                with tempfile.TemporaryFile(dir=folder) as file:
                    if await self._archive(container, name, file):
                        await asyncio.to_thread(_extract, file, folder)
        finally:
            await remove_container(self._engine, container)

    async def _archive(self, container: str, name: str, file: Any) -> bool:
        """Writes a folder of a container to a file; returns False where there is no such folder."""

        def write(piece: bytes) -> None:
            file.write(piece)

        path = f"GET /containers/{container}/archive"
        try:
            exchange = await self._engine.exchange(path, {"path": name}, write)
        except EngineError as error:
            if error.missing:
                return False
            raise
        await exchange.ended
        exchange.close()
        file.seek(0)
        return True

    async def make(self, cell: int, runtime: str, ended: Callable[[], None]) -> int:
        """Starts a container whose supervisor waits, and freezes that; see `StemCells.make`."""
        made: _Cell | None = None

        def lost(*_: object) -> None:
            if made is not None and self._cells.get(cell) is made:
                self.drop(cell)
                ended()

        try:
            made = await self._made(runtime, lost)
        except EngineError as error:
            raise SandboxStartError(f"The Docker engine started no stem cell: {error}") from error
        self._cells[cell] = made
        made.sandbox.exited.add_done_callback(lost)
        return 0  # the engine has a process beside each container, which is in no cgroup of theirs

    async def _made(self, runtime: str, lost: Callable[..., None]) -> _Cell:
        image, facts = await self._packages.base(runtime, log.info)
        inner = await self._listen()
        if inner is None:
            raise SandboxStartError("No network slot is there that a stem cell could join.")
        configuration = FunctionConfiguration("stem-cell", runtime, "", memory_mb=_MOST_MEMORY)
        spec = SandboxSpec(0, image, configuration, {}, _WHOLE, inner=inner)
        program = replace(facts, entry_point=("/bin/sh", _START), command=())
        try:
            sandbox = await self._launch(spec, (_unheard, lost), program)
        except BaseException:
            inner.socket.close()
            raise
        made = _Cell(sandbox, inner, 0)
        try:
            found = await inspect_container(self._engine, sandbox.name, lane=Lane.START)
        except BaseException:
            await made.end()
            raise
        made.pid = found["State"]["Pid"]
        self._names.add(sandbox.name)
        sandbox.freeze()
        return made

    def listener(self, cell: int) -> InnerListener | None:
        """Returns where the Runtime API of a cell's sandbox is to listen; None where it ended."""
        known = self._cells.get(cell)
        return None if known is None else replace(known.inner, of_cell=cell)

    def has(self, inner: InnerListener) -> bool:
        """Returns whether a listener is a cell's."""
        return inner.of_cell in self._cells

    def drop(self, cell: int) -> None:
        """Ends a cell; see `StemCells.drop`."""
        known = self._cells.pop(cell, None)
        if known is not None:
            task = asyncio.get_running_loop().create_task(known.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def give_up(self, inner: InnerListener) -> None:
        """Ends the cell of a listener."""
        self.drop(inner.of_cell)

    async def start(
        self, spec: SandboxSpec, told: tuple[Output, ProcessEnded], cpus: tuple[int, ...]
    ) -> DockerSandbox:
        """Makes a cell the sandbox of a function.

        Raises:
            NetworkLostError: the cell has ended, or could not become that; all is to begin anew.
        """
        known = self._cells.pop(spec.cell, None)
        if known is None:
            raise NetworkLostError(f"The stem cell {spec.cell} has ended.")
        self._shown[known.sandbox.name] = spec.package
        self._files.seen(spec.package)
        start = self._files.start_folder()
        known.sandbox.exited.add_done_callback(lambda _: shutil.rmtree(start, ignore_errors=True))
        try:
            _write_program(start, self._program(spec))
            files = self._files.of(spec.package)
            folders = {_TASK: files / "task", _OPT: files / "opt", START_FOLDER: start}
            await show_folders(known.pid, folders, Tmp("/tmp", spec.tmp_mb))  # noqa: S108  # its own
            known.sandbox.specialise(spec, told, cpus)
        except (OSError, ValueError) as error:
            await known.end()
            raise NetworkLostError(f"A stem cell cannot be specialised: {error}") from error
        except BaseException:
            await known.end()
            raise
        self._names.discard(known.sandbox.name)
        return known.sandbox

    def _program(self, spec: SandboxSpec) -> str:
        """Returns what the supervisor runs as the function's user, each time that it is told."""
        facts = self._packages.facts(spec.package)
        variables = dict(facts.environment) | dict(spec.environment)
        words = [f"{name}={value}" for name, value in variables.items()]
        words += facts.words(spec.configuration)
        return f"cd {_TASK} || exit 126\nexec /usr/bin/env -i {' '.join(map(quote, words))}\n"

    def names(self) -> set[str]:
        """Returns the names of the containers that are no sandboxes yet."""
        return set(self._names)

    async def close(self) -> None:
        """Ends every cell that became no sandbox."""
        for cell in tuple(self._cells):
            self.drop(cell)
        await asyncio.gather(*self._ending)


def _write_program(folder: Path, program: str) -> None:
    """Writes what has a function's credentials, for the function's user alone to read."""
    file = folder / "start"
    file.write_text(program)
    for path, mode in ((file, 0o400), (folder, 0o500)):
        path.chmod(mode)
        os.chown(path, USER, GROUP)


def _unheard(output: bytes) -> None:
    """Logs what a cell writes before it is any function's, as nothing of it is a function's."""
    log.warning("a stem cell writes: %s", output.decode(errors="replace").rstrip())


def _extract(file: Any, folder: Path) -> None:
    with tarfile.open(fileobj=file) as archive:
        archive.extractall(folder, numeric_owner=True, filter="tar")
