"""Sandboxes of this machine's processes, in every combination that it allows.

What all backends do alike is in the contract suite; here is what only this one promises.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.function_configuration import FunctionConfiguration
from emulator.errors import BackendUnavailableError, BuildError, SandboxStartError
from emulator.host.cgroup import DEFAULT_ROOT
from emulator.host.cgroup_tree import find_tree
from emulator.host.cgroup_v2 import CgroupV2
from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.process.backend import ProcessBackend
from emulator.live.backends.process.limitations import Isolation, shortcomings
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from emulator.live.runtime_api.interface import Work
from emulator.live.runtime_api.server import RuntimeApiServer
from tests.live.runtime_listener import RecordedRuntime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from emulator.live.backends.process.sandbox import ProcessSandbox
    from emulator.live.runtime_api.interface import RuntimeEndpoint

pytestmark = pytest.mark.anyio

BOUND = 30.0
"""Seconds that any one wait may take."""
CODE = """
import os, subprocess, sys, time

def run(event, context):
    scope = {"context": context}
    exec(event, globals(), scope)
    return scope.get("answer")
"""
DAWDLER = ["/bin/sh", "-c", "sleep 60; :"]
KINDS = {
    "bubblewrap and cgroups": {},
    "stem cells": {"stem_cells": True},
    "bubblewrap": {"cgroup_root": None},
    "plain with cgroups": {"bubblewrap": None},
    "plain": {"bubblewrap": None, "cgroup_root": None},
}


@dataclass
class Kind:
    backend: ProcessBackend
    package: str
    bubblewrap: bool
    cgroups: bool


@asynccontextmanager
async def opened(folder: Path, instance: str = "", **options: Any) -> AsyncIterator[ProcessBackend]:
    backend = ProcessBackend(folder, instance or f"test-{os.getpid()}", spare_slots=2, **options)
    await backend.open()
    try:
        yield backend
    finally:
        await backend.close()


async def deployed(backend: ProcessBackend, folder: Path, code: str = CODE) -> str:
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240
    (folder / "app.py").write_text(code)
    return await backend.deploy(configuration(folder), print)


def configuration(folder: Path, memory_mb: int = 256) -> FunctionConfiguration:
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return FunctionConfiguration("f", runtime, "app.run", memory_mb=memory_mb, code=str(folder))


def told(backend: ProcessBackend, words: str) -> bool:
    return any(words in sentence for sentence in backend.unenforced.values())


@pytest.fixture(scope="session", params=KINDS)
async def kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Kind]:
    options: dict[str, Any] = KINDS[request.param]
    folder = tmp_path_factory.mktemp("state")
    async with opened(folder, **options) as backend:
        bubblewrap = Limitation.HOST_FILE_SYSTEM not in backend.unenforced
        cgroups = Limitation.MEMORY_UNLIMITED not in backend.unenforced
        if bubblewrap != ("bubblewrap" not in options):
            pytest.skip("bubblewrap does not work here")
        if cgroups != ("cgroup_root" not in options):
            pytest.skip("no cgroup can be written here")
        if "stem_cells" in options and backend.stem_cells is None:
            pytest.skip(backend.unenforced[Limitation.NO_STEM_CELLS])
        package = await deployed(backend, folder / "code")
        yield Kind(backend, package, bubblewrap, cgroups)


CELLS = itertools.count(1)


async def cell_of(backend: ProcessBackend) -> int:
    """Makes a stem cell, where the backend was opened for some; 0 where not."""
    if backend.stem_cells is None:
        return 0
    number = next(CELLS)
    await backend.stem_cells.make(number, "python", lambda: None)
    return number


class Running(RecordedRuntime):
    """A sandbox with its side of the Runtime API."""

    process: ProcessSandbox
    endpoint: RuntimeEndpoint

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ends: asyncio.Queue[tuple[str, Exit]] = asyncio.Queue()

    def output(self, piece: bytes) -> None:
        self.written += piece

    async def outcome(self) -> tuple[object, Any]:
        """Returns how init or an invocation ended, and the last that there is to say of that."""
        match await self.event():
            case [what]:
                return what, None
            case [what, *_, bytes() as body]:
                return what, json.loads(body)
            case [what, *_, last]:
                return what, last
        raise AssertionError("an event has a name")

    def tell(self, code: str) -> None:
        payload = json.dumps(code).encode()
        self.endpoint.dispatch(Work("r-1", int(time.time() * 1000) + 9000, "arn", payload))

    async def ask(self, code: str) -> Any:
        self.tell(code)
        what, answer = await self.outcome()
        assert what == "responded", answer
        return answer

    async def again(self) -> None:
        """Starts the runtime once more."""
        self.is_ready.clear()
        self.endpoint.reset()
        self.process.run(RUNTIME)
        assert await self.event() == ("ready",), self.written

    def ended(self, name: str, ended: Exit) -> None:
        self.ends.put_nowait((name, ended))

    async def exit(self) -> Exit:
        """How the runtime ended."""
        async with asyncio.timeout(BOUND):
            name, ended = await self.ends.get()
        assert name == RUNTIME
        return ended


@asynccontextmanager
async def running(
    backend: ProcessBackend,
    package: str,
    *,
    memory_mb: int = 256,
    cpu: CpuShare | None = None,
    tmp_mb: int = 512,
    more: dict[str, Any] | None = None,
    **environment: str,
) -> AsyncIterator[Running]:
    one = Running()
    one.endpoint = await RuntimeApiServer(6 << 20).open(backend.runtime_api_host, one)
    spec = SandboxSpec(
        1,
        package,
        configuration(Path(package), memory_mb),
        {
            "AWS_LAMBDA_RUNTIME_API": f"{backend.runtime_api_name}:{one.endpoint.port}",
            "_HANDLER": "app.run",
            "LANG": "en_US.UTF-8",
            **environment,
        },
        cpu or CpuShare(20000, 20000),
        tmp_mb=tmp_mb,
        **(more or {"cell": await cell_of(backend)}),
    )
    try:
        one.process = await backend.start(spec, one.output, one.ended)
        try:
            one.process.exited.add_done_callback(
                lambda exited: one.events.put_nowait(("exited", exited.result()))
            )
            assert await one.event() == ("ready",), one.written
            one.process.limit_cpu()
            yield one
        finally:
            await one.process.stop()
    finally:
        await one.endpoint.close()


async def until(condition: Callable[[], bool]) -> None:
    """For what only the kernel knows, and tells nobody."""
    async with asyncio.timeout(BOUND):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def alive(mark: str) -> list[str]:
    """The processes of this machine with an argument or a variable that contains `mark`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if mark.encode() in text and state != "Z" and folder.name != str(os.getpid()):
            found.append(folder.name)
    return found


