"""What only the Docker backend does, on a real engine."""

from __future__ import annotations

import asyncio
import errno
import io
import itertools
import json
import os
import signal
import sys
import tarfile
import time
import zipfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import docker
import pytest

from emulator.core.function_configuration import FunctionConfiguration, ImageSource, PackageType
from emulator.core.profiles.aws_2025 import AWS_2025
from emulator.errors import BackendUnavailableError, BuildError, SandboxStartError
from emulator.host.cgroup_v2 import CgroupV2
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.backends.docker.containers import LABEL
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from emulator.live.runtime_api.interface import Work
from emulator.live.runtime_api.server import RuntimeApiServer
from emulator.live.sandbox.environment import sandbox_environment
from tests.live.runtime_listener import RecordedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from emulator.live.backends.docker.sandbox import DockerSandbox
    from emulator.live.backends.interface import ProcessEnded
    from emulator.live.runtime_api.interface import RuntimeEndpoint

pytestmark = [pytest.mark.anyio, pytest.mark.docker]

BASE = "public.ecr.aws/lambda/python:3.13"
BOUND = 60.0
"""Seconds that any one wait may take."""
HANDLERS = '''
import os, signal, subprocess, sys

def run(event, context):
    """The output of a shell command and its status."""
    done = subprocess.run(event, shell=True, capture_output=True, text=True)
    return [done.stdout + done.stderr, done.returncode]

def kill(event, context):
    if event == "child first":
        if not os.fork():
            eat(None, None)
        os.wait()
        return "the child is gone"
    os.kill(os.getpid(), signal.SIGKILL)

def eat(event, context):
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)))

def say(event, context):
    for number in range(event):
        print(number)
    print("no end", end="")

def write(event, context):
    for number in range(event):
        print(f"{number:07d}", "x" * 90)
    print("complaint", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(7)
'''


def quiet(_: object) -> None:
    pass


def no_end(name: str, ended: Exit) -> None:
    raise AssertionError(f"{name} ended: {ended}")


class Started:
    """A sandbox whose init is over."""

    def __init__(
        self, process: DockerSandbox, listener: RecordedRuntime, endpoint: RuntimeEndpoint
    ) -> None:
        self.process = process
        self.output = bytearray()
        self.ends: asyncio.Queue[tuple[str, Exit]] = asyncio.Queue()
        self._listener = listener
        self._endpoint = endpoint

    def send(self, event: object) -> None:
        while not self._listener.events.empty():  # of what was sent before
            self._listener.events.get_nowait()
        deadline_ms = int((time.time() + BOUND) * 1000)
        self._endpoint.dispatch(Work("r", deadline_ms, "arn", json.dumps(event).encode()))

    async def call(self, event: object) -> Any:
        self.send(event)
        what, *told = await self._listener.event()
        assert what == "responded", told
        assert isinstance(told[-1], bytes)
        return json.loads(told[-1])

    async def end(self) -> Exit:
        """How the runtime ended."""
        async with asyncio.timeout(BOUND):
            name, ended = await self.ends.get()
        assert name == RUNTIME
        return ended

    async def gone(self) -> Exit:
        async with asyncio.timeout(BOUND):
            return await asyncio.shield(self.process.exited)


def _into(ends: asyncio.Queue[tuple[str, Exit]]) -> ProcessEnded:
    return lambda name, ended: ends.put_nowait((name, ended))


