"""Sandboxes that are forks of a template, and what they try against each other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.errors import SnapshotError
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.sandbox_spec import CpuShare, SandboxSpec
from tests.live.attack_probes import PROBES
from tests.live.backends.process.test_backend import (
    BOUND,
    CODE,
    alive,
    configuration,
    deployed,
    opened,
    running,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from emulator.live.backends.process.backend import ProcessBackend
    from tests.live.backends.process.test_backend import Running

pytestmark = pytest.mark.anyio

SNAPSHOT = "f:1"
SECRET = "the-siblings-own-8d21"
SIBLING = {"AWS_SECRET_ACCESS_KEY": SECRET}
ATTACKER = f"{PROBES}\nimport glob, re\n"


@dataclass
class Kept:
    backend: ProcessBackend
    package: str
    written: list[bytes]


async def take(backend: ProcessBackend, package: str, **more: Any) -> list[bytes]:
    """Takes a snapshot; returns what its init writes, as that comes."""
    written: list[bytes] = []
    environment = {"_HANDLER": "app.run", "LANG": "en_US.UTF-8", "AWS_SECRET_ACCESS_KEY": "init"}
    spec = SandboxSpec(
        0,
        package,
        configuration(Path(package)),
        {**environment, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"},
        CpuShare(20000, 20000),
        snapshot=SNAPSHOT,
    )
    assert backend.snapshots is not None
    await backend.snapshots.take(spec, written.append, **{"limit": 30.0, **more})
    return written


@asynccontextmanager
async def keeping(folder: Path, code: str = "") -> AsyncIterator[Kept]:
    async with opened(folder / "state") as backend:
        if Limitation.NO_SNAPSHOTS in backend.unenforced:
            pytest.skip(backend.unenforced[Limitation.NO_SNAPSHOTS])
        package = await deployed(backend, folder / "code", CODE + ATTACKER + code)
        yield Kept(backend, package, await take(backend, package))


@asynccontextmanager
async def restored(kept: Kept, **more: Any) -> AsyncIterator[Running]:
    snapshot = {"snapshot": SNAPSHOT}
    async with running(kept.backend, kept.package, more=snapshot, **more) as one:
        yield one


# what a restore is


async def test_forks_go_on_from_one_init(tmp_path: Path) -> None:
    code = "import uuid\nprint('the init')\nINIT = str(uuid.uuid4())\n"
    async with keeping(tmp_path, code) as kept, restored(kept) as one, restored(kept) as other:
        assert await one.ask("answer = INIT") == await other.ask("answer = INIT")
        await until(lambda: b"".join(kept.written) == b"the init\n")
        assert one.written == other.written == b""


async def test_each_fork_has_its_own_environment_and_output(tmp_path: Path) -> None:
    async with (
        keeping(tmp_path) as kept,
        restored(kept, **SIBLING) as one,
        restored(kept, AWS_SECRET_ACCESS_KEY="another") as other,
    ):
        key = "print(os.environ['AWS_SECRET_ACCESS_KEY'])\nanswer = dict(os.environ)"
        found, others = await one.ask(key), await other.ask(key)
        assert found["AWS_SECRET_ACCESS_KEY"] == SECRET
        assert others["AWS_SECRET_ACCESS_KEY"] == "another"
        assert found["AWS_LAMBDA_RUNTIME_API"] != others["AWS_LAMBDA_RUNTIME_API"]
        assert (found["LAMBDA_TASK_ROOT"], found["PYTHONPATH"]) == ("/var/task", "/var/runtime")
        await until(lambda: one.written.endswith(b"\n") and other.written.endswith(b"\n"))
        assert (one.written, other.written) == (f"{SECRET}\n".encode(), b"another\n")


async def test_forks_draw_different_random_numbers(tmp_path: Path) -> None:
    code = (
        "import random, ssl, tempfile, uuid\nrandom.seed(1)\ntempfile.mktemp()\nssl.RAND_bytes(9)"
    )
    draw = (
        "answer = [random.random(), str(uuid.uuid4()), os.urandom(9).hex(), tempfile.mktemp(), "
        "ssl.RAND_bytes(9).hex()]"
    )
    async with keeping(tmp_path, code) as kept, restored(kept) as one, restored(kept) as other:
        drawn = list(zip(await one.ask(draw), await other.ask(draw), strict=True))
    assert [a for a, b in drawn if a == b] == []


async def test_hooks_run_before_the_snapshot_and_after_each_restore_in_aws_order(
    tmp_path: Path,
) -> None:
    code = """
