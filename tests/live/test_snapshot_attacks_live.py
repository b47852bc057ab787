"""What forks of one template try against each other and against it, on both real backends.

What a function tries against all that is around its sandbox, restored or not, is in
test_attacks_live.py.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.model import StartKind, VersionKey
from emulator.core.records import Status
from emulator.live.backends.docker.backend import DockerBackend
from emulator.live.backends.forks.snapshots import ForkSnapshots
from emulator.live.backends.limitations import Limitation
from emulator.live.backends.process.backend import ProcessBackend
from tests.live.attack_probes import PROBES
from tests.live.world import BOUND, lacks, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend
    from tests.live.world import World

REAL = ["process", pytest.param("docker", marks=pytest.mark.docker)]
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", REAL, indirect=True)]

SECRET = "the-siblings-own-8d21"
CODE = f"""{PROBES}
import os, random, signal, ssl, subprocess, time

random.seed(1)
ssl.RAND_bytes(9)
open("/tmp/of-the-init", "w").write("init")

def run(event, context):
    scope = {{**globals(), "answer": None}}
    exec(event, scope)
    return scope["answer"]
"""


@dataclass
class Forks:
    here: World
    key: VersionKey

    async def ask(self, code: str) -> Any:
        outcome = await self.here.invoke(self.key, code)
        assert not outcome.function_error, outcome.payload
        return json.loads(outcome.payload)


STAYS = """
import os, sys
runtime = sys.modules["snapshot_runtime"]

def stay(control):
    message, files, _, _ = runtime.socket.recv_fds(control, 1 << 18, 8)
    for file in files:
        os.close(file)
    if files:
        control.sendall(b"moved")
        message = control.recv(1 << 18)
    return message

runtime._after_the_move = stay
"""
"""An init that lets forks stay in the template's cgroup, which has no CPU limit, and lie."""


@asynccontextmanager
async def forks(
    backend: SandboxBackend, folder: Path, code: str = CODE, **more: Any
) -> AsyncIterator[Forks]:
    """A published version whose sandboxes are all restored."""
    if lacks(backend, Limitation.NO_SNAPSHOTS):
        pytest.skip(backend.unenforced[Limitation.NO_SNAPSHOTS])
    async with world(backend, folder) as here, asyncio.timeout(BOUND):
        key = await here.deploy("run", code=code, snap_start=True, version="1", **more)
        yield Forks(here, VersionKey.of(key.name, "1"))
        await here.idle()
        kinds = {StartKind.RESTORED, StartKind.WARM}
        assert {record.start for record in here.records()} <= kinds