class World:
    """A backend, and sandboxes of one folder of handlers on it."""

    def __init__(self, backend: DockerBackend, folder: Path) -> None:
        self.backend = backend
        self._folder = folder
        self._server = RuntimeApiServer(AWS_2025.response_limit)
        self._endpoints: list[RuntimeEndpoint] = []
        self._ids = itertools.count(1)

    def configured(self, handler: str, **more: Any) -> FunctionConfiguration:
        (self._folder / "app.py").write_text(HANDLERS)
        settings = {"memory_mb": 256, "timeout": 60, "code": str(self._folder)} | more
        return FunctionConfiguration("docker-test", "python3.13", f"app.{handler}", **settings)

    async def spec(
        self, configuration: FunctionConfiguration, port: int, **more: Any
    ) -> SandboxSpec:
        package = await self.backend.deploy(configuration, quiet)
        address = f"{self.backend.runtime_api_name}:{port}"
        environment = sandbox_environment(configuration, address, "stream", AWS_2025)
        cpu = CpuShare(5000, 20_000)
        return SandboxSpec(next(self._ids), package, configuration, environment, cpu, **more)

    async def close(self) -> None:
        await self.backend.close()
        for endpoint in self._endpoints:
            await endpoint.close()

    async def endpoint(self, listener: RecordedRuntime) -> RuntimeEndpoint:
        endpoint = await self._server.open(self.backend.runtime_api_host, listener)
        self._endpoints.append(endpoint)
        return endpoint

    async def start(self, handler: str, **more: Any) -> Started:
        configuration = self.configured(handler)
        listener = RecordedRuntime()
        endpoint = await self.endpoint(listener)
        spec = await self.spec(configuration, endpoint.port, **more)
        output = bytearray()
        ends: asyncio.Queue[tuple[str, Exit]] = asyncio.Queue()
        process = await self.backend.start(spec, output.extend, _into(ends))
        started = Started(process, listener, endpoint)
        started.ends = ends
        started.output = output
        async with asyncio.timeout(BOUND):
            await listener.is_ready.wait()
        process.limit_cpu()
        return started


@asynccontextmanager
async def opened(instance: str, folder: Path, **settings: Any) -> AsyncIterator[World]:
    backend = DockerBackend(instance, **({"slots": 1} | settings))
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    world = World(backend, folder)
    try:
        await backend.check((world.configured("run"),), quiet)
        await backend.open()
    except BackendUnavailableError as error:
        await backend.close()
        if os.environ.get("TESTBED_REQUIRE_DOCKER"):
            raise
        pytest.skip(str(error))
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened(f"docker-{os.getpid()}", tmp_path_factory.mktemp("handlers")) as here:
        yield here


@pytest.fixture
def instance(request: pytest.FixtureRequest) -> str:
    return f"docker-{os.getpid()}-{abs(hash(request.node.name)) % 10**6}"


@pytest.fixture
def api(world: World) -> Iterator[Any]:  # noqa: ARG001  # skips where no engine is
    client = docker.APIClient(version="auto")
    yield client
    client.close()


def containers(api: Any, instance: str) -> list[dict[str, Any]]:
    return api.containers(all=True, filters={"label": f"{LABEL}={instance}"})


# who runs a sandbox


async def test_sandboxes_and_slots_have_the_runtime_that_was_named(
    world: World,  # noqa: ARG001  # skips where no engine is
    api: Any,
    instance: str,
    tmp_path: Path,
) -> None:
    """Of this engine's runtimes, crun where it is installed."""
    known = api.info()["Runtimes"]
    runtime = "crun" if "crun" in known else "runc"
    async with opened(instance, tmp_path, oci_runtime=runtime) as here:
        assert here.backend.oci_runtime == runtime
        sandbox = await here.start("run")
        assert await sandbox.call("echo here") == ["here\n", 0]
        made = [api.inspect_container(found["Id"]) for found in containers(api, instance)]
        assert len(made) >= 2
        assert {container["HostConfig"]["Runtime"] for container in made} == {runtime}
        await sandbox.process.stop()


# what a sandbox may do


async def test_sandbox_is_an_unprivileged_user_without_capabilities(world: World) -> None:
    sandbox = await world.start("run")
    said, _ = await sandbox.call("id -u; id -g; grep -E 'CapEff|NoNewPrivs' /proc/self/status")
    await sandbox.process.stop()
    assert said.split() == ["993", "990", "CapEff:", "0" * 16, "NoNewPrivs:", "1"]


async def test_root_is_read_only_and_tmp_is_bounded(world: World) -> None:
    sandbox = await world.start("run", tmp_mb=10)
    for place in ("/", "/var/task/", "/opt/", "/dev/", "/var/tmp/"):
        said, status = await sandbox.call(f"touch {place}file")
        assert status, f"{place} could be written: {said}"
    fits = await sandbox.call("head -c 9000000 /dev/zero > /tmp/a; rm /tmp/a")
    said, status = await sandbox.call("head -c 11000000 /dev/zero > /tmp/b")
    ran, _ = await sandbox.call("rm /tmp/b; echo 'echo ran' > /tmp/c; chmod +x /tmp/c; /tmp/c")
    await sandbox.process.stop()
    assert fits == ["", 0]
    assert status
    assert "No space left" in said
    assert ran == "ran\n", "programs run in /tmp, as on Lambda"