# what every kind does


async def test_environment_arrives_as_it_was_given(kind: Kind) -> None:
    odd = "quote ' double \" dollar $HOME `id` \\ newline\nend ü"
    given = {"ODD": odd, "EMPTY": "", "UID": "7", "LD_PRELOAD_X": "a b", "IFS": ":"}
    async with running(kind.backend, kind.package, **given) as one:
        found = await one.ask("answer = dict(os.environ)")
    assert {name: found.get(name) for name in given} == given
    assert found["LAMBDA_TASK_ROOT"] == ("/var/task" if kind.bubblewrap else f"{kind.package}/task")
    assert [name for name in ("HOME", "USER", "VIRTUAL_ENV") if name in found] == []


@pytest.mark.parametrize("given", [{"A.B": "x"}, {"A": "nul \0"}, {"A": "\udcff"}])
async def test_environment_that_no_process_can_have_is_refused(
    kind: Kind, given: dict[str, str]
) -> None:
    with pytest.raises(SandboxStartError):
        async with running(kind.backend, kind.package, **given):
            pass
    assert await kind.backend.survivors() == []


async def test_nothing_of_this_process_is_seen(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        path, held = await one.ask("answer = [sys.path, sorted(os.listdir('/proc/self/fd'))]")
    assert [entry for entry in path if "site-packages" in entry and ".venv" in entry] == []
    assert len(held) <= 7, "standard streams, the log, the connection, a lifeline, the listing"


async def test_output_of_both_streams_arrives(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        await one.ask("print('out'); print('err', file=sys.stderr); os.write(1, b'raw')")
        await until(lambda: len(one.written) >= 11)
        assert sorted(one.written.decode().split("\n")) == sorted(["out", "err", "raw"])


async def test_last_output_is_there_before_the_exit_is_told(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        one.tell("os.write(1, b'x' * 50000); os._exit(3)")
        assert await one.exit() == Exit(3)
        assert one.written == b"x" * 50000


@pytest.mark.parametrize("close", ["sys.stdout.close()", "print('x', end=''); os.close(1)"])
async def test_function_that_closes_its_standard_output_is_answered(kind: Kind, close: str) -> None:
    async with running(kind.backend, kind.package) as one:
        assert await one.ask(f"{close}; answer = 1") == 1
        one.tell("import logging; logging.error('still logged'); raise ValueError('no luck')")
        what, answer = await one.outcome()
        assert (what, answer["errorMessage"]) == ("errored", "no luck")
        await until(lambda: b"[ERROR] ValueError: no luck" in one.written)
        assert b"still logged\n" in one.written
        assert await one.ask("answer = 2") == 2


async def test_signal_is_told_as_a_shell_tells_it(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        one.tell("os.kill(os.getpid(), 15)")
        assert await one.exit() == Exit(128 + 15)


async def test_limits_of_files_and_cores_are_lambdas(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        limits = "r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE)"
        assert await one.ask(f"import resource as r; answer = [{limits}]") == [[1024, 1024], [0, 0]]


async def test_frozen_sandbox_uses_no_cpu_and_goes_on_when_thawed(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        one.process.freeze()
        one.tell("answer = 1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await one.events.get()
        one.process.thaw()
        assert await one.outcome() == ("responded", 1)


async def test_frozen_sandbox_is_stopped(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        one.process.freeze()
        await one.process.stop()
        assert one.process.exited.done()
    assert await kind.backend.survivors() == []


async def test_death_of_a_frozen_runtime_is_told_at_once(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        if kind.cgroups and not isinstance(one.process._cgroup, CgroupV2):
            pytest.skip("on cgroup v1 a frozen process dies when it is thawed")
        one.process.freeze()
        (runtime,) = one.process._memory.processes()
        os.kill(runtime, signal.SIGKILL)
        assert await one.exit() == Exit(137)
        await one.process.reset()
        await one.again()
        assert await one.ask("answer = 2") == 2


async def test_stop_may_be_called_twice_and_at_once(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        await asyncio.gather(one.process.stop(), one.process.stop())
        assert one.process.exited.result().out_of_memory is False
        assert await kind.backend.survivors() == []


async def test_stop_takes_the_functions_children_with_it(kind: Kind) -> None:
    mark = f"child-of-{os.getpid()}-{time.monotonic_ns()}"
    async with running(kind.backend, kind.package) as one:
        detached = kind.bubblewrap or kind.cgroups  # the others say that they cannot
        child = f"subprocess.Popen({DAWDLER} + ['{mark}'], start_new_session={detached})"
        await one.ask(f"{child}; answer = 1")
        await until(lambda: bool(alive(mark)))
    await until(lambda: not alive(mark))


async def test_peak_memory_is_anonymous_and_outlives_its_release(kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        before = one.process.max_memory_mb()
        await one.ask("held = bytearray(b'x') * (60 << 20); del held; answer = 1")
        after = one.process.max_memory_mb()
    assert 0 < before < 30
    assert 55 < after - before < 75, "the kernel counts pages in batches"


async def test_many_start_at_once(kind: Kind) -> None:
    async def one_after_another() -> int:
        async with running(kind.backend, kind.package) as one:
            return int(await one.ask("answer = 1"))

    assert await asyncio.gather(*(one_after_another() for _ in range(10))) == [1] * 10
    assert await kind.backend.survivors() == []


async def test_start_that_is_cancelled_leaves_nothing(kind: Kind) -> None:
    async def start() -> None:
        async with running(kind.backend, kind.package):
            await asyncio.Event().wait()

    task = asyncio.create_task(start())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await kind.backend.survivors() == []


# what cgroups bring


async def test_too_much_memory_is_told_at_once(kind: Kind) -> None:
    if not kind.cgroups:
        pytest.skip("this kind limits no memory, and says so")
    async with running(kind.backend, kind.package, memory_mb=128) as one:
        one.tell("held = [bytearray(1 << 20) for _ in range(500)]")
        assert await one.exit() == Exit(137, out_of_memory=True)


async def test_childs_death_for_memory_is_not_the_runtimes(kind: Kind) -> None:
    if not kind.cgroups:
        pytest.skip("this kind limits no memory, and says so")
    child = (
        "subprocess.run([sys.executable, '-c', 'x = bytearray(b\"x\") * (500 << 20)']).returncode"
    )
    async with running(kind.backend, kind.package, memory_mb=128) as one:
        assert await one.ask(f"answer = {child}") == -9
        one.process.freeze()
        one.process.thaw()
        one.tell("os.kill(os.getpid(), 9)")
        assert await one.exit() == Exit(137, out_of_memory=False)


async def test_cpu_share_holds_after_init(kind: Kind) -> None:
    if not kind.cgroups:
        pytest.skip("this kind sets no CPU share, and says so")
    burn = "began = time.perf_counter()\nwhile time.process_time() < until: pass\n"
    code = f"until = time.process_time() + .1\n{burn}answer = time.perf_counter() - began"
    async with running(kind.backend, kind.package, cpu=CpuShare(4000, 20000)) as one:
        assert await one.ask(code) > 0.3


async def test_number_of_processes_is_limited(kind: Kind) -> None:
    if not kind.cgroups:
        pytest.skip("this kind limits no processes, and says so")
    code = """
import _thread
lock = _thread.allocate_lock()
lock.acquire()
started = 0
try:
    while started < 1100:
        _thread.start_new_thread(lock.acquire, ())
        started += 1
except RuntimeError as error:
    answer = [str(error), 1000 < started <= 1024]
"""
    async with running(kind.backend, kind.package, memory_mb=1769) as one:
        assert await one.ask(code) == ["can't start new thread", True]


# what bubblewrap brings


async def test_file_system_is_lambdas_and_read_only(kind: Kind) -> None:
    if not kind.bubblewrap:
        pytest.skip("this kind shows the host's file system, and says so")
    code = """
answer = []
for path in ("/var/task", "/opt", "/usr", "/etc", "/var/runtime", "/var", "/dev", "/", "/tmp"):
    try:
        open(f"{path}/x", "w").close()
        answer.append(path)
    except OSError:
        pass
"""
    async with running(kind.backend, kind.package) as one:
        assert await one.ask(code) == ["/tmp"]
        where = "answer = [__file__, os.getcwd(), sys.prefix, sys.executable]"
        name = f"/var/lang/bin/python{sys.version_info.major}.{sys.version_info.minor}"
        assert await one.ask(where) == ["/var/task/app.py", "/var/task", "/var/lang", name]


async def test_no_file_system_but_tmp_can_be_written(kind: Kind) -> None:
    if not kind.bubblewrap:
        pytest.skip("this kind shows the host's file system, and says so")
    code = """
mounts = [line.split()[1:4] for line in open("/proc/mounts")]
answer = sorted(path for path, _, options in mounts
                if os.path.isdir(path) and "ro" not in options.split(","))
"""
    async with running(kind.backend, kind.package) as one:
        assert await one.ask(code) == ["/proc", "/tmp"]


async def test_user_namespaces_and_keyrings_are_refused(kind: Kind) -> None:
    if Limitation.KERNEL_UNFILTERED in kind.backend.unenforced:
        pytest.skip("this kind filters no system calls, and says so")
    code = """
global ctypes, errno, libc, clone
import ctypes, errno, platform, threading
libc = ctypes.CDLL(None, use_errno=True)
new_user, sigchld = 0x10000000, 17
clone, *keyrings = {"x86_64": (56, 248, 249, 250), "aarch64": (220, 217, 218, 219)}[
    platform.machine()]

def refused(*call):
    found = libc.syscall(*call)
    if found == 0 and call[0] == clone:
        os._exit(0)
    return errno.errorcode[ctypes.get_errno()] if found < 0 else "done"

found = [refused(272 if clone == 56 else 97, new_user),
          refused(clone, new_user | sigchld, 0, 0, 0, 0),
          refused(keyrings[2], 0, -3, 1),
          refused(keyrings[0], b"user", b"name", b"secret", 6, -3),
          refused(keyrings[1], b"user", b"name", None, 0)]
thread = threading.Thread(target=found.append, args=["thread"])
thread.start()
thread.join()
child = subprocess.run(["/bin/echo", "child"], capture_output=True, text=True).stdout
answer = [*found, child]
"""
    async with running(kind.backend, kind.package) as one:
        assert await one.ask(code) == ["EPERM"] * 5 + ["thread", "child\n"]


async def test_temporary_files_are_the_sandboxs_own_and_bounded(kind: Kind) -> None:
    if not kind.bubblewrap:
        pytest.skip("this kind has the host's /tmp, and says so")
    code = """
import errno
try:
    with open("/tmp/file", "wb") as file:
        for _ in range(20):
            file.write(bytes(1 << 20))
except OSError as error:
    answer = [errno.errorcode[error.errno], os.path.getsize("/tmp/file") >> 20]
"""
    async with running(kind.backend, kind.package, tmp_mb=10) as one:
        assert await one.ask(code) == ["ENOSPC", 10]
        async with running(kind.backend, kind.package) as other:
            assert await other.ask("answer = os.listdir('/tmp')") == []


async def test_function_is_nobody_and_sees_no_other_process(kind: Kind) -> None:
    if not kind.bubblewrap:
        pytest.skip("this kind hides no processes")
    code = """
import pwd, re
status = open("/proc/self/status").read()
answer = [os.getuid() != 0, os.getgroups() == [] or os.getuid() in os.getgroups(),
          pwd.getpwuid(os.getuid()).pw_name, "CapEff:\\t0000000000000000" in status,
          [int(found, 16) for found in re.findall("Cap(?:Prm|Amb):\\t(.*)", status)] == [0, 0],
          "NoNewPrivs:\\t1" in status, len([p for p in os.listdir("/proc") if p.isdigit()]) < 6]
"""
    async with running(kind.backend, kind.package) as one:
        assert await one.ask(code) == [True, True, "sandbox", True, True, True, True]


# what is said and what is left


def test_everything_that_cannot_be_enforced_is_told() -> None:
    every = {"cpu", "memory", "pids", "freezer"}
    full = shortcomings(every, Isolation(), as_root=False)
    broken = Isolation("it is not installed", filtered=False)
    nothing = shortcomings((), broken, as_root=True)
    limits = {
        Limitation.MEMORY_UNLIMITED,
        Limitation.CPU_UNLIMITED,
        Limitation.PROCESSES_UNLIMITED,
        Limitation.ESCAPABLE_FREEZE,
        Limitation.RUNS_AS_ROOT,
        Limitation.KERNEL_UNFILTERED,
    }
    assert Limitation.HOST_PYTHON in full
    assert full.keys().isdisjoint(limits)
    assert limits <= nothing.keys()
    assert "it is not installed" in nothing[Limitation.HOST_FILE_SYSTEM]


async def test_state_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    instance = f"test-state-{os.getpid()}"
    with pytest.raises(BackendUnavailableError, match="Sandboxes cannot be processes here"):
        async with opened(tmp_path / "state", instance):
            pass
    assert list(DEFAULT_ROOT.glob(f"**/testbed-{instance}")) == []


async def test_package_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path / "state", cgroup_root=None) as backend:
        (tmp_path / "state/packages").write_text("a file")
        with pytest.raises(BuildError, match=r"f: its package cannot be written to .*packages"):
            await deployed(backend, tmp_path / "code")


async def test_open_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    instance = f"test-open-{os.getpid()}"
    backend = ProcessBackend(tmp_path, instance)
    entered, go_on, prepare = asyncio.Event(), threading.Event(), backend._prepare
    loop = asyncio.get_running_loop()

    def held_up() -> Isolation:
        found = prepare()
        loop.call_soon_threadsafe(entered.set)
        assert go_on.wait(BOUND)
        return found

    backend._prepare = held_up  # type: ignore[method-assign]
    task = asyncio.create_task(backend.open())
    async with asyncio.timeout(BOUND):
        await entered.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(DEFAULT_ROOT.glob(f"**/testbed-{instance}")) == []
    await until(lambda: not alive(f"testbed-{instance}"))


async def test_missing_bubblewrap_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path, bubblewrap="no-such-program", cgroup_root=None) as backend:
        assert told(backend, "bubblewrap is not installed")


async def test_bubblewrap_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no namespaces today' >&2; exit 1\n")
    broken.chmod(0o755)
    async with opened(tmp_path / "state", bubblewrap=str(broken), cgroup_root=None) as backend:
        assert told(backend, "bwrap: no namespaces today")
        package = await deployed(backend, tmp_path / "code")
        async with running(backend, package) as one:
            assert await one.ask("answer = 1") == 1


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
async def test_close_leaves_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    instance = f"test-close-{os.getpid()}"
    async with opened(tmp_path / "state", instance, **options) as backend:
        package = await deployed(backend, tmp_path / "code")
        async with running(backend, package) as one:
            assert await one.ask("answer = 1") == 1
            one.process.freeze()
            await backend.close()
            assert one.process.exited.done()
    await until(lambda: not alive(f"testbed-{instance}-"))
    assert list(DEFAULT_ROOT.glob(f"**/testbed-{instance}")) == []
    assert list((tmp_path / "state/sandboxes").iterdir()) == []


def cgroups_can_be_written() -> bool:
    tree = find_tree(DEFAULT_ROOT, f"test-{os.getpid()}-writable")
    if tree is not None:
        tree.remove()
    return tree is not None


VICTIM = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {path!r}
import tests.live.backends.process.test_backend as t

async def main():
    folder = Path({folder!r})
    async with t.opened(folder / "state", {instance!r}, **{options!r}) as backend:
        package = await t.deployed(backend, folder / "code")
        async with t.running(backend, package) as busy, t.running(backend, package) as frozen:
            detached = {options!r} != t.KINDS["plain"]
            child = f"subprocess.Popen({{t.DAWDLER}} + [{mark!r}], start_new_session={{detached}})"
            busy.tell(f"{{child}}; time.sleep(60)")
            frozen.process.freeze()
            await t.until(lambda: t.alive({mark!r}))
            print("started", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start clears up")
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
async def test_nothing_outlives_an_emulator_that_is_killed(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    instance = f"test-kill-{os.getpid()}"
    if options == KINDS["plain with cgroups"] and not cgroups_can_be_written():
        pytest.skip("no cgroup can be written here, and what leaves its process group escapes")
    here = [str(Path(__file__).parents[4]), *sys.path]
    mark = f"testbed-{instance}-child"
    code = VICTIM.format(
        path=here, folder=str(tmp_path), instance=instance, options=options, mark=mark
    )
    command = [sys.executable, "-c", code]
    victim = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert victim.stdout
    line = await asyncio.to_thread(victim.stdout.readline)
    victim.send_signal(signal.SIGKILL)
    victim.wait(BOUND)
    victim.stdout.close()
    assert line == b"started\n"
    await until(lambda: not alive(f"name=testbed-{instance}-") and not alive(mark))
    # and the next emulator of this instance finds an empty house
    async with opened(tmp_path / "state", instance, **options) as backend:
        assert await backend.survivors() == []
    await until(lambda: not alive(f"testbed-{instance}"))


async def test_orphans_of_another_instance_are_let_alone(tmp_path: Path, kind: Kind) -> None:
    async with running(kind.backend, kind.package) as one:
        async with opened(tmp_path, f"test-other-{os.getpid()}"):
            assert await one.ask("answer = 1") == 1
        assert await one.ask("answer = 2") == 2