async def test_fork_that_lies_about_its_cgroup_is_moved_all_the_same(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    look = "answer = sorted(open('/proc/self/cgroup').read().split())"
    async with forks(backend, tmp_path, STAYS + CODE) as lying:
        assert isinstance(backend, ProcessBackend | DockerBackend)
        assert backend.snapshots is not None
        lines = await lying.ask(look)
        kept = backend.snapshots
        kept = kept if isinstance(kept, ForkSnapshots) else kept._forks
        own, templates = kept.names(), kept.templates()
    assert len(own) == 1
    assert sum(line.endswith(f"/{name}") for line in lines for name in own) > 0
    assert not [line for line in lines for name in templates if line.endswith(f"/{name}")]


async def test_fork_finds_nothing_of_its_sibling(backend: SandboxBackend, tmp_path: Path) -> None:
    hide = f"""
open("/tmp/{SECRET}", "w").write("{SECRET}")
os.environ["HIDDEN"] = "{SECRET}"
child = subprocess.Popen(["sleep", "30"])
held = ["{SECRET}".encode() * 3]
time.sleep(2)
child.kill()
answer = [os.getpid(), os.listdir("/tmp")]
"""
    half = len(SECRET) // 2
    seek = f"""
time.sleep(0.5)
wanted = b"".join([b"{SECRET[half:]}"[::-1], b"{SECRET[:half]}"[::-1]])[::-1]
processes = [name for name in os.listdir("/proc") if name.isdigit()]
answer = {{
    "processes": len(processes),
    "environments": [p for p in processes if wanted in text(f"/proc/{{p}}/environ")],
    "others": [p for p in processes
               if p != str(os.getpid()) and memory(p, wanted) not in ("EACCES", "EPERM")],
    "memory": memory("self", wanted),
    "files": os.listdir("/tmp"),
}}
"""
    async with forks(backend, tmp_path) as those:
        found, own = await asyncio.gather(those.ask(seek), those.ask(hide))
    assert sorted(own[1]) == sorted([SECRET, "of-the-init"])
    # its first process and itself; and the one copy in memory is of what is looked for
    assert (found["processes"], found["memory"]) == (2, 1)
    assert (found["environments"], found["others"], found["files"]) == ([], [], ["of-the-init"])


async def test_fork_has_no_right_and_gets_none(backend: SandboxBackend, tmp_path: Path) -> None:
    attack = """
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
    "join": call(libc.setns, os.open("/proc/self/ns/user", os.O_RDONLY), 0),
    "first process's memory": memory(1, b"x"),
    "trace": call(libc.ptrace, 16, 1, None, None),
    "root": call(libc.setuid, 0),
}
"""
    async with forks(backend, tmp_path) as those:
        found = await those.ask(attack)
    assert found == {
        **dict.fromkeys(("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"), 0),
        "Seccomp": "2",
        "NoNewPrivs": "1",
        **dict.fromkeys(("user namespace", "mount namespace", "mount", "unmount"), "EPERM"),
        **dict.fromkeys(("host name", "join", "trace"), "EPERM"),
        "first process's memory": "EACCES",
        "root": "EINVAL",
    }


async def test_fork_cannot_order_forks_nor_end_its_first_process(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    attack = """
links = {}
for name in os.listdir("/proc/self/fd"):
    try:
        links[name] = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        pass
for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGUSR1):
    os.kill(1, number)
answer = sorted({link.partition(":")[0] for link in links.values()})
"""
    async with forks(backend, tmp_path) as those:
        kinds = set(await those.ask(attack))
        # the one socket is the Runtime API's; an image's client has its own event descriptors
        assert kinds <= {"/dev/null", "pipe", "socket", "anon_inode"}, kinds
        assert await those.ask("answer = 'lives'") == "lives"


async def test_forks_draw_different_random_numbers(backend: SandboxBackend, tmp_path: Path) -> None:
    draw = """
time.sleep(0.5)
answer = [random.random(), os.urandom(9).hex(), ssl.RAND_bytes(9).hex()]
"""
    async with forks(backend, tmp_path) as those:
        one, other = await asyncio.gather(those.ask(draw), those.ask(draw))
    assert not set(one) & set(other)


async def test_memory_limit_is_the_forks_own(backend: SandboxBackend, tmp_path: Path) -> None:
    eat = "held = []\nwhile True: held.append(bytearray(os.urandom(1 << 20)))"
    async with forks(backend, tmp_path, memory_mb=128, timeout=100) as those:
        rest = asyncio.create_task(those.ask("time.sleep(2)\nanswer = 'lives'"))
        outcome = await those.here.invoke(those.key, eat)
        assert outcome.function_error
        assert await rest == "lives"
        assert await those.ask("answer = 'another'") == "another"
        await those.here.idle()
        assert Status.OUT_OF_MEMORY in {record.status for record in those.here.records()}


async def test_cpu_limit_is_the_forks_own(backend: SandboxBackend, tmp_path: Path) -> None:
    spin = """
begun, cpu = time.perf_counter(), time.process_time()
while time.process_time() - cpu < 0.2: pass
answer = (time.process_time() - cpu) / (time.perf_counter() - begun)
"""
    async with forks(backend, tmp_path, memory_mb=256) as those:
        assert await those.ask(spin) < 0.4
        await those.here.idle()
        (record,) = those.here.records()
    assert record.throttled > 0


async def test_number_of_processes_is_limited(backend: SandboxBackend, tmp_path: Path) -> None:
    multiply = """
children = []
while len(children) < 1100:
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        signal.pause()
    children.append(child)
for child in children:
    os.kill(child, signal.SIGKILL)
answer = len(children)
"""
    async with forks(backend, tmp_path, memory_mb=2048, timeout=60) as those:
        assert 1000 < await those.ask(multiply) < 1024