async def test_sandbox_has_no_swap_and_no_more_files_and_processes_than_on_lambda(
    world: World, api: Any
) -> None:
    sandbox = await world.start("run")
    said, _ = await sandbox.call("ulimit -n; ls /dev/shm /var/run/docker.sock")
    host = api.inspect_container(sandbox.process.name)["HostConfig"]
    await sandbox.process.stop()
    assert said.splitlines()[0] == "1024"
    assert said.count("No such file") == 2
    assert host["MemorySwap"] - 4096 == host["Memory"] == 256 << 20
    assert host["PidsLimit"] == 1024


# how a sandbox ends


async def test_sandbox_that_kills_itself_is_not_out_of_memory(world: World) -> None:
    sandbox = await world.start("kill")
    sandbox.send(None)
    assert await sandbox.end() == Exit(137)
    await sandbox.process.stop()


async def test_sandbox_that_takes_too_much_memory_is_out_of_memory(world: World) -> None:
    sandbox = await world.start("eat")
    sandbox.send(None)
    assert await sandbox.end() == Exit(137, out_of_memory=True)
    await sandbox.process.stop()


async def test_memory_that_a_child_ran_out_of_is_not_its_parents_end(world: World) -> None:
    if not world.backend._controls.writable:
        pytest.skip("cgroups cannot be reached, and the engine's word comes without a process")
    sandbox = await world.start("kill")
    assert await sandbox.call("child first") == "the child is gone"
    assert sandbox.process.max_memory_mb() > 0, "the invocation has ended"
    sandbox.send(None)
    assert await sandbox.end() == Exit(137)
    await sandbox.process.stop()


async def test_all_output_is_there_when_the_end_is_told(world: World) -> None:
    count = 5_000  # more than pipes hold; each print is four writes, of 1 ms on a slow machine
    sandbox = await world.start("write")
    sandbox.send(count)
    assert await sandbox.end() == Exit(7)
    lines = bytes(sandbox.output).decode().splitlines()
    written = [line.split()[0] for line in lines if line.endswith("xxx")]
    assert written == [f"{number:07d}" for number in range(count)]
    assert "complaint" in lines
    await sandbox.process.stop()


async def test_output_until_now_is_all_that_the_handler_wrote(world: World) -> None:
    sandbox = await world.start("say")
    for number in range(1, 6):
        await sandbox.call(number * 300)
        heard = sandbox.process.output_until_now()
        sandbox.process.freeze()  # must let the supervisor answer first
        assert heard is not None
        await asyncio.wait_for(heard, BOUND)
        assert sandbox.output.count(b"\n") == 300 * sum(range(1, number + 1))
        assert sandbox.output.endswith(b"no end")
        sandbox.process.thaw()
    await sandbox.process.stop()


async def test_only_a_sandbox_that_wrote_is_asked_for_its_output(world: World) -> None:
    sandbox = await world.start("run")
    asked, lines = [], []
    for stream, written in ((1, ""), (1, ""), (1, r"x\n"), (2, r"y\n"), (1, ""), (1, r"z\n")):
        await sandbox.call(f"printf '{written}' > /proc/$PPID/fd/{stream}")
        heard = sandbox.process.output_until_now()
        asked.append(heard is not None)
        if heard is not None:
            await heard
        lines.append(sandbox.output.decode())
    await sandbox.process.stop()
    assert lines == ["", "", "x\n", "x\ny\n", "x\ny\n", "x\ny\nz\n"]
    if os.geteuid() == 0:  # others do not see what a container writes, and ask each time
        assert asked == [True, False, True, True, False, True], "the first time nothing is watched"


async def test_stop_of_a_frozen_sandbox_removes_it_and_can_be_repeated(
    world: World, api: Any
) -> None:
    sandbox = await world.start("run")
    sandbox.process.freeze()
    async with asyncio.timeout(BOUND):
        await sandbox.process.stop()
        await sandbox.process.stop()
    assert sandbox.process.exited.result() == Exit(137)
    with pytest.raises(docker.errors.NotFound):
        api.inspect_container(sandbox.process.name)


