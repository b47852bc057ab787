"""Runs one sandbox of processes: its supervisor, its limits, its freezing, its end.

This module knows neither requests nor the Runtime API; what a sandbox sees is its view's matter.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from emulator.host.jvm_counters import JvmWatch
from emulator.host.peers import Owners
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.local.death_watch import DeathWatch
from emulator.live.backends.local.host_sandbox import HostSandbox
from emulator.live.backends.process.memory import RuntimeMemory
from emulator.live.backends.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.model import Seconds
    from emulator.host.jvm_counters import JvmCounters
    from emulator.host.memory_counters import MemoryCounters
    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.local.slots import Slot
    from emulator.live.backends.page_cache import Mount
    from emulator.live.backends.process.view import View
    from emulator.live.backends.sandbox_spec import SandboxSpec

_KILLED = 128 + signal.SIGKILL
_RESET_PATIENCE = 10.0
"""Seconds that a reset may take: a machine that stands still for some costs no sandbox."""
_STDOUT = 1
"""The stream of all output, as everything comes through one pipe."""


class ProcessSandbox(HostSandbox):
    """Implements `SandboxProcess`. Lives in one event loop."""

    resettable = True

    def __init__(
        self,
        slot: Slot,
        spec: SandboxSpec,
        view: View,
        told: tuple[Output, ProcessEnded],
        forget: Callable[[ProcessSandbox], None],
        *,
        tells_peers: bool = True,
        mount: Mount | None = None,
    ) -> None:
        super().__init__(spec, slot.cgroup, Owners(slot.pids) if tells_peers else None)
        self.name = slot.name
        self.create = 0.0
        self.start = 0.0
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self._slot = slot
        self._cgroup = slot.cgroup
        self._freezer = slot.cgroup is not None and "freezer" in slot.cgroup.controllers
        self._own_processes = view.launchers > 0
        self._tmp = view.tmp(slot.name)
        self._output, self._tell = told
        self._forget = forget
        self._mount = mount
        self._memory = RuntimeMemory(slot.pid, view.launchers)
        self._jvm = JvmWatch(slot.pids)
        self._supervisor = Supervisor(slot.send, self._process_ended, self._was_reset)
        self._deaths = DeathWatch(loop, self._frozen_process_died)
        self._frozen = False
        self._resetting: list[asyncio.Future[None]] = []
        self._order: Callable[[], None] | None = None
        """What tells each runtime its function, where the sandbox was a stem cell."""
        self._oom_kills = 0
        self._stopped: asyncio.Task[None] | None = None
        slot.exited.add_done_callback(self._gone)

    def launch(self, script: bytes, cpus: tuple[int, ...]) -> None:
        """Becomes what `script` says, on these CPUs (none: on all).

        Raises:
            OSError: The kernel refuses.
        """
        if cpus:
            os.sched_setaffinity(self._slot.pid, cpus)
        if self._cgroup:
            self._cgroup.limit_memory(self._spec.configuration.memory_mb)
        self._limit_cpu()
        self._slot.launch(script, self._received)
        self._supervisor.greet(self._spec.extensions)

    def specialise(
        self,
        spec: SandboxSpec,
        told: tuple[Output, ProcessEnded],
        cpus: tuple[int, ...],
        order: Callable[[], None],
    ) -> None:
        """Becomes a function's sandbox, with its limits; `order` tells the runtime its function.

        Raises:
            OSError: The kernel refuses.
        """
        self._spec, (self._output, self._tell), self._order = spec, told, order
        for pid in self._slot.pids() if cpus else ():
            os.sched_setaffinity(pid, cpus)
        if self._cgroup:
            self._cgroup.limit_memory(spec.configuration.memory_mb)
        self._limit_cpu()
        order()
        self.thaw()

    # what the engine asks for

    def run(self, name: str) -> None:
        self._jvm.restarted()
        self._supervisor.run(name)
        if self._order is not None:
            self._order()

    def terminate(self, name: str) -> None:
        self._supervisor.terminate(name)

    async def reset(self) -> None:
        if self.exited.done():
            return
        done = asyncio.get_running_loop().create_future()
        self._resetting.append(done)
        self.thaw()
        if self._cgroup:
            self._cgroup.lift_cpu()  # at a small share, dying takes several periods
        if not self._own_processes:
            self._signal(signal.SIGKILL)
        self._supervisor.reset()
        await asyncio.wait(
            [done, self.exited], timeout=_RESET_PATIENCE, return_when="FIRST_COMPLETED"
        )
        if done.done() and not self.exited.done() and await self._swept():
            self._limit_cpu()
        else:
            await self.stop()

    async def _swept(self) -> bool:
        """Kills what left its process group, where the supervisor sees more than the sandbox."""
        if self._own_processes or self._cgroup is None:
            return True
        supervisor = self._slot.pid
        pause = 0.001
        while pause < _RESET_PATIENCE / 2:
            if set(self._cgroup.pids()) <= {supervisor}:
                return True
            self._cgroup.kill(spare={supervisor})
            await asyncio.sleep(pause)  # nobody tells that a cgroup became empty
            pause *= 2
        return False

    def freeze(self) -> None:
        self._deaths.watch(self._memory.processes())
        self._frozen = True
        if self._cgroup and self._freezer:
            # what the kernel killed until now was a child, since the runtime lives
            self._oom_kills = self._cgroup.oom_kills()
            self._cgroup.freeze()
        else:
            self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._frozen = False
        if self._cgroup and self._freezer:
            self._cgroup.thaw()
        else:
            self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        """Signals every process that can be reached without a freezer."""
        if self._own_processes:
            self._slot.signal_group(number)
            return
        for group in self._supervisor.groups():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def max_memory_mb(self) -> int:
        """Returns the larger of the cgroup's peak and the largest peak of a process, in MiB."""
        sampled = self._cgroup.max_anon_mb() if self._cgroup else 0
        return max(sampled, self._memory.peak_mb())

    def memory(self) -> MemoryCounters | None:
        return self._cgroup.memory() if self._cgroup is not None else None

    def jvm(self) -> JvmCounters | None:
        return self._jvm.read()

    def throttled(self) -> tuple[int, Seconds]:
        return self._cgroup.throttled() if self._cgroup else (0, 0.0)

    def cpu_seconds(self) -> Seconds:
        return self._cgroup.cpu_seconds() if self._cgroup else 0.0

    async def stop(self) -> None:
        if self._stopped is None:
            self._stopped = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopped)

    async def _stop(self) -> None:
        if not self._own_processes:
            self._signal(signal.SIGKILL)
        await self._slot.end()
        self._deaths.close()
        self._jvm.close()
        if self._tmp is not None:
            await asyncio.to_thread(shutil.rmtree, self._tmp, ignore_errors=True)
        if self._mount is not None:
            await self._mount.release()
        self._forget(self)

    # what happens to it

    def _frozen_process_died(self) -> None:
        """Thaws the supervisor, which then tells whose end it was.

        Somebody outside killed it: the kernel for want of memory, or a person. On cgroup v1 a
        frozen process is killed only when it is thawed, so nobody dies there before.
        """
        if self._frozen and self._stopped is None:
            self.thaw()

    def _received(self, piece: bytes) -> None:
        kept, marks = self._supervisor.marks.feed(_STDOUT, piece)
        if kept:
            self._output(kept)
        self._supervisor.heard(marks)

    def _process_ended(self, name: str, code: int) -> None:
        if self.exited.done() or self._stopped is not None:
            return
        starved = code == _KILLED and not self._resetting and self._starved()
        self._tell(name, Exit(code, out_of_memory=starved and name == RUNTIME))

    def _starved(self) -> bool:
        """Tells whether the kernel has killed for want of memory since the last call."""
        if self._cgroup is None:
            return False
        before, self._oom_kills = self._oom_kills, self._cgroup.oom_kills()
        return self._oom_kills > before

    def _was_reset(self) -> None:
        if self._cgroup:
            self._oom_kills = self._cgroup.oom_kills()
        if self._resetting:
            done = self._resetting.pop(0)
            if not done.done():
                done.set_result(None)

    def _gone(self, exited: asyncio.Future[int]) -> None:
        if rest := self._supervisor.marks.rest(_STDOUT):
            self._output(rest)
        killed = exited.result() == _KILLED and self._stopped is None
        self.exited.set_result(Exit(exited.result(), out_of_memory=killed and self._starved()))
