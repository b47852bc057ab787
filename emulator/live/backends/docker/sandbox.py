"""Runs one sandbox on a Docker engine: its life, its processes and its end."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from typing import TYPE_CHECKING

from emulator.host.jvm_counters import JvmWatch
from emulator.host.peers import comes_from
from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.containers import (
    inspect_container,
    remove_container,
    signal_container,
)
from emulator.live.backends.docker.oom import OomWitness
from emulator.live.backends.docker.streams import Demultiplexer
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.model import Seconds
    from emulator.host.cgroup_v1 import CgroupV1
    from emulator.host.cgroup_v2 import CgroupV2
    from emulator.host.jvm_counters import JvmCounters
    from emulator.host.memory_counters import MemoryCounters
    from emulator.host.peers import Peer
    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.control import SandboxControl
    from emulator.live.backends.docker.output_watch import OutputWatch, WrittenOutput
    from emulator.live.backends.docker.streams import Exchange
    from emulator.live.backends.interface import Output, ProcessEnded
    from emulator.live.backends.page_cache import Mount
    from emulator.live.backends.sandbox_spec import SandboxSpec

log = logging.getLogger(__name__)

KILLED = 137
_LAST_OUTPUT = 10.0
"""Seconds that the output may still come after its sandbox's end: an engine may stand still."""
_OOM_WORD = 0.15
"""Seconds that the engine may tell of an out-of-memory kill after it told of the end."""
_RESET_PATIENCE = 10.0
"""Seconds that a reset may take: a machine that stands still for some costs no sandbox."""
_LAST_LINES = 10.0
"""Seconds that an invocation's last output may take from the container to here. It takes .3 ms;
where the machine stood still, two seconds were too little once."""
_LAST_LINES_MISSED = 0.25
"""The same of a sandbox whose supervisor has not answered in time, until it answers again."""
_STREAMS = (1, 2)


