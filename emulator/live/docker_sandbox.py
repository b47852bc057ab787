"""One sandbox on a Docker engine: its container's configuration, its life and its end."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from emulator.core.catalog import PackageType
from emulator.live.backend import Exit
from emulator.live.docker_engine import EngineError
from emulator.live.docker_oom import OomWitness
from emulator.live.docker_streams import Demultiplexer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from emulator.core.model import Seconds
    from emulator.live.backend import CpuShare, Output, SandboxSpec
    from emulator.live.cgroup import CgroupV1, CgroupV2
    from emulator.live.docker_engine import DockerEngine
    from emulator.live.docker_streams import Exchange

log = logging.getLogger(__name__)

LABEL = "serverless-testbed.instance"
USER = "993:990"
"""The ids of AWS's sbx_user1051, under which every function runs."""
KILLED = 137
_CONFLICT = 409
_MIB = 1 << 20
_LAST_OUTPUT = 1.0
"""Seconds that the output may still come after its sandbox's end."""
_OOM_WORD = 0.15
"""Seconds that the engine's word of an out-of-memory kill may come after that of the end."""


def container_configuration(
    spec: SandboxSpec, labels: Mapping[str, str], network: str, extra_hosts: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The body of the Engine API's ContainerCreate. What Lambda withholds is withheld here."""
    configuration = spec.configuration
    memory = configuration.memory_mb * _MIB
    body: dict[str, Any] = {
        "Image": spec.package,
        "User": USER,
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Labels": dict(labels),
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": network,
            "ExtraHosts": list(extra_hosts),
            "Memory": memory,
            "MemorySwap": memory,  # the sum of both, so no swap
            "PidsLimit": 1024,
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}],
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,size={spec.tmp_mb}m,mode=1777"},  # noqa: S108
            # the kernel spares the first process of a namespace the signals that it sends itself,
            # and nobody would reap its orphans
            "Init": True,
            "IpcMode": "none",  # Lambda has no /dev/shm either
            "LogConfig": {"Type": "none"},  # the output goes to our attachment and nowhere else
        },
    }
    if configuration.package_type is PackageType.ZIP:
        body["Cmd"] = [configuration.handler]
    elif configuration.image_command:
        body["Cmd"] = list(configuration.image_command)
    return body


class SandboxControl(Protocol):
    """The part of a cgroup that changes a sandbox; the engine's API can stand in for it."""

    def limit_cpu(self, quota_us: int, period_us: int) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class EngineControl:
    """Controls a container through the engine's API, where its cgroup cannot be written.

    The callers do not wait. One task at a time brings the container to the state that was asked
    for last, so a freeze that is followed at once by a thaw costs nothing.
    """

    def __init__(self, engine: DockerEngine, container: str) -> None:
        self._engine = engine
        self._container = container
        self._wanted: tuple[tuple[int, int] | None, bool] = (None, False)
        self._present: tuple[tuple[int, int] | None, bool] = self._wanted
        self._settling: asyncio.Task[None] | None = None

    def limit_cpu(self, quota_us: int, period_us: int) -> None:
        self._want((quota_us, period_us), self._wanted[1])

    def freeze(self) -> None:
        self._want(self._wanted[0], frozen=True)

    def thaw(self) -> None:
        self._want(self._wanted[0], frozen=False)

    def _want(self, cpu: tuple[int, int] | None, frozen: bool) -> None:
        self._wanted = (cpu, frozen)
        if self._settling is None and self._wanted != self._present:
            self._settling = self._engine.spawn(self._settle())

    async def _settle(self) -> None:
        try:
            while self._wanted != self._present:
                wanted = self._wanted
                await self._engine.call(partial(self._apply, wanted), urgent=True)
                self._present = wanted
        except EngineError as error:
            log.debug("container %s: %s", self._container, error)  # it has ended
        finally:
            self._settling = None

    def _apply(self, wanted: tuple[tuple[int, int] | None, bool], api: Any) -> None:
        cpu, frozen = wanted
        if cpu and cpu != self._present[0]:
            api.update_container(self._container, cpu_quota=cpu[0], cpu_period=cpu[1])
        if frozen and not self._present[1]:
            api.pause(self._container)
        elif not frozen and self._present[1]:
            api.unpause(self._container)


class DockerSandbox:
    """Implements `SandboxProcess`."""

    def __init__(
        self,
        name: str,
        spec: SandboxSpec,
        output: Output,
        engine: DockerEngine,
        on_gone: Callable[[DockerSandbox, bool], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.create: Seconds = 0.0
        self.start: Seconds = 0.0
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self.slot: str | None = None
        """The holder whose network it joined."""
        self.launching: asyncio.Task[None] | None = None
        """What makes it; a stop waits for that, so that nothing is made after it."""
        self.started = False
        self._cpu: CpuShare = spec.cpu
        self._output = output
        self._frames = Demultiplexer()
        self._engine = engine
        self._on_gone = on_gone
        self._control: SandboxControl | None = None
        self._cgroup: CgroupV1 | CgroupV2 | None = None
        self._attachment: Exchange | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._ending = False
        self._oom = OomWitness()

    # what the engine asks for

    def limit_cpu(self) -> None:
        if self._control is not None:
            self._control.limit_cpu(self._cpu.quota_us, self._cpu.period_us)

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
        self._frames = Demultiplexer()
        request = f"POST /containers/{self.name}/attach"
        query = {"stream": "1", "stdout": "1", "stderr": "1"}
        upgrade = {"Connection": "Upgrade", "Upgrade": "tcp"}
        self._attachment = await self._engine.exchange(
            request, query, self._received, headers=upgrade
        )
        self._attachment.ended.add_done_callback(self._output_ended)

    def controlled_by(self, control: SandboxControl, cgroup: CgroupV1 | CgroupV2 | None) -> None:
        """`cgroup` is for looking, and may not be writable."""
        self._control, self._cgroup = control, cgroup
        if cgroup is not None:
            self._oom.watch(cgroup)

    def ran_out_of_memory(self) -> None:
        """The engine says that the kernel killed one of its processes for want of memory."""
        self._oom.told()

    def ended(self, code: int) -> None:
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
            self.ended(found["State"]["ExitCode"])

    def lost(self) -> None:
        """The engine is gone, and with it all that could be known of the end."""
        self._end(Exit(KILLED))

    def _received(self, piece: bytes) -> None:
        for lines in self._frames.feed(piece):
            self._write(lines)

    def _output_ended(self, _: asyncio.Future[None]) -> None:
        self._write(self._frames.rest())

    def _write(self, output: bytes) -> None:
        if output:
            self._output(output)

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