from snapshot_restore_py import register_after_restore, register_before_snapshot
RAN = []
register_before_snapshot(RAN.append, "before, registered first")
register_before_snapshot(RAN.append, "before, registered last")
register_after_restore(RAN.append, "after, registered first")
@register_after_restore
def last():
    RAN.append(f"after, with the key {os.environ['AWS_SECRET_ACCESS_KEY']}")
"""
    async with keeping(tmp_path, code) as kept, restored(kept, **SIBLING) as one:
        assert await one.ask("answer = RAN") == [
            "before, registered last",
            "before, registered first",
            "after, registered first",
            f"after, with the key {SECRET}",
        ]


async def test_tmp_is_as_the_init_left_it_and_each_forks_own(tmp_path: Path) -> None:
    code = """
os.mkdir("/tmp/folder")
FILE = open("/tmp/folder/file", "w+")
FILE.write("of the init")
FILE.flush()
"""
    write = "FILE.write(' and mine'); FILE.flush(); answer = open('/tmp/folder/file').read()"
    read = "answer = open('/tmp/folder/file').read()"
    async with keeping(tmp_path, code) as kept, restored(kept) as one, restored(kept) as other:
        assert await one.ask(write) == "of the init and mine"
        assert await other.ask(read) == "of the init"


async def test_tmp_has_its_size(tmp_path: Path) -> None:
    fill = (
        "try:\n open('/tmp/f', 'wb').write(bytes(9 << 20))\nexcept OSError as e:\n answer = str(e)"
    )
    async with keeping(tmp_path) as kept, restored(kept, tmp_mb=8) as one:
        assert "No space left" in await one.ask(fill)


async def test_connection_of_the_init_is_closed_in_a_fork(tmp_path: Path) -> None:
    code = """
import socket
SERVER = socket.create_server(("127.0.0.1", 0))
CLIENT = socket.create_connection(SERVER.getsockname())
"""
    send = """
try:
    CLIENT.sendall(b"x")
    answer = "sent"
except OSError as error:
    answer = type(error).__name__
"""
    async with keeping(tmp_path, code) as kept, restored(kept) as one:
        assert await one.ask(send) == "BrokenPipeError"


async def test_init_that_fails_is_told_with_aws_code(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        package = await deployed(kept.backend, tmp_path / "bad", "raise ValueError('no luck')")
        with pytest.raises(SnapshotError, match="ValueError: no luck") as told:
            await take(kept.backend, package)
        assert told.value.code == "FunctionError.RuntimeInitError"
        package = await deployed(kept.backend, tmp_path / "leaves", "import os; os._exit(3)")
        with pytest.raises(SnapshotError, match="exit status 3"):
            await take(kept.backend, package)
        package = await deployed(kept.backend, tmp_path / "slow", "import time; time.sleep(60)")
        with pytest.raises(SnapshotError, match=r"timed out after 0\.50 seconds") as told:
            await take(kept.backend, package, limit=0.5)
        assert told.value.code == "FunctionError.InitTimeout"
        assert await kept.backend.survivors() == []


async def test_memory_that_forks_would_share_is_refused(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        code = CODE + "import mmap\nHELD = mmap.mmap(-1, 4096)"
        package = await deployed(kept.backend, tmp_path / "shares", code)
        with pytest.raises(SnapshotError, match="memory is shared") as told:
            await take(kept.backend, package)
        assert told.value.code == ""


async def test_hook_that_fails_after_a_restore_is_told(tmp_path: Path) -> None:
    code = """
from snapshot_restore_py import register_after_restore
@register_after_restore
def fail():
    raise ValueError("no luck")
"""
    async with keeping(tmp_path, code) as kept:
        with pytest.raises(AssertionError, match="no luck"):
            async with restored(kept):
                pass
        assert await kept.backend.survivors() == []


# what a fork tries


async def test_fork_finds_nothing_of_its_sibling(tmp_path: Path) -> None:
    hide = f"""
import subprocess
open("/tmp/{SECRET}", "w").write("{SECRET}")
child = subprocess.Popen(["sleep", "30"])
answer = os.getpid()
"""
    half = len(SECRET) // 2
    seek = f"""