async def test_cancelled_start_leaves_nothing(world: World) -> None:
    before = await world.backend.survivors()
    spec = await world.spec(world.configured("run"), 1)
    cancelled = 0
    for pause in (0.0, 0.01, 0.05):
        start = asyncio.create_task(world.backend.start(spec, quiet, no_end))
        await asyncio.sleep(pause)
        start.cancel()
        try:
            started = await start
        except asyncio.CancelledError:
            cancelled += 1
        else:  # this process stood still for longer than a start takes
            await started.stop()
    assert cancelled > 0
    assert await world.backend.survivors() == before


async def test_start_that_the_engine_refuses_leaves_nothing(world: World, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f'FROM {BASE}\nENTRYPOINT ["/no/such/program"]\n')
    configuration = FunctionConfiguration(
        "refused",
        package_type=PackageType.IMAGE,
        image=ImageSource(str(tmp_path / "Dockerfile"), str(tmp_path)),
    )
    before = await world.backend.survivors()
    # the supervisor is there, and tells that the program is not
    spec = await world.spec(configuration, 1)
    ends: asyncio.Queue[tuple[str, Exit]] = asyncio.Queue()
    sandbox = await world.backend.start(spec, quiet, _into(ends))
    assert await asyncio.wait_for(ends.get(), BOUND) == (RUNTIME, Exit(127))
    await sandbox.stop()
    gone = SandboxSpec(90, "sha256:" + "0" * 64, configuration, {}, spec.cpu)
    with pytest.raises(SandboxStartError, match="No such image"):
        await world.backend.start(gone, quiet, no_end)
    assert await world.backend.survivors() == before


