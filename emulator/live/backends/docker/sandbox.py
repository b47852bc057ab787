"""One sandbox on a Docker engine: its life, its processes and its end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from emulator.host.peers import comes_from
from emulator.live.backends.docker.client import EngineError
from emulator.live.backends.docker.oom import OomWitness
from emulator.live.backends.docker.streams import Demultiplexer
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.core.model import Seconds
    from emulator.host.cgroup import CgroupV1, CgroupV2
    from emulator.host.peers import Peer
    from emulator.live.backends.docker.client import DockerEngine
    from emulator.live.backends.docker.control import SandboxControl
    from emulator.live.backends.docker.streams import Exchange
    from emulator.live.backends.interface import Output, ProcessEnded, SandboxSpec

log = logging.getLogger(__name__)

LABEL = "serverless-testbed.instance"
KILLED = 137
_CONFLICT = 409
_LAST_OUTPUT = 1.0
"""Seconds that the output may still come after its sandbox's end."""
_OOM_WORD = 0.15
"""Seconds that the engine's word of an out-of-memory kill may come after that of the end."""
_RESET_PATIENCE = 5.0
"""Seconds that a reset may take."""
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
        """The holder whose network it joined."""
        self.addresses: asyncio.Task[frozenset[str]] | None = None
        """Asks the engine from which addresses it dials; None where connections show another."""
        self.launching: asyncio.Task[None] | None = None
        """What makes it; a stop waits for that, so that nothing is made after it."""
        self.started = False
        self.resettable = resettable
        """Whether its first process is a supervisor."""
        self._spec = spec
        self._output, self._tell = told
        self._frames = Demultiplexer()
        self._supervisor = Supervisor(self._send, self._process_ended, self._was_reset)
        self._heard: list[tuple[int, str]] = []
        """Marks in the piece of output that is being passed on."""
        self._unsent: list[bytes] = []
        """Commands from while nothing was attached."""
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

    # what the engine asks for

    def run(self, name: str) -> None:
        if self.resettable:
            self._supervisor.run(name)

    def terminate(self, name: str) -> None:
        if self.resettable:
            self._supervisor.terminate(name)
        elif name == RUNTIME and not self.exited.done():
            self._engine.spawn(self._engine.call(lambda api: api.kill(self.name, "SIGTERM")))

    async def reset(self) -> None:
        if not self.resettable:
            await self.stop()
        if self.exited.done():
            return
        done = asyncio.get_running_loop().create_future()
        self._resetting.append(done)
        self.thaw()
        if self._control is not None:
            self._control.lift_cpu()  # at a small share, dying takes several periods
        self._supervisor.reset()
        await asyncio.wait(
            [done, self.exited], timeout=_RESET_PATIENCE, return_when="FIRST_COMPLETED"
        )
        if done.done() and not self.exited.done():
            self._limit_cpu()
        else:
            await self.stop()

    async def owns(self, peer: Peer) -> bool:
        return self.addresses is None or comes_from(await self.addresses, peer)

    def limit_cpu(self) -> None:
        self._init_over = True
        self._limit_cpu()

    def _limit_cpu(self) -> None:
        share = self._spec.cpu if self._init_over else self._spec.init_cpu
        if self._control is not None and share is not None:
            self._control.limit_cpu(share.quota_us, share.period_us)

    def freeze(self) -> None:
        if self._control is not None:
            self._oom.invocation_ended()
            self._control.freeze()

    def thaw(self) -> None:
        if self._control is not None:
            self._control.thaw()

    def max_memory_mb(self) -> int:
        self._oom.invocation_ended()  # since then it is asked for
        return self._cgroup.max_anon_mb() if self._cgroup is not None else 0

    def throttled(self) -> tuple[int, Seconds]:
        return self._cgroup.throttled() if self._cgroup is not None else (0, 0.0)

    def cpu_seconds(self) -> Seconds:
        return self._cgroup.cpu_seconds() if self._cgroup is not None else 0.0

    async def stop(self) -> None:
        if self._stopping is None:
            self._stopping = self._engine.spawn(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        if self.launching is not None:
            await asyncio.wait([self.launching])
        self.thaw()  # on cgroup v1 a frozen process does not die
        removed = await remove_container(self._engine, self.name)
        self._end(Exit(KILLED))
        if self._attachment is not None:
            self._attachment.close()
        self._oom.close()
        if self._cgroup is not None:
            self._cgroup.close()
        self._on_gone(self, removed)

    # what the backend tells it

    async def attach(self) -> None:
        """Takes the output from its first byte, if called before the container starts.

        Again after an interruption: what was written meanwhile is lost.
        """
        if self._attachment is not None and not self._attachment.ended.done():
            return
        again = self._attachment is not None
        self._frames = Demultiplexer(self._without_marks)
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

    def greet(self) -> None:
        """Says what to start; the supervisor finds it when it comes to life."""
        if self.resettable:
            self._supervisor.greet(self._spec.extensions)

    def _send(self, command: bytes) -> None:
        if self._attachment is None or self._attachment.ended.done():
            self._unsent.append(command)
        else:
            self._attachment.write(command)

    def controlled_by(self, control: SandboxControl, cgroup: CgroupV1 | CgroupV2 | None) -> None:
        """`cgroup` is for looking, and may not be writable."""
        self._control, self._cgroup = control, cgroup
        if cgroup is not None:
            self._oom.watch(cgroup)

    def ran_out_of_memory(self) -> None:
        """The engine says that the kernel killed one of its processes for want of memory."""
        self._oom.told()

    def died(self, code: int) -> None:
        """The engine says that its first process has ended, and all others with it."""
        if not self._ending:
            self._ending = True
            self._engine.spawn(self._see_off(code))

    async def look_up(self) -> None:
        """Its end went by unseen: asks the engine for it.

        Raises:
            EngineError: the engine does not answer.
        """
        try:
            found = await self._engine.call(lambda api: api.inspect_container(self.name))
        except EngineError as error:
            if not error.missing:
                raise
            self.lost()
        else:
            if found["State"]["OOMKilled"]:
                self.ran_out_of_memory()
            self.died(found["State"]["ExitCode"])

    def lost(self) -> None:
        """The engine is gone, and with it all that could be known of the end."""
        self._end(Exit(KILLED))

    def _received(self, piece: bytes) -> None:
        for lines in self._frames.feed(piece):
            self._write(lines)
        if self._heard:
            self._write(self._frames.rest())
            heard, self._heard = self._heard, []
            self._supervisor.heard(heard)

    def _without_marks(self, stream: int, payload: bytes) -> bytes:
        if not self.resettable:
            return payload
        kept, marks = self._supervisor.marks.feed(stream, payload)
        self._heard += marks
        return kept

    def _output_ended(self, _: asyncio.Future[None]) -> None:
        self._write(self._frames.rest())
        for stream in _STREAMS:
            self._write(self._supervisor.marks.rest(stream))

    def _write(self, output: bytes) -> None:
        if output:
            self._output(output)

    def _process_ended(self, name: str, code: int) -> None:
        if self.exited.done() or self._stopping is not None:
            return
        killed = code == KILLED and not self._resetting
        starved = self._oom.process_ended() if killed else False
        if starved is None:
            self._engine.spawn(self._tell_later(name))
        else:
            self._tell(name, Exit(code, out_of_memory=starved))

    async def _tell_later(self, name: str) -> None:
        """It was killed, and only the engine's word can say why."""
        await asyncio.sleep(_OOM_WORD)
        if not self.exited.done():
            self._tell(name, Exit(KILLED, out_of_memory=self._oom.verdict is True))

    def _was_reset(self) -> None:
        self._oom.invocation_ended()
        if self._resetting:
            done = self._resetting.pop(0)
            if not done.done():
                done.set_result(None)

    async def _see_off(self, code: int) -> None:
        if self._attachment is not None:
            await asyncio.wait([self._attachment.ended], timeout=_LAST_OUTPUT)
        if code == KILLED and self._oom.verdict is None and self._stopping is None:
            await asyncio.sleep(_OOM_WORD)
        self._end(Exit(code, out_of_memory=code == KILLED and self._oom.verdict is True))

    def _end(self, ended: Exit) -> None:
        if not self.exited.done():
            self.exited.set_result(ended)


async def remove_container(engine: DockerEngine, name: str) -> bool:
    """Kills and removes a container; False where it is unsure whether it is gone."""
    try:
        await engine.call(lambda api: api.remove_container(name, v=True, force=True))
    except EngineError as error:
        if error.status == _CONFLICT:  # somebody else is removing it
            log.debug("container %s: %s", name, error)
        elif not error.missing:
            log.warning("container %s could not be removed: %s", name, error)
        return error.missing
    return True