class DockerSandbox:
    """Implements `SandboxProcess`."""

    def __init__(
        self,
        name: str,
        spec: SandboxSpec,
        told: tuple[Output, ProcessEnded],
        engine: DockerEngine,
        on_gone: Callable[[DockerSandbox, bool], None],
        *,
        resettable: bool,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.create: Seconds = 0.0
        self.start: Seconds = 0.0
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self.slot: str | None = None
        """The name of the slot holder whose network the sandbox joined."""
        self.addresses: asyncio.Task[frozenset[str]] | None = None
        """Asks the engine from which addresses it dials; None where connections show another."""
        self.launching: asyncio.Task[None] | None = None
        """The task that makes the container; a stop waits for it, so that nothing is made later."""
        self.mount: Mount | None = None
        """The sandbox's own view of its image, where page caches are private."""
        self.started = False
        self.resettable = resettable
        """Whether the container's first process is a supervisor."""
        self._spec = spec
        self._output, self._tell = told
        self._frames = Demultiplexer()
        self._supervisor = Supervisor(self._send, self._process_ended, self._was_reset)
        self._written: WrittenOutput | None = None
        """Whether anything was written since the last echo; None where that cannot be seen."""
        self._output_watch: OutputWatch | None = None
        """Finds what tells of written output, until that was asked for once."""
        self._patience = _LAST_LINES
        self._echo: asyncio.Future[None] | None = None
        """The end of the output that was last asked for."""
        self._freezes_after_echo = False
        self._unsent: list[bytes] = []
        """Commands that were given while no connection to the container stood."""
        self._resetting: list[asyncio.Future[None]] = []
        self._init_over = False
        self._engine = engine
        self._on_gone = on_gone
        self._control: SandboxControl | None = None
        self._cgroup: CgroupV1 | CgroupV2 | None = None
        self._attachment: Exchange | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._ending = False
        self._oom = OomWitness()
        self._jvm = JvmWatch(self._pids)

    # what the engine asks for

    def run(self, name: str) -> None:
        if self.resettable:
            self._jvm.restarted()
            self._supervisor.run(name)

    def terminate(self, name: str) -> None:
        if self.resettable:
            self._supervisor.terminate(name)
        elif name == RUNTIME and not self.exited.done():
            self._engine.spawn(signal_container(self._engine, self.name, "SIGTERM"))

    async def reset(self) -> None:
        if not self.resettable:
            await self.stop()
        if self.exited.done():
            return
        done = asyncio.get_running_loop().create_future()
        self._resetting.append(done)
        self.thaw()
        self._change(lambda control: control.lift_cpu())  # else dying takes several periods
        self._supervisor.reset()
        await asyncio.wait(
            [done, self.exited], timeout=_RESET_PATIENCE, return_when="FIRST_COMPLETED"
        )
        if done.done() and not self.exited.done():
            self._limit_cpu()
        else:
            await self.stop()

    async def owns(self, peer: Peer) -> bool:
        if self.addresses is None:
            return True
        # shielded, as the sandboxes that join a slot one after the other share what was asked
        return comes_from(await asyncio.shield(self.addresses), peer)

    def limit_cpu(self) -> None:
        self._init_over = True
        self._limit_cpu()

    def _limit_cpu(self) -> None:
        share = self._spec.cpu if self._init_over else self._spec.init_cpu
        if share is not None:
            self._change(lambda control: control.limit_cpu(share.quota_us, share.period_us))

    def output_until_now(self) -> asyncio.Future[None] | None:
        if not self.resettable or self.exited.done():
            return None
        if self._written is not None and not self._written.look():
            return None
        loop = asyncio.get_running_loop()
        echo = self._echo = loop.create_future()

        def over(patience: Seconds) -> None:
            if not echo.done():
                self._patience = patience
                self._write(self._frames.rest())
                self._look_for_output()
                echo.set_result(None)

        bound = loop.call_later(self._patience, over, _LAST_LINES_MISSED)
        echo.add_done_callback(lambda _: bound.cancel())
        self._supervisor.echo(functools.partial(over, _LAST_LINES))
        return echo

    def _look_for_output(self) -> None:
        """Lets the kernel tell whether anything is written from now on."""
        if self._output_watch is not None:
            self._written = self._output_watch.of(self._pids())
            self._output_watch = None  # what cannot be seen once is not looked for again
        elif self._written is not None and not self._written.forget():
            self._written.close()
            self._written = None

    def freeze(self) -> None:
        self._oom.invocation_ended()
        if self._echo is None or self._echo.done():
            self._change(lambda control: control.freeze())
        else:  # frozen, the supervisor could not answer
            self._freezes_after_echo = True
            self._echo.add_done_callback(self._freeze_late)

    def _freeze_late(self, _: asyncio.Future[None]) -> None:
        if self._freezes_after_echo:
            self._freezes_after_echo = False
            self._change(lambda control: control.freeze())

    def thaw(self) -> None:
        self._freezes_after_echo = False
        self._change(lambda control: control.thaw())

    def _change(self, change: Callable[[SandboxControl], None]) -> None:
        """Changes the running sandbox; one that cannot be changed is of no use and is stopped."""
        if self._control is None or self.exited.done():
            return
        try:
            change(self._control)
        except OSError as error:
            if self._stopping is None:
                log.warning(
                    "The sandbox %s cannot be controlled and is stopped: %s", self.name, error
                )
                self._stopping = self._engine.spawn(self._stop())

    def max_memory_mb(self) -> int:
        self._oom.invocation_ended()  # since then it is asked for
        return self._cgroup.max_anon_mb() if self._cgroup is not None else 0

    def memory(self) -> MemoryCounters | None:
        return self._cgroup.memory() if self._cgroup is not None else None

    def jvm(self) -> JvmCounters | None:
        return self._jvm.read()

    def _pids(self) -> list[int]:
        return self._cgroup.pids() if self._cgroup is not None else []

    def throttled(self) -> tuple[int, Seconds]:
        return self._cgroup.throttled() if self._cgroup is not None else (0, 0.0)

    def cpu_seconds(self) -> Seconds:
        return self._cgroup.cpu_seconds() if self._cgroup is not None else 0.0

    async def stop(self) -> None:
        if self._stopping is None:
            self._stopping = self._engine.spawn(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        removed = False
        try:
            if self.launching is not None:
                await asyncio.wait([self.launching])
            self.thaw()  # on cgroup v1 a frozen process does not die
            removed = await remove_container(self._engine, self.name)
        finally:  # whatever fails, those who wait for the end must hear of it
            self._end(Exit(KILLED))
            if self.mount is not None:
                await self.mount.release()
            if self._attachment is not None:
                self._attachment.close()
            self._oom.close()
            self._jvm.close()
            if self._written is not None:
                self._written.close()
            if self._cgroup is not None:
                self._cgroup.close()
            self._on_gone(self, removed)

    # what the backend tells it

    async def attach(self) -> None:
        """Connects to the container's streams; before its start, so that no output is lost.

        Called again after an interruption; what was written meanwhile is lost.
        """
        if self._attachment is not None and not self._attachment.ended.done():
            return
        again = self._attachment is not None
        self._frames = Demultiplexer()
        request = f"POST /containers/{self.name}/attach"
        query = {"stream": "1", "stdout": "1", "stderr": "1"}
        if self.resettable:
            query["stdin"] = "1"
        upgrade = {"Connection": "Upgrade", "Upgrade": "tcp"}
        self._attachment = await self._engine.exchange(
            request, query, self._received, headers=upgrade
        )
        self._attachment.ended.add_done_callback(self._output_ended)
        if again and self.resettable:
            self._supervisor.ask()
        unsent, self._unsent = self._unsent, []
        for command in unsent:
            self._send(command)

    def specialise(
        self, spec: SandboxSpec, told: tuple[Output, ProcessEnded], cpus: tuple[int, ...]
    ) -> None:
        """Becomes a function's sandbox, with its limits, and starts its first process.

        Raises:
            OSError: the kernel refuses.
        """
        self._spec, (self._output, self._tell) = spec, told
        for pid in self._pids() if cpus else ():
            os.sched_setaffinity(pid, cpus)
        if self._cgroup is not None:
            self._cgroup.limit_memory(spec.configuration.memory_mb)
        self._limit_cpu()
        self.greet()
        self.thaw()

    def greet(self) -> None:
        """Sends the supervisor what to start, to be found when the container comes to life."""
        if self.resettable:
            self._supervisor.greet(self._spec.extensions)

    def _send(self, command: bytes) -> None:
        if self._attachment is None or self._attachment.ended.done():
            self._unsent.append(command)
        else:
            self._attachment.write(command)

    def controlled_by(
        self,
        control: SandboxControl,
        cgroup: CgroupV1 | CgroupV2 | None,
        output_watch: OutputWatch,
    ) -> None:
        """Takes what changes the sandbox, and the cgroup to read from, writable or not."""
        self._control, self._cgroup, self._output_watch = control, cgroup, output_watch
        if cgroup is not None:
            self._oom.watch(cgroup)

    def ran_out_of_memory(self) -> None:
        """Hears from the engine that the kernel killed a process for want of memory."""
        self._oom.told()

    def died(self, code: int) -> None:
        """Hears from the engine that the first process has ended, and all others with it."""
        if not self._ending:
            self._ending = True
            self._engine.spawn(self._end_after_last_output(code))

    async def look_up(self) -> None:
        """Asks the engine how the container ended, where its event was missed.

        Raises:
            EngineError: the engine does not answer.
        """
        try:
            found = await inspect_container(self._engine, self.name)
        except EngineError as error:
            if not error.missing:
                raise
            self.lost()
        else:
            if found["State"]["OOMKilled"]:
                self.ran_out_of_memory()
            self.died(found["State"]["ExitCode"])

    def lost(self) -> None:
        """Ends the sandbox of an engine that is gone: nothing else can be known of its end."""
        self._end(Exit(KILLED))

    def _received(self, piece: bytes) -> None:
        for stream, payload in self._frames.feed(piece):
            if not self.resettable:
                self._write(self._frames.lines(stream, payload))
                continue
            for kept, mark in self._supervisor.marks.split(stream, payload):
                self._write(self._frames.lines(stream, kept))
                if mark is not None:
                    self._supervisor.heard([mark])

    def _output_ended(self, _: asyncio.Future[None]) -> None:
        self._write(self._frames.rest())
        for stream in _STREAMS:
            self._write(self._supervisor.marks.rest(stream))

    def _write(self, output: bytes) -> None:
        if output:
            self._output(output)

    def _process_ended(self, name: str, code: int) -> None:
        self._write(self._frames.rest())
        if self.exited.done() or self._stopping is not None:
            return
        killed = code == KILLED and not self._resetting
        starved = self._oom.process_ended() if killed else False
        if starved is None:
            self._engine.spawn(self._tell_later(name))
        else:
            self._tell(name, Exit(code, out_of_memory=starved))

    async def _tell_later(self, name: str) -> None:
        """Tells the end of a killed process when the engine had time to say why."""
        await asyncio.sleep(_OOM_WORD)
        if not self.exited.done():
            self._tell(name, Exit(KILLED, out_of_memory=self._oom.verdict is True))

    def _was_reset(self) -> None:
        self._write(self._frames.rest())
        self._oom.was_reset()
        if self._resetting:
            done = self._resetting.pop(0)
            if not done.done():
                done.set_result(None)

    async def _end_after_last_output(self, code: int) -> None:
        if self._attachment is not None:
            await asyncio.wait([self._attachment.ended], timeout=_LAST_OUTPUT)
        if code == KILLED and self._oom.verdict is None and self._stopping is None:
            await asyncio.sleep(_OOM_WORD)
        self._end(Exit(code, out_of_memory=code == KILLED and self._oom.verdict is True))

    def _end(self, ended: Exit) -> None:
        if self._echo is not None and not self._echo.done():
            self._echo.set_result(None)
        if not self.exited.done():
            self.exited.set_result(ended)