global wanted
wanted = b"".join([b"{SECRET[half:]}"[::-1], b"{SECRET[:half]}"[::-1]])[::-1]
processes = [name for name in os.listdir("/proc") if name.isdigit()]
answer = {{
    "processes": len(processes),
    "environments": [p for p in processes if wanted in text(f"/proc/{{p}}/environ")],
    "memory": memory("self", wanted),
    "files": os.listdir("/tmp"),
}}
"""
    async with keeping(tmp_path) as kept, restored(kept, **SIBLING) as one:
        await one.ask(hide)
        async with restored(kept) as other:
            found, own = await other.ask(seek), await one.ask(seek)
    # its first process and itself; and the one copy in memory is of what is looked for
    assert found == {"processes": 2, "environments": [], "memory": 1, "files": []}
    assert own["memory"] > 1
    assert own["files"] == [SECRET]


async def test_fork_has_no_right_and_gets_none(tmp_path: Path) -> None:
    attack = """
global status
lines = open("/proc/self/status").read().splitlines()
status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
answer = {
    **{name: int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")},
    "Seccomp": status["Seccomp"],
    "NoNewPrivs": status["NoNewPrivs"],
    "user namespace": call(libc.unshare, 0x10000000),
    "mount namespace": call(libc.unshare, 0x00020000),
    "mount": call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, None),
    "unmount": call(libc.umount2, b"/proc", 2),
    "host name": call(libc.sethostname, b"mine", 4),
    "first process's memory": memory(1, b"x"),
    "trace": call(libc.ptrace, 16, 1, None, None),
    "root": call(libc.setuid, 0),
}
"""
    async with keeping(tmp_path) as kept, restored(kept) as one:
        found = await one.ask(attack)
    assert found == {
        **dict.fromkeys(("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"), 0),
        "Seccomp": "2",
        "NoNewPrivs": "1",
        **dict.fromkeys(("user namespace", "mount namespace", "mount", "unmount"), "EPERM"),
        "host name": "EPERM",
        "first process's memory": "EACCES",
        "trace": "EPERM",
        "root": "EINVAL",
    }


async def test_fork_cannot_order_forks_nor_end_its_first_process(tmp_path: Path) -> None:
    attack = """
import signal, stat
links = {}
for name in os.listdir("/proc/self/fd"):
    try:
        links[name] = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        pass
for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGUSR1):
    os.kill(1, number)
answer = sorted(link.partition(":")[0] for link in links.values())
"""
    code = "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: os._exit(9))"
    async with keeping(tmp_path, code) as kept, restored(kept) as one:
        # the standard streams, the log, the Runtime API, and the folder that is read
        assert await one.ask(attack) == ["/dev/null", "pipe", "pipe", "pipe", "socket"]
        assert await one.ask("answer = 'lives'") == "lives"


async def test_memory_limit_is_the_forks_own(tmp_path: Path) -> None:
    eat = "held = []\nwhile True: held.append(bytearray(os.urandom(1 << 20)))"
    async with keeping(tmp_path) as kept, restored(kept) as one, restored(kept) as other:
        one.tell(eat)
        what, ended = await one.outcome()
        assert (what, ended.out_of_memory) == ("exited", True)
        assert await other.ask("answer = 'lives'") == "lives"
        async with restored(kept) as third:
            assert await third.ask("answer = 'lives'") == "lives"


async def test_cpu_limit_is_the_forks_own(tmp_path: Path) -> None:
    spin = """
begun, cpu = time.perf_counter(), time.process_time()
while time.process_time() - cpu < 0.2: pass
answer = (time.process_time() - cpu) / (time.perf_counter() - begun)
"""
    async with keeping(tmp_path) as kept, restored(kept, cpu=CpuShare(4000, 20000)) as one:
        assert await one.ask(spin) < 0.4
        assert one.process.throttled()[0] > 0


async def test_number_of_processes_is_limited(tmp_path: Path) -> None:
    multiply = """
import signal
answer = 0
while answer < 1100:
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        signal.pause()
    answer += 1
