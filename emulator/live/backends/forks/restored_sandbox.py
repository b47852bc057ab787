"""Runs one sandbox that is a fork of a template: its limits, its freezing, its end.

The counterpart of sandbox.py. There is no supervisor: the sandbox is its runtime, and is gone with
that, as nothing could start the runtime again but another restore.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from emulator.errors import SandboxStartError
from emulator.host.peers import Owners
from emulator.host.processes import resident_memory
from emulator.live.backends.forks.template import received
from emulator.live.backends.interface import Exit
from emulator.live.backends.local.death_watch import DeathWatch
from emulator.live.backends.local.host_sandbox import HostSandbox
from emulator.live.backends.local.output import OutputReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.model import Seconds
    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.backends.forks.networks import ForkNetwork
    from emulator.live.backends.forks.template import Restored, Template
    from emulator.live.backends.interface import Output
    from emulator.live.backends.sandbox_spec import SandboxSpec

_KILLED = 128 + signal.SIGKILL
_PATIENCE = 20.0
"""Seconds that a killed sandbox may take to be gone."""
_HOSTS = "127.0.0.1 localhost\n::1 localhost\n{} sandbox.localdomain sandbox\n"
"""/etc/hosts of a sandbox that has an address of its own."""
_STEP = 10.0
"""Seconds that a step of the restore may take."""


class RestoredSandbox(HostSandbox):
    """Implements `SandboxProcess`. Lives in one event loop."""

    resettable = False

    def __init__(
        self,
        name: str,
        cgroup: CgroupV1 | CgroupV2,
        spec: SandboxSpec,
        forget: Callable[[RestoredSandbox], None],
        *,
        tells_peers: bool,
    ) -> None:
        super().__init__(spec, cgroup, Owners(cgroup.pids) if tells_peers else None)
        self.name = name
        self.create = 0.0
        self.start = 0.0
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = self._loop.create_future()
        self._cgroup = cgroup
        self.network: ForkNetwork | None = None
        self._forget = forget
        self._deaths = DeathWatch(self._loop, self._frozen_process_died)
        self._template: Template | None = None
        self._restored: Restored | None = None
        self._reader: OutputReader | None = None
        self._following: asyncio.Task[None] | None = None
        self._runtime = 0
        self.begun = False
        """Whether it is a sandbox, and no fork that stands ready."""
        self._frozen = False
        self._peak_mb = 0
        self._shared = 0
        """The largest part of the runtime's memory so far that is of files, in KiB."""
        self._oom_kills = 0
        self._stopped: asyncio.Task[None] | None = None

    async def prepare(
        self, template: Template, cpus: tuple[int, ...], network: ForkNetwork | None = None
    ) -> None:
        """Becomes a fork of the template, with limits; when this returns, `begin` is all it lacks.

        Raises:
            SandboxStartError: the fork could not be made a sandbox of its own.
            OSError: the kernel refuses a limit.
        """
        self._cgroup.limit_memory(self._spec.configuration.memory_mb)
        self._limit_cpu()
        restored = await template.fork(network.descriptors if network else ())
        self._template, self._restored, self.network = template, restored, network
        try:
            if not await self._moved_itself(restored):
                # the kernel waits for all processors, with all that start at once
                await asyncio.to_thread(self._cgroup.take_in, restored.pid)
        finally:
            template.moved()
        if cpus:
            os.sched_setaffinity(restored.pid, cpus)
        order = {
            "tmp_bytes": self._spec.tmp_mb << 20,
            "hosts": _HOSTS.format(network.address) if network else "",
        }
        restored.control.send(json.dumps(order).encode())
        async with asyncio.timeout(_STEP):
            message, self._runtime = await received(restored.control)
        if message != b"runs":
            raise SandboxStartError("The fork of the snapshot could not be made a sandbox.")
        self._following = asyncio.create_task(self._follow(restored))

    async def _moved_itself(self, restored: Restored) -> bool:
        """Has the fork move itself, where that costs less; returns whether it did.

        A fork is a process of one thread, which the kernel moves without a lock. What it says of
        the move is looked at, as the function's init ran in the same process.
        """
        opened: list[int] = []
        try:
            files = self._cgroup.cheap_join_files
            opened.extend(os.open(file, os.O_WRONLY | os.O_CLOEXEC) for file in files)
            if not opened:
                return False
            socket.send_fds(restored.control, [b"move"], opened)
        finally:
            for descriptor in opened:
                os.close(descriptor)
        async with asyncio.timeout(_STEP):
            message, _ = await received(restored.control)
        return message == b"moved" and self._cgroup.has(restored.pid)

    def fits(self, spec: SandboxSpec) -> bool:
        """Returns whether the prepared sandbox lives, and has the size of a spec."""
        own = self._spec
        same = (own.tmp_mb, own.configuration.memory_mb) == (
            spec.tmp_mb,
            spec.configuration.memory_mb,
        )
        return same and not self.exited.done()

    def begin(self, spec: SandboxSpec, environment: Mapping[str, str], output: Output) -> None:
        """Goes on as the sandbox of a spec, which is that of the snapshot but for its number.

        Raises:
            OSError: the fork has ended.
        """
        assert self._restored is not None, "prepare first"
        self._spec = spec
        self._limit_cpu()
        self._reader = OutputReader(self._loop, self._restored.output, output)
        self.begun = True
        # nothing is awaited from here until the caller has the sandbox
        self._restored.control.send(json.dumps(dict(environment)).encode())

    # what the engine asks for

    def run(self, name: str) -> None:
        """Does nothing: the runtime runs, or its sandbox is gone."""

    def terminate(self, name: str) -> None:  # noqa: ARG002  # there is the runtime alone
        self._signal(signal.SIGTERM)

    async def reset(self) -> None:
        await self.stop()

    def freeze(self) -> None:
        if self._runtime:
            self._deaths.watch([self._runtime])
        self._frozen = True
        # what the kernel killed until now was a child, since the runtime lives
        self._oom_kills = self._cgroup.oom_kills()
        self._cgroup.freeze()

    def thaw(self) -> None:
        self._frozen = False
        self._cgroup.thaw()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if self._runtime:
                os.kill(self._runtime, number)

    def max_memory_mb(self) -> int:
        """Returns the larger of the cgroup's peak and the runtime's own, in MiB.

        What the runtime shares with its template counts in the latter, as on Lambda, where a
        restored sandbox has all of its snapshot's memory.
        """
        with suppress(OSError):  # it has ended
            memory = resident_memory(self._runtime)
            self._shared = max(self._shared, memory.shared)
            own = -(-max(0, memory.peak - self._shared) // 1024)
            self._peak_mb = max(self._peak_mb, own)
        return max(self._cgroup.max_anon_mb(), self._peak_mb)

    def memory(self) -> MemoryCounters | None:
        return self._cgroup.memory()

    def jvm(self) -> None:
        return None  # only Python is restored

    def throttled(self) -> tuple[int, Seconds]:
        return self._cgroup.throttled()

    def cpu_seconds(self) -> Seconds:
        return self._cgroup.cpu_seconds()

    async def stop(self) -> None:
        if self._stopped is None:
            self._stopped = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopped)

    async def _stop(self) -> None:
        restored = self._restored
        if restored is not None and self._runtime == 0:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(restored.pid, signal.SIGKILL)  # it may not have been moved yet
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._kill()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        self._exit(_KILLED)
        self._deaths.close()
        self._cgroup.close()
        if restored is not None:
            if self._reader is not None:
                self._reader.close()
            os.close(restored.output)
            restored.control.close()
        if self._template is not None:
            self._template.gone()
        self._forget(self)

    async def _kill(self) -> None:
        pause = 0.001
        while True:
            self._cgroup.kill()
            if self._cgroup.remove():
                return
            await asyncio.sleep(pause)  # cgroup v1 tells nobody that a cgroup became empty
            pause = min(pause * 2, 0.1)

    # what happens to it

    def _frozen_process_died(self) -> None:
        """Thaws the first process, which then tells of the end."""
        if self._frozen and self._stopped is None:
            self.thaw()

    async def _follow(self, restored: Restored) -> None:
        """Waits for the word of the sandbox's first process, or for its end without a word."""
        try:
            message, _ = await received(restored.control)
        except OSError:
            message = b""
        word, _, code = message.partition(b" ")
        ended = int(code) if word == b"ended" and code.isdigit() else _KILLED
        read = asyncio.Event()
        if self._reader is not None:
            self._reader.finish(read.set)
            await read.wait()
        self._exit(ended)

    def _exit(self, code: int) -> None:
        if self.exited.done():
            return
        starved = code == _KILLED and self._stopped is None and self._starved()
        self.exited.set_result(Exit(code, out_of_memory=starved))

    def _starved(self) -> bool:
        """Tells whether the kernel has killed for want of memory since the last look."""
        before, self._oom_kills = self._oom_kills, self._cgroup.oom_kills()
        return self._oom_kills > before