async def test_image_without_a_shell_runs_and_ends_with_its_runtime(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(HANDLERS)
    (tmp_path / "Dockerfile").write_text(
        f'FROM {BASE}\nCOPY app.py /var/task/\nRUN ["/bin/rm", "/bin/sh"]\n'
        "ENV PYTHONPATH=/var/runtime\n"
        'ENTRYPOINT ["python3", "-m", "awslambdaric"]\nCMD ["app.write"]\n'
    )
    image = ImageSource(str(tmp_path / "Dockerfile"), str(tmp_path))
    configuration = FunctionConfiguration(
        "shell-less", package_type=PackageType.IMAGE, image=image, memory_mb=256
    )
    listener = RecordedRuntime()
    endpoint = await world.endpoint(listener)
    spec = await world.spec(configuration, endpoint.port)
    output = bytearray()
    process = await world.backend.start(spec, output.extend, no_end)
    assert not process.resettable
    started = Started(process, listener, endpoint)
    async with asyncio.timeout(BOUND):
        await listener.is_ready.wait()
    started.send(1)
    assert await started.gone() == Exit(7)
    assert b"complaint\n" in output
    await process.reset()


async def test_image_whose_functions_reach_their_supervisor_is_told_of(
    instance: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nRUN rm -f /usr/bin/setpriv /bin/setpriv"
        " /usr/sbin/chroot /usr/bin/chroot /sbin/chroot\n"
    )
    image = ImageSource(str(tmp_path / "Dockerfile"), str(tmp_path))
    switchless = FunctionConfiguration(
        "switchless", package_type=PackageType.IMAGE, image=image, image_command=("app.run",)
    )
    async with opened(instance, tmp_path / "f") as here:
        await here.backend.deploy(here.configured("run"), quiet)
        assert Limitation.SUPERVISOR_IN_REACH not in here.backend.unenforced
        await here.backend.deploy(switchless, quiet)
        sentence = here.backend.unenforced[Limitation.SUPERVISOR_IN_REACH]
    assert sentence.startswith("Nothing in the image of switchless starts a program as another")
    assert f"Not as on Lambda: {sentence}" in caplog.messages


async def test_sandbox_is_gone_when_its_supervisor_is(world: World, api: Any) -> None:
    sandbox = await world.start("run")
    found = api.top(sandbox.process.name, "-eo pid,args")["Processes"]
    supervisor = min(int(pid) for pid, words in found if words.startswith("/bin/sh -c"))
    if os.geteuid() != 0:
        api.kill(sandbox.process.name)  # it takes root to kill the supervisor alone
    else:
        os.kill(supervisor, signal.SIGKILL)
    assert (await sandbox.gone()).code == 137
    await sandbox.process.stop()


async def test_function_can_neither_signal_nor_read_its_supervisor(world: World) -> None:
    sandbox = await world.start("run")
    children, _ = await sandbox.call("cat /proc/1/task/1/children")
    (supervisor,) = children.split()
    said, status = await sandbox.call(f"kill -9 {supervisor}")
    assert status, f"the supervisor was killed: {said}"
    for file in ("mem", "environ", "fd/0", "fd/1"):
        said, status = await sandbox.call(f"cat /proc/{supervisor}/{file}")
        assert status, f"{file} of the supervisor could be read: {said}"
        assert "denied" in said
    capabilities, _ = await sandbox.call(
        "grep CapPrm /proc/self/status; id -G; echo ${HOME:-none}; pwd"
    )
    await sandbox.process.stop()
    assert capabilities.split() == ["CapPrm:", "0" * 16, "990", "none", "/var/task"]


async def test_forged_marks_of_a_function_are_its_output_and_end_nothing(world: World) -> None:
    sandbox = await world.start("run")
    secret = sandbox.process._supervisor._secret
    forged = f"\x1e{secret} zz 0\n\x1e{'0' * 32} 1 0\n"
    octal = "".join(f"\\\\{ord(char):03o}" for char in forged)
    for stream in (1, 3):
        path = "/proc/$PPID/fd/1" if stream == 1 else "/proc/$PPID/fd/2"
        assert await sandbox.call(f"printf {octal} > {path}") == ["", 0]
    assert await sandbox.call("echo on") == ["on\n", 0]
    await sandbox.process.stop()
    assert sandbox.output.count(b" zz 0\n") == 2


async def test_streams_can_be_opened_by_name(world: World) -> None:
    sandbox = await world.start("run")
    said = await sandbox.call("echo named > /proc/$PPID/fd/1; echo named > /proc/$PPID/fd/2")
    await sandbox.process.stop()
    assert said == ["", 0]
    assert sandbox.output.count(b"named\n") == 2


# network slots


async def test_slot_is_given_back_and_more_sandboxes_than_slots_start_all_the_same(
    instance: str, tmp_path: Path
) -> None:
    async with opened(instance, tmp_path / "f", slots=1, most_slots=1) as here:
        await here.backend.deploy(here.configured("run"), quiet)
        await here.backend._slots.filled()
        seen = []
        for _ in range(2):
            first = await here.start("run")
            assert here.backend._slots.ready == 0
            second = await here.start("run")
            seen += [await box.call("hostname -i; hostname -f") for box in (first, second)]
            await asyncio.gather(first.process.stop(), second.process.stop())
            assert here.backend._slots.ready == 1
    joined, own, again, other = seen
    assert joined == again, "the slot's name and address"
    assert {joined[0].split()[1], own[0].split()[1]} == {"sandbox.localdomain"}
    assert joined[0] not in (own[0], other[0])


async def test_slot_that_was_removed_is_replaced(instance: str, tmp_path: Path, api: Any) -> None:
    async with opened(instance, tmp_path / "f", slots=1) as here:
        slots = here.backend._slots
        await here.backend.deploy(here.configured("run"), quiet)
        await slots.filled()
        (holder,) = containers(api, instance)
        api.remove_container(holder["Id"], force=True)
        await _until(lambda: {one["Id"] for one in containers(api, instance)} - {holder["Id"]})
        await slots.filled()
        assert slots.ready == 1
        sandbox = await here.start("run")
        assert sandbox.process.slot
        await sandbox.process.stop()


async def test_start_in_a_slot_that_is_dead_starts_elsewhere_and_the_slot_is_given_up(
    instance: str, tmp_path: Path, api: Any
) -> None:
    async with opened(instance, tmp_path / "f", slots=1, most_slots=1) as here:
        slots = here.backend._slots
        await here.backend.deploy(here.configured("run"), quiet)
        await slots.filled()
        (holder,) = containers(api, instance)
        here.backend._living.watch.close()  # its end goes by unheard
        api.kill(holder["Id"])
        first = await here.start("run")
        await slots.filled()
        second = await here.start("run")
        assert (first.process.slot, bool(second.process.slot)) == (None, True)
        assert await second.call("echo on") == ["on\n", 0]
        await asyncio.gather(first.process.stop(), second.process.stop())


# what fails in the emulator


class _NoDescriptors:
    """A control of a process that has no file descriptor left."""

    def thaw(self, *_: int) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    limit_cpu = lift_cpu = freeze = thaw


@pytest.mark.parametrize("act", ["reset", "stop", "freeze"])
async def test_sandbox_that_cannot_be_controlled_any_more_ends(world: World, act: str) -> None:
    sandbox = await world.start("run")
    control: Any = _NoDescriptors()
    if act == "freeze":
        control.limit_cpu = lambda *_: None
    sandbox.process._control = control
    done = getattr(sandbox.process, act)()
    if done is not None:
        async with asyncio.timeout(BOUND):
            await done
    assert await sandbox.gone() == Exit(137)


async def test_share_that_somebody_takes_away_is_restored(world: World) -> None:
    sandbox = await world.start("run")
    cgroup = sandbox.process._cgroup
    if not world.backend._controls.writable or not isinstance(cgroup, CgroupV2):
        pytest.skip("no cgroup of version 2 can be written")
    file = cgroup.join_files[0].with_name("cpu.max")
    assert file.read_text() == "5000 20000\n"
    for _ in range(2):
        await asyncio.to_thread(file.write_text, "max 100000")  # as systemd's daemon-reload does
        await _until(lambda: file.read_text() == "5000 20000\n")
    await sandbox.process.stop()


# what an emulator leaves


async def test_orphans_of_the_same_instance_are_removed_and_no_others(
    instance: str, tmp_path: Path, api: Any
) -> None:
    stranger = api.create_container_from_config(
        {"Image": BASE, "Cmd": ["x"], "Labels": {LABEL: f"{instance}-other"}}
    )["Id"]
    try:
        async with opened(instance, tmp_path / "f") as killed:
            orphan = await killed.start("run")
            orphan.process.freeze()
            await killed.backend._slots.filled()
            orphans = {one["Id"] for one in containers(api, instance)}
            assert len(orphans) == 2
            async with opened(instance, tmp_path / "g"):
                # the killed one lives on in this test, and makes a new slot
                assert orphans.isdisjoint(one["Id"] for one in containers(api, instance))
        assert [one["Id"] for one in containers(api, f"{instance}-other")] == [stranger]
    finally:
        api.remove_container(stranger, force=True)


KILLED_EMULATOR = """
import asyncio, sys
from emulator.core.function_configuration import FunctionConfiguration
from emulator.live.backends.docker.backend import DockerBackend

async def main():
    backend = DockerBackend(sys.argv[1], slots=2)
    function = FunctionConfiguration("docker-test", "python3.13", "app.run", code=sys.argv[2])
    await backend.check((function,), lambda _: None)
    await backend.open()
    await backend.deploy(function, lambda _: None)
    await backend._slots.filled()
    print("up", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_guard_removes_the_containers_of_a_killed_emulator_and_no_others(
    instance: str, tmp_path: Path, api: Any
) -> None:
    (tmp_path / "app.py").write_text(HANDLERS)
    other = {"Image": BASE, "Entrypoint": ["sleep"], "Cmd": ["600"], "Labels": {LABEL: instance}}
    next_run = api.create_container_from_config(other, f"testbed-{instance}-other-1")["Id"]
    emulator = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_EMULATOR, instance, str(tmp_path), stdout=-1
    )
    assert emulator.stdout
    try:
        # what stands of an earlier run is removed by the new one, and by no guard
        async with asyncio.timeout(BOUND):
            assert await emulator.stdout.readline() == b"up\n"
        next_run = api.create_container_from_config(other, f"testbed-{instance}-other-2")["Id"]
        assert len(containers(api, instance)) == 3
        emulator.kill()
        await emulator.wait()
        await _until(lambda: len(containers(api, instance)) == 1)
        assert [one["Id"] for one in containers(api, instance)] == [next_run]
    finally:
        if emulator.returncode is None:
            emulator.kill()
            await emulator.wait()
        for one in containers(api, instance):
            api.remove_container(one["Id"], force=True)


async def test_close_leaves_no_container(instance: str, tmp_path: Path, api: Any) -> None:
    async with opened(instance, tmp_path / "f", slots=2) as here:
        await here.start("run")
    assert containers(api, instance) == []


# packages


async def test_second_deployment_of_the_same_code_is_instant(
    world: World, tmp_path: Path, api: Any
) -> None:
    said: list[str] = []
    images = []
    configuration = world.configured("run", code=str(tmp_path))
    try:
        for edit in (f"x = {time.time_ns()}", None, f"y = {time.time_ns()}"):
            said.clear()
            if edit is not None:
                (tmp_path / "app.py").write_text(edit)
            images.append(await world.backend.deploy(configuration, said.append))
            assert any("Successfully built" in line for line in said) == (edit is not None)
        assert images[0] == images[1] != images[2]
    finally:
        for image in set(images):
            api.remove_image(image, force=True)


def _wheel(path: Path) -> None:
    """A package as pip installs it, without a network; the same bytes every time."""
    folder = "demo-1.0.dist-info"
    with zipfile.ZipFile(path / "demo-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("demo.py"), "word = 'installed'\n")
        wheel.writestr(
            zipfile.ZipInfo(f"{folder}/METADATA"),
            "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        )
        wheel.writestr(
            f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(zipfile.ZipInfo(f"{folder}/RECORD"), "")


async def test_requirements_layers_and_code_are_where_lambda_has_them(
    world: World, tmp_path: Path, api: Any
) -> None:
    code, layer = tmp_path / "code", tmp_path / "layer"
    (layer / "python").mkdir(parents=True)
    (layer / "python" / "shared.py").write_text("word = 'layer'\n")
    code.mkdir()
    _wheel(code)
    (code / "requirements.txt").write_text("./demo-1.0-py3-none-any.whl\n")
    (code / "app.py").write_text("def handler(event, context): pass\n")
    configuration = FunctionConfiguration(
        "packed", "python3.13", "app.handler", code=str(code), layers=(str(layer),)
    )
    image = await world.backend.deploy(configuration, quiet)
    paths = await asyncio.to_thread(_files, api, image)
    assert {"var/task/app.py", "var/task/demo.py", "opt/python/shared.py"} <= paths
    assert "var/task/__pycache__/app.cpython-313.pyc" in paths
    assert "opt/python/__pycache__/shared.cpython-313.pyc" in paths


def _files(api: Any, image: str) -> set[str]:
    """Every path below /var/task and /opt of an image."""
    container = api.create_container_from_config({"Image": image, "Cmd": ["x"]})["Id"]
    try:
        found: set[str] = set()
        for folder in ("/var/task", "/opt"):
            pieces, _ = api.get_archive(container, folder)
            with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
                above = folder.strip("/").rpartition("/")[0]
                found |= {f"{above}/{name}".strip("/") for name in archive.getnames()}
        return found
    finally:
        api.remove_container(container)


async def test_failed_build_ends_with_what_pip_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("./no-such-file.whl\n")
    (tmp_path / "app.py").write_text("")
    configuration = FunctionConfiguration("broken", "python3.13", "app.x", code=str(tmp_path))
    with pytest.raises(BuildError) as raised:
        await world.backend.deploy(configuration, quiet)
    assert str(raised.value).startswith("broken: the image could not be built: ")
    assert "no-such-file.whl" in str(raised.value)


async def test_image_function_is_built_without_what_dockerignore_names(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / ".dockerignore").write_text("secret\n")
    (tmp_path / "secret").write_text("")
    (tmp_path / "app.py").write_text(HANDLERS)
    (tmp_path / "Dockerfile").write_text(f'FROM {BASE}\nCOPY . /var/task/\nCMD ["app.run"]\n')
    image = ImageSource(str(tmp_path / "Dockerfile"), str(tmp_path))
    configuration = FunctionConfiguration(
        "imaged", package_type=PackageType.IMAGE, image=image, memory_mb=256
    )
    listener = RecordedRuntime()
    endpoint = await world.endpoint(listener)
    process = await world.backend.start(
        await world.spec(configuration, endpoint.port), quiet, no_end
    )
    async with asyncio.timeout(BOUND):
        await listener.is_ready.wait()
    said, _ = await Started(process, listener, endpoint).call("ls /var/task")
    await process.stop()
    assert said.split() == ["Dockerfile", "app.py"]


async def test_missing_base_image_is_one_sentence(world: World, instance: str) -> None:
    backend = DockerBackend(instance, registry="registry.invalid/lambda")
    try:
        with pytest.raises(BackendUnavailableError) as raised:
            await backend.check((world.configured("run"),), quiet)
    finally:
        await backend.close()
    sentence = str(raised.value)
    assert sentence.startswith(
        "The Docker engine answers, but its base image registry.invalid/lambda/python:3.13 is "
        "neither there nor can be pulled ("
    )
    assert sentence.endswith("--backend process needs no image.")
    assert "\n" not in sentence


# other worlds


async def test_without_its_cgroups_a_sandbox_is_controlled_through_the_engine(
    instance: str, tmp_path: Path, api: Any
) -> None:
    async with opened(instance, tmp_path / "f", cgroup_root=tmp_path / "none") as here:
        assert {Limitation.LATE_CONTROL, Limitation.UNFROZEN} <= here.backend.unenforced.keys()
        sandbox = await here.start("run")
        process = sandbox.process
        await _until(lambda: api.inspect_container(process.name)["HostConfig"]["CpuQuota"] == 5000)
        host = api.inspect_container(process.name)["HostConfig"]
        assert (host["CpuPeriod"], host["MemorySwap"] - host["Memory"]) == (20_000, 4096)
        process.freeze()
        assert await sandbox.call("echo not frozen") == ["not frozen\n", 0]
        process.thaw()
        assert not api.inspect_container(process.name)["State"]["Paused"]
        assert process.max_memory_mb() == 0
        await process.stop()
        assert await here.backend.survivors() == []


async def _until(condition: Any) -> None:
    async with asyncio.timeout(BOUND):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  # the engine's state
            await asyncio.sleep(0.01)


class Relay:
    """A TCP address of the engine that can be cut off."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in list(self._ends):
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        there, engine = await asyncio.open_unix_connection(address.removeprefix("unix://"))
        self._ends |= {writer, engine}
        await asyncio.gather(self._pass(reader, engine), self._pass(there, writer))
        self._ends -= {writer, engine}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    if not os.environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        pytest.skip("the engine has no socket file to stand before")
    relay = Relay()
    await relay.open()
    yield relay
    await relay.cut()


async def test_lost_engine_ends_its_sandboxes_and_a_returned_one_is_cleared_up(
    instance: str, tmp_path: Path, api: Any, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.backends.docker.events._PATIENCE", 0.3)
    environ = {"DOCKER_HOST": f"tcp://127.0.0.1:{relay.port}"}
    async with opened(instance, tmp_path / "f", environ=environ) as here:
        sandbox = await here.start("run")
        spec = await here.spec(here.configured("run"), 1)
        await relay.cut()
        assert await sandbox.gone() == Exit(137)
        with pytest.raises(SandboxStartError, match="does not answer"):
            await here.backend.start(spec, quiet, no_end)
        await sandbox.process.stop()
        assert sandbox.process.name in {one["Names"][0][1:] for one in containers(api, instance)}
        await relay.open()
        await _until(lambda: not _named(api, instance, sandbox.process.name))
        assert await (await here.start("run")).call("echo back") == ["back\n", 0]
    assert containers(api, instance) == []


def _named(api: Any, instance: str, name: str) -> bool:
    return any(one["Names"][0][1:] == name for one in containers(api, instance))


async def test_end_that_went_by_unseen_is_looked_up(
    instance: str, tmp_path: Path, api: Any, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.live.backends.docker.events._PATIENCE", BOUND)
    environ = {"DOCKER_HOST": f"tcp://127.0.0.1:{relay.port}"}
    async with opened(instance, tmp_path / "f", environ=environ) as here:
        ended, living = await here.start("write"), await here.start("run")
        await relay.cut()
        ended.send(1)
        await _until(lambda: len(api.top(ended.process.name)["Processes"]) == 2)
        await relay.open()
        assert await ended.end() == Exit(7)
        assert not living.process.exited.done()
        assert await living.call("echo on") == ["on\n", 0]