"""
    async with keeping(tmp_path) as kept, restored(kept, memory_mb=2048) as one:
        assert 1000 < await one.ask(multiply) < 1024


async def test_frozen_fork_uses_no_cpu_and_goes_on(tmp_path: Path) -> None:
    begin = "import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()"
    async with keeping(tmp_path) as kept, restored(kept) as one:
        await one.ask(begin)
        one.process.freeze()
        await asyncio.sleep(0.05)  # a tick or two until all have stopped
        before = one.process.cpu_seconds()
        await asyncio.sleep(0.2)
        assert one.process.cpu_seconds() - before < 0.01
        one.process.thaw()
        assert await one.ask("answer = 'lives'") == "lives"
        assert kept.backend.snapshots is not None
        assert kept.backend.snapshots.names() == {one.process.name}, "it is a sandbox as before"


async def test_forks_stand_ready_before_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with keeping(tmp_path) as kept:
        snapshots = kept.backend.snapshots
        assert snapshots is not None
        await until(lambda: snapshots.ready(SNAPSHOT) == 2)
        assert snapshots.names() == set()
        with monkeypatch.context() as calm:
            # a slow restore would else see the next fork made
            calm.setattr("emulator.live.backends.forks.snapshots._CALM", 3600.0)
            async with restored(kept) as one:
                assert snapshots.ready(SNAPSHOT) == 1
                assert await one.ask("answer = 'lives'") == "lives"
        async with restored(kept):
            await until(lambda: snapshots.ready(SNAPSHOT) == 2)


# ends


async def test_exit_of_the_runtime_is_the_end_of_the_sandbox(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        async with restored(kept) as one:
            one.tell("import subprocess; subprocess.Popen(['sleep', '77']); os._exit(7)")
            what, ended = await one.outcome()
            assert (what, ended.code) == ("exited", 7)
        assert await kept.backend.survivors() == []


async def test_template_that_died_is_made_anew(tmp_path: Path) -> None:
    code = "import uuid\nINIT = str(uuid.uuid4())\n"
    async with keeping(tmp_path, code) as kept:
        async with restored(kept) as one:
            before = await one.ask("answer = INIT")
        await _template_killed(kept)
        async with restored(kept) as one:
            assert await one.ask("answer = INIT") != before


async def test_template_that_died_is_made_anew_once_for_all_who_want_it(tmp_path: Path) -> None:
    code = "import uuid\nINIT = str(uuid.uuid4())\n"
    async with keeping(tmp_path, code) as kept, AsyncExitStack() as stack:
        await _template_killed(kept)
        sandboxes = await asyncio.gather(
            *(stack.enter_async_context(restored(kept)) for _ in range(4))
        )
        inits = {await one.ask("answer = INIT") for one in sandboxes}
        assert len(inits) == 1


async def _template_killed(kept: Kept) -> None:
    """Kills a template with all its forks, and waits until the backend knows."""
    snapshots = kept.backend.snapshots
    assert snapshots is not None
    await until(lambda: snapshots.ready(SNAPSHOT) == 2)  # none is being made
    (name,) = snapshots.templates()
    for pid in alive(f"name={name}"):
        with suppress(ProcessLookupError):  # the first of a namespace takes the others along
            os.kill(int(pid), signal.SIGKILL)
    await until(lambda: not snapshots.ready(SNAPSHOT))


async def test_template_ends_after_the_last_fork_of_a_dropped_snapshot(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept:
        assert kept.backend.snapshots is not None
        (name,) = kept.backend.snapshots.templates()
        async with restored(kept) as one:
            kept.backend.snapshots.drop(SNAPSHOT)
            assert await one.ask("answer = 'lives'") == "lives"
            assert alive(f"name={name}")
        await until(lambda: not alive(f"name={name}"))
        await until(lambda: name not in _cgroups())


async def test_closed_backend_leaves_no_template(tmp_path: Path) -> None:
    async with keeping(tmp_path) as kept, restored(kept):
        assert kept.backend.snapshots is not None
        (name,) = kept.backend.snapshots.templates()
        assert name in _cgroups()
        await kept.backend.close()
        await until(lambda: not alive(f"name={name}"))
        assert name not in _cgroups()


VICTIM = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {path!r}
import tests.live.backends.process.test_snapshots as t

async def main():
    folder = Path({folder!r})
    async with t.opened(folder / "state", {instance!r}) as backend:
        package = await t.deployed(backend, folder / "code")
        kept = t.Kept(backend, package, await t.take(backend, package))
        async with t.restored(kept) as busy, t.restored(kept) as frozen:
            busy.tell("time.sleep(60)")
            frozen.process.freeze()
            print("started", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_no_template_and_no_fork_outlives_an_emulator_that_is_killed(
    tmp_path: Path,
) -> None:
    (tmp_path / "trial").mkdir()
    async with keeping(tmp_path / "trial"):
        pass  # or it is skipped
    instance = f"test-snap-kill-{os.getpid()}"
    here = [str(Path(__file__).parents[4]), *sys.path]
    code = VICTIM.format(path=here, folder=str(tmp_path), instance=instance)
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert victim.stdout is not None
    async with asyncio.timeout(4 * BOUND):
        line = await victim.stdout.readline()
        victim.kill()
        await victim.wait()
    assert line == b"started\n"
    await until(lambda: not alive(f"testbed-{instance}"))
    await until(lambda: not [name for name in _cgroups() if instance in name])


def _cgroups() -> set[str]:
    found = Path("/sys/fs/cgroup").glob("**/testbed-*/cgroup.procs")
    return {path.parent.name for path in found}
