"""What a sandbox promises on every real backend, method by method, without an engine."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from emulator.live.backends.interface import RUNTIME, Exit
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.sandbox_spec import CpuShare
from tests.live.backends.test_backend_contract import lacks
from tests.live.sandboxes import BOUND, function, sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend
    from tests.live.sandboxes import Sandbox

pytestmark = pytest.mark.anyio
KILLED = Exit(137)
EXTENSION = """#!/bin/sh
trap 'echo goodbye; exit 3' TERM
echo "extension of $AWS_LAMBDA_RUNTIME_API, handler:$_HANDLER:"
while :; do sleep 0.05; done
"""


@pytest.fixture
def real(backend: SandboxBackend) -> SandboxBackend:
    if backend.name == "scripted":
        pytest.skip("nothing runs in it")
    return backend


async def until_written(here: Sandbox, text: bytes) -> None:
    async with asyncio.timeout(BOUND):
        while text not in here.written:  # noqa: ASYNC110  # nothing tells a test
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("os.write(1, b'last'); os._exit(0)", Exit(0)),
        ("os.write(1, b'last'); os._exit(3)", Exit(3)),
        ("os.write(2, b'last'); os.kill(os.getpid(), 9)", Exit(137)),
        ("os.write(1, b'last'); os.kill(os.getpid(), 15)", Exit(143)),
    ],
)
async def test_runtime_ends_and_starts_again_in_the_same_sandbox(
    real: SandboxBackend, tmp_path: Path, code: str, ended: Exit
) -> None:
    async with sandbox(real, function(tmp_path / "f")) as here:
        for times in (1, 2, 3):
            assert await here.ask("answer = 1") == 1
            here.tell(code)
            assert await here.event() == (RUNTIME, ended)
            assert here.written == b"last" * times, "what it wrote is there, and nothing else"
            await here.restart()
        assert not here.process.exited.done()


async def test_reset_keeps_tmp_and_kills_all_that_runs(
    real: SandboxBackend, tmp_path: Path
) -> None:
    where = "os.environ.get('TMPDIR', '/tmp')"
    child = "subprocess.Popen(['sleep', '4321'])"
    async with sandbox(real, function(tmp_path / "f")) as here:
        await here.ask(f"open({where} + '/kept', 'w').write('x'); {child}")
        here.tell("while True: pass")
        await here.process.reset()
        assert await here.event() == (RUNTIME, KILLED)
        assert here.events.empty()
        await here.restart()
        assert await here.ask(f"answer = open({where} + '/kept').read()") == "x"
        left = "[p for p in os.listdir('/proc') if p.isdigit() and b'4321' in read(p)]"
        if not lacks(real, Limitation.HOST_FILE_SYSTEM):
            read = "read = lambda p: open(f'/proc/{p}/cmdline', 'rb').read()"
            assert await here.ask(f"{read}; globals()['read'] = read; answer = {left}") == []


async def test_frozen_sandbox_is_reset_and_thawed(real: SandboxBackend, tmp_path: Path) -> None:
    async with sandbox(real, function(tmp_path / "f")) as here:
        here.process.freeze()
        await here.process.reset()
        assert await here.event() == (RUNTIME, KILLED)
        await here.restart()
        assert await here.ask("answer = 2") == 2


async def test_reset_is_quick_at_a_small_share_of_cpu(real: SandboxBackend, tmp_path: Path) -> None:
    took = []
    async with sandbox(real, function(tmp_path / "f"), cpu=CpuShare(1447, 20_000)) as here:
        for _ in range(5):
            here.process.freeze()
            began = time.monotonic()
            await here.process.reset()
            took.append(time.monotonic() - began)
            await here.event()
            await here.restart()
    print("reset, ms:", [round(one * 1000, 1) for one in took])
    assert min(took) < 0.25, "20 ms where nothing else runs"


async def test_reset_when_nothing_runs_and_twice_at_once(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with sandbox(real, function(tmp_path / "f")) as here:
        here.tell("os._exit(1)")
        assert await here.event() == (RUNTIME, Exit(1))
        await asyncio.gather(here.process.reset(), here.process.reset())
        await here.restart()
        assert await here.ask("answer = 3") == 3


async def test_rapid_commands_leave_a_sandbox_that_works(
    real: SandboxBackend, tmp_path: Path
) -> None:
    async with sandbox(real, function(tmp_path / "f")) as here:
        for _ in range(5):
            here.process.terminate(RUNTIME)
            here.process.run(RUNTIME)
            here.process.terminate(RUNTIME)
            await here.process.reset()
            here.process.run(RUNTIME)
        await here.process.reset()
        while not here.events.empty():
            here.events.get_nowait()
        await here.restart()
        assert await here.ask("answer = 4") == 4


async def test_terminate_is_sigterm(real: SandboxBackend, tmp_path: Path) -> None:
    async with sandbox(real, function(tmp_path / "f")) as here:
        here.process.terminate(RUNTIME)
        assert await here.event() == (RUNTIME, Exit(143))


async def test_each_out_of_memory_kill_is_told_and_no_other(
    real: SandboxBackend, tmp_path: Path
) -> None:
    if lacks(real, Limitation.MEMORY_UNLIMITED):
        pytest.skip("no memory limit can be enforced here, and the backend says so")
    eat = "held = []\nwhile True: held.append(bytearray(os.urandom(1 << 20)))"
    async with sandbox(real, function(tmp_path / "f", memory_mb=128)) as here:
        for code, starved in ((eat, True), ("os.kill(os.getpid(), 9)", False), (eat, True)):
            here.tell(code)
            assert await here.event() == (RUNTIME, Exit(137, starved))
            await here.process.reset()
            await here.restart()


async def test_peak_of_memory_outlives_its_runtime(real: SandboxBackend, tmp_path: Path) -> None:
    async with sandbox(real, function(tmp_path / "f")) as here:
        await here.ask("globals()['held'] = bytearray(b'x') * (60 << 20)")
        before = here.process.max_memory_mb()
        await here.process.reset()
        await here.event()
        await here.restart()
        assert here.process.max_memory_mb() >= before > 60


async def test_extensions_are_listed_and_run_before_the_runtime(
    real: SandboxBackend, tmp_path: Path
) -> None:
    layer = tmp_path / "layer"
    (layer / "extensions").mkdir(parents=True)
    (layer / "extensions/not-executable").write_text("x")
    (layer / "extensions/my ext").write_text(EXTENSION)
    (layer / "extensions/my ext").chmod(0o755)
    configuration = function(tmp_path / "f", layers=(str(layer),))
    package = await real.deploy(configuration, lambda _: None)
    assert real.extensions(package) == ("my ext",)
    async with sandbox(real, configuration, extensions=("my ext",)) as here:
        await until_written(here, b"handler::\n")
        assert here.events.empty(), "the runtime waits"
        here.process.run(RUNTIME)
        await here.ready()
        here.process.limit_cpu()
        here.process.terminate("my ext")
        assert await here.event() == ("my ext", Exit(3))
        assert b"goodbye\n" in here.written
        assert await here.ask("answer = os.environ['_HANDLER']") == "app.run"
        here.process.run("my ext")
        await here.process.reset()
        assert {await here.event(), await here.event()} == {(RUNTIME, KILLED), ("my ext", KILLED)}


async def test_init_has_its_own_share_of_cpu(real: SandboxBackend, tmp_path: Path) -> None:
    if lacks(real, Limitation.CPU_UNLIMITED):
        pytest.skip("no share of CPU can be enforced here, and the backend says so")
    share = CpuShare(2000, 20_000)
    async with sandbox(real, function(tmp_path / "f"), init_cpu=share) as here:
        throttled = here.process.throttled()
    async with sandbox(real, function(tmp_path / "f")) as free:
        assert free.process.throttled()[1] < throttled[1]
    assert throttled[0] > 0


async def test_throttled_time_grows_with_use(real: SandboxBackend, tmp_path: Path) -> None:
    if lacks(real, Limitation.CPU_UNLIMITED, Limitation.LATE_CONTROL):
        pytest.skip("it cannot be told here")
    async with sandbox(real, function(tmp_path / "f"), cpu=CpuShare(2000, 20_000)) as here:
        before, used = here.process.throttled(), here.process.cpu_seconds()
        began = time.monotonic()
        await here.ask("end = time.process_time() + .03\nwhile time.process_time() < end: pass")
        took = time.monotonic() - began
        after, used = here.process.throttled(), here.process.cpu_seconds() - used
    assert 0.02 < used < 0.1 * took + 0.05, (
        "a tenth, or what one look at the clock lets it run over"
    )
    assert after[0] >= before[0] + 3
    assert 0.05 < after[1] - before[1] < took + 0.1


async def test_memory_is_told_as_it_is(real: SandboxBackend, tmp_path: Path) -> None:
    async with sandbox(real, function(tmp_path / "f")) as here:
        before = here.process.memory()
        if before is None:
            pytest.skip("this machine has no cgroup to read")
        await here.ask("global kept; kept = bytearray(os.urandom(1)) * (40 << 20)")
        held = here.process.memory()
        await here.ask("kept = None; del globals()['kept']")
        after = here.process.memory()
    assert held is not None
    assert after is not None
    assert 39 <= (held.anonymous - before.anonymous) >> 20 <= 45
    assert (held.anonymous - after.anonymous) >> 20 >= 35
    assert before.major_faults <= held.major_faults <= after.major_faults
    assert after.refaults is None or after.refaults >= 0


async def test_file_that_was_not_in_memory_is_read_with_major_faults(
    real: SandboxBackend, tmp_path: Path
) -> None:
    configuration = function(tmp_path / "f")
    with (tmp_path / "f/large").open("wb") as file:
        file.write(os.urandom(8 << 20))
    opened = "file = open('large', 'rb')"
    forget = "os.fsync(file.fileno()); os.posix_fadvise(file.fileno(), 0, 0, 4)"
    touch = "import mmap; m = mmap.mmap(file.fileno(), 0, prot=1); m.madvise(mmap.MADV_RANDOM)"
    read = "for n in range(0, len(m), 65536): m[n]"
    async with sandbox(real, configuration) as here:
        before = here.process.memory()
        if before is None:
            pytest.skip("this machine has no cgroup to read")
        await here.ask(f"{opened}\n{forget}\n{touch}\n{read}")
        cold = here.process.memory()
        await here.ask(f"{opened}\n{touch}\n{read}")
        hot = here.process.memory()
    assert cold is not None
    assert hot is not None
    if cold.major_faults == before.major_faults:
        pytest.skip("the file system of packages keeps its files in memory")
    assert cold.major_faults - before.major_faults >= 64, "the kernel may keep the last events back"
    assert hot.major_faults - cold.major_faults <= 64


async def test_sandbox_sees_as_many_cpus_as_it_may(real: SandboxBackend, tmp_path: Path) -> None:
    cpus = "answer = sorted(os.sched_getaffinity(0))"
    all_cpus = os.cpu_count() or 1
    if all_cpus < 2:
        pytest.skip("there is one CPU")
    configuration = function(tmp_path / "f")
    async with (
        sandbox(real, configuration, visible_cpus=1) as one,
        sandbox(real, configuration, visible_cpus=1) as two,
    ):
        seen = [await here.ask(cpus) for here in (one, two)]
    assert [len(found) for found in seen] == [1, 1]
    assert seen[0] != seen[1]
    async with sandbox(real, configuration, visible_cpus=all_cpus) as here:
        assert len(await here.ask(cpus)) == len(os.sched_getaffinity(0))


async def test_sandbox_finds_itself_by_name(real: SandboxBackend, tmp_path: Path) -> None:
    if lacks(real, Limitation.HOST_FILE_SYSTEM):
        pytest.skip("this view has the host's names")
    names = "[socket.gethostbyname(n) for n in ('sandbox.localdomain', 'sandbox')]"
    async with sandbox(real, function(tmp_path / "f")) as here:
        full, short = await here.ask(f"answer = {names}")
    assert full == short


async def test_tmp_is_as_large_as_it_is_configured(real: SandboxBackend, tmp_path: Path) -> None:
    if lacks(real, Limitation.HOST_FILE_SYSTEM):
        pytest.skip("this view has the host's /tmp")
    async with sandbox(real, function(tmp_path / "f"), tmp_mb=20) as here:
        size = "s = os.statvfs('/tmp'); answer = s.f_blocks * s.f_frsize >> 20"
        assert await here.ask(size) == 20


async def test_function_that_kills_all_it_can_ends_no_more_than_its_sandbox(
    real: SandboxBackend, tmp_path: Path
) -> None:
    if lacks(real, Limitation.HOST_FILE_SYSTEM):
        pytest.skip("this view has no processes of its own")
    async with sandbox(real, function(tmp_path / "f")) as here:
        here.tell("os.kill(-1, 9); os._exit(9)")
        event = asyncio.create_task(here.event())
        done, _ = await asyncio.wait(
            [here.process.exited, event], timeout=BOUND, return_when=asyncio.FIRST_COMPLETED
        )
        # left alone it would run out of time in a later test
        event.cancel()
        await asyncio.gather(event, return_exceptions=True)
        assert done
    assert here.process.exited.done()
