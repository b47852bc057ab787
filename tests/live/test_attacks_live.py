"""A function that attacks whatever is around its sandbox, on both real backends.

docs/security.md lists what is promised, and names the test here that holds each promise. One
attacker tries everything; each test reads one part of what came of that.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from emulator.core.model import StartKind, VersionKey
from emulator.live.backends.limitations import Limitation
from tests.live.world import BOUND, HANDLERS, lacks, world

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.interface import SandboxBackend
    from tests.live.world import World

REAL = ["process", pytest.param("docker", marks=pytest.mark.docker)]
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", REAL, indirect=True)]

MARK = "the-neighbours-own-6fd1"
"""Stands in the victim's environment, its code, its /tmp and its command line."""
LISTENS = 60
"""Seconds that the victim listens at most: the attack takes 20 where a processor is emulated."""
PATIENCE = 90
"""Seconds that victim and attacker may take in all."""
VICTIM = f"""
import socket, subprocess, sys, time
MARK = "{MARK}"

def own_address():
    try:
        return socket.gethostbyname("sandbox.localdomain")
    except OSError:
        return "127.0.0.1"

def victim(event, context):
    with open("/tmp/{MARK}", "w") as file:
        file.write(MARK)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep({LISTENS})", MARK])
    with socket.create_server(("", 0)) as server:
        print("listens at", own_address(), server.getsockname()[1], flush=True)
        server.settimeout(event)
        try:
            while server.accept()[0].recv(1) != b"!":
                pass
        except TimeoutError:
            pass
    return "unharmed"
"""
ATTACKER = """
import ctypes, errno, glob, os, resource, signal, socket, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)

def call(function, *arguments):
    ctypes.set_errno(0)
    result = function(*arguments)
    return errno.errorcode.get(ctypes.get_errno(), "") if result < 0 else "done"

def number(on_x86, on_arm):
    return on_x86 if os.uname().machine == "x86_64" else on_arm

def tried(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    except ValueError as error:
        return "ValueError"
    except IndexError:
        return "nothing"
    return "done"

def text(path):
    try:
        with open(path, "rb") as file:
            return file.read(1 << 20)
    except OSError:
        return b""

def written(path, content=b"1"):
    def act():
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
    return tried(act)

def dial(host, port):
    return tried(lambda: socket.create_connection((host, port), 20).close())

def files_with(mark):
    found = []
    for folder, below, names in os.walk("/"):
        if folder == "/":
            below[:] = [name for name in below if name not in ("proc", "sys", "usr", "var")]
        found += [f"{folder}/{name}" for name in names if mark in name]
    for top in ("/var/task", "/var/tmp", "/tmp", "/dev", "/run", "/opt"):
        for folder, _, names in os.walk(top):
            paths = [f"{folder}/{name}" for name in names]
            found += [path for path in paths if not path.startswith("/dev/")
                      and mark.encode() in text(path)]
    return found

def attack(event, context):
    mark = event["mark"]
    mine = os.getpid()
    lines = open("/proc/self/status").read().splitlines()
    status = {name: value.strip() for name, _, value in (l.partition(":") for l in lines)}
    cmdlines = [text(path) for path in glob.glob("/proc/[0-9]*/cmdline")]
    environs = [text(path) for path in glob.glob("/proc/[0-9]*/environ")]
    parameter = type("parameter", (ctypes.Structure,), {"_fields_": [("priority", ctypes.c_int)]})
    return {
        "processes": [c.decode(errors="replace") for c in cmdlines if mark.encode() in c],
        "environments": [e.decode(errors="replace") for e in environs if mark.encode() in e],
        "files": files_with(mark),
        "signal gateway": tried(lambda: os.kill(event["gateway"], 0)),
        "state": tried(lambda: os.listdir(event["state"])),
        "package": tried(lambda: os.listdir(event["package"])),
        "engine socket": [tried(lambda p=p: socket.socket(socket.AF_UNIX).connect(p))
                          for p in ("/var/run/docker.sock", "/run/containerd/containerd.sock")],
        "neighbour": dial(*event["neighbour"]),
        "loopback": dial("127.0.0.1", event["loopback"]),
        "status": {n: status.get(n) for n in ("Uid", "CapEff", "CapBnd", "CapPrm", "NoNewPrivs",
                                               "Seccomp")},
        "setuid": tried(lambda: os.setuid(0)) if os.getuid() else "is root",
        "setgid": tried(lambda: os.setgid(0)) if os.getgid() else "is root",
        "mount": call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, None),
        "user namespace": call(libc.unshare, 0x10000000),
        "mount namespace": call(libc.unshare, 0x00020000),
        "chroot": call(libc.chroot, b"/tmp"),
        "keyring": call(libc.syscall, number(250, 219), 0, 0, 0, 0),
        "bpf": call(libc.syscall, number(321, 280), 0, 0, 0),
        "performance events": call(libc.syscall, number(298, 241), 0, 0, 0, 0, 0),
        "user faults": call(libc.syscall, number(323, 282), 0),
        "io_uring": call(libc.syscall, 425, 1, 0),
        "setns": call(libc.syscall, number(308, 268), -1, 0),
        "module": call(libc.syscall, number(175, 105), 0, 0, 0),
        "reboot": call(libc.reboot, 0),
        "host name": call(libc.sethostname, b"mine", 4),
        "clock": call(libc.settimeofday, ctypes.byref((ctypes.c_long * 2)(1, 1)), None),
        "device": tried(lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(254, 0))),
        "raw socket": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()),
        "packet socket": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
        "real-time": call(libc.sched_setscheduler, 0, 1, ctypes.byref(parameter(1))),
        "nice": tried(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)),
        "descriptors": tried(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))),
        "oom score": written("/proc/self/oom_score_adj", b"-1000"),
        "kernel settings": written("/proc/sys/kernel/core_pattern", b"|/tmp/mine"),
        "sysrq": written("/proc/sysrq-trigger", b"h"),
        "cgroups": [p for p in glob.glob("/sys/fs/cgroup/**", recursive=True)
                    if os.path.isfile(p) and os.access(p, os.W_OK)][:5],
        "code": tried(lambda: open("/var/task/app.py", "a").close()),
        "root": tried(lambda: open("/mine", "w").close()),
        "kernel memory": [tried(lambda p=p: open(p, "rb").read(1)[0])
                          for p in ("/dev/mem", "/dev/kmem", "/proc/kcore", "/dev/sda")],
    }
"""
_REFUSED = {"EPERM", "EACCES", "EROFS"}
_ABSENT = {"ENOENT", "ENOTDIR"}
_found: dict[str, dict[str, Any]] = {}
"""What came of the attack, by backend and kind of start: one attack serves all tests."""


@pytest.fixture(params=["started", "restored"])
async def attacked(
    request: pytest.FixtureRequest, backend: SandboxBackend, tmp_path: Path
) -> dict[str, Any]:
    """What an attacker finds whose sandbox, and its neighbour's, came of its init or a snapshot."""
    kind = f"{backend.name}, {request.param}"
    if kind in _found:
        return _found[kind]
    more: dict[str, Any] = {"timeout": PATIENCE}
    restored = request.param == "restored"
    if restored:
        if lacks(backend, Limitation.NO_SNAPSHOTS):
            pytest.skip(backend.unenforced[Limitation.NO_SNAPSHOTS])
        more |= {"snap_start": True, "version": "1"}
    if lacks(backend, Limitation.HOST_FILE_SYSTEM):
        pytest.skip(backend.unenforced[Limitation.HOST_FILE_SYSTEM])
    listening = socket.create_server(("127.0.0.1", 0))
    with listening:
        async with world(backend, tmp_path) as here:
            variables = {"SECRET": MARK}
            victim = await here.deploy("victim", code=VICTIM, environment=variables, **more)
            attacker = await here.deploy("attack", code=ATTACKER, **more)
            if restored:
                victim, attacker = (VersionKey.of(key.name, "1") for key in (victim, attacker))
            work = asyncio.create_task(here.invoke(victim, LISTENS))
            neighbour = await _listening(here)
            event = {
                "neighbour": neighbour,
                "mark": MARK,
                "gateway": os.getpid(),
                "state": str(tmp_path),
                "package": str(here.folder),
                "loopback": listening.getsockname()[1],
            }
            outcome = await here.invoke(attacker, event)
            await _end(*neighbour)
            unharmed = json.loads((await work).payload)
            await here.idle()
            records = here.records()
    assert not outcome.function_error, outcome.payload
    found: dict[str, Any] = json.loads(outcome.payload)
    found |= {"victim": unharmed, "kind": request.param}
    assert not restored or {record.start for record in records} == {StartKind.RESTORED}
    _found[kind] = found
    return found


async def _end(host: str, port: int) -> None:
    """Tells the victim that the attack is over; where the host cannot dial it, its time ends it."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(20):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(b"!")
            writer.close()
            await writer.wait_closed()


async def _listening(here: World) -> tuple[str, int]:
    """Returns address and port of the victim, which writes them to its log."""
    async with asyncio.timeout(BOUND):
        while True:
            for line in here.logs.tail("victim-0"):
                if "listens at" in line:
                    _, address, port = line.rpartition("listens")[2].split()
                    return address, int(port)
            await asyncio.sleep(0.05)


async def test_no_process_of_a_neighbour_is_seen(attacked: dict[str, Any]) -> None:
    assert attacked["processes"] == []
    assert attacked["signal gateway"] in {"ESRCH", "EPERM"}


async def test_no_environment_of_a_neighbour_is_read(attacked: dict[str, Any]) -> None:
    assert attacked["environments"] == []


async def test_no_file_or_code_of_a_neighbour_is_read(attacked: dict[str, Any]) -> None:
    assert attacked["files"] == []
    assert attacked["package"] in _ABSENT | _REFUSED


async def test_neighbour_works_on_unharmed(attacked: dict[str, Any]) -> None:
    assert attacked["victim"] == "unharmed"


async def test_state_folder_and_engine_are_out_of_reach(attacked: dict[str, Any]) -> None:
    assert attacked["state"] in _ABSENT | _REFUSED
    assert set(attacked["engine socket"]) <= _ABSENT | _REFUSED | {"ECONNREFUSED"}


async def test_loopback_services_of_the_host_are_out_of_reach(
    backend: SandboxBackend, attacked: dict[str, Any]
) -> None:
    if lacks(backend, Limitation.SHARED_NETWORK):
        assert attacked["loopback"] == "done", "the limitation that is told is none"
    else:
        assert attacked["loopback"] == "ECONNREFUSED"


async def test_ports_of_a_neighbour_are_out_of_reach(
    backend: SandboxBackend, attacked: dict[str, Any]
) -> None:
    if lacks(backend, Limitation.SHARED_NETWORK, Limitation.NEIGHBOURS_REACHABLE):
        assert attacked["neighbour"] == "done", "the limitation that is told is none"
    else:
        assert attacked["neighbour"] in {"EINVAL", "ENETUNREACH", "EHOSTUNREACH"}


async def test_function_has_no_privileges_and_gains_none(attacked: dict[str, Any]) -> None:
    status = attacked["status"]
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split()[0] != "0"
    # a user namespace that was made without root knows no user 0: EINVAL
    assert {attacked["setuid"], attacked["setgid"]} <= {"EPERM", "EINVAL"}


async def test_kernel_interfaces_are_closed(
    backend: SandboxBackend, attacked: dict[str, Any]
) -> None:
    closed = ("mount", "mount namespace", "chroot", "module", "reboot", "host name", "clock")
    refused = _REFUSED | {"ENOSYS"}
    assert {name: attacked[name] for name in closed if attacked[name] not in refused} == {}
    if not lacks(backend, Limitation.KERNEL_UNFILTERED):
        filtered = ["bpf", "performance events", "user faults", "setns"]
        restored = attacked["kind"] == "restored"
        # Docker's own profile refuses io_uring since version 25
        if backend.name == "process" or restored:
            filtered.append("io_uring")
        assert {name: attacked[name] for name in filtered if attacked[name] not in refused} == {}
        assert attacked["status"]["Seccomp"] == "2"
        assert attacked["user namespace"] == "EPERM"
        assert attacked["keyring"] in {"EPERM", "ENOSYS"}


async def test_devices_and_raw_sockets_are_refused(attacked: dict[str, Any]) -> None:
    assert attacked["device"] in _REFUSED
    assert {attacked["raw socket"], attacked["packet socket"]} <= _REFUSED
    assert set(attacked["kernel memory"]) <= _REFUSED | _ABSENT | {
        *("EIO", "ENXIO"),
        "nothing",  # without AppArmor, Docker's mask is an empty file
    }


async def test_limits_cannot_be_raised(attacked: dict[str, Any]) -> None:
    assert attacked["real-time"] == "EPERM"
    assert attacked["nice"] in _REFUSED
    assert attacked["descriptors"] in _REFUSED | {"ValueError"}
    assert attacked["oom score"] in _REFUSED
    assert attacked["cgroups"] == []


async def test_nothing_but_tmp_is_written(attacked: dict[str, Any]) -> None:
    assert {attacked["code"], attacked["root"]} <= _REFUSED
    assert {attacked["kernel settings"], attacked["sysrq"]} <= _REFUSED | _ABSENT


async def test_processes_that_a_timeout_finds_are_gone_after_it(
    backend: SandboxBackend, tmp_path: Path
) -> None:
    """The next invocation in the sandbox finds the processes that it starts with, and no other."""
    code = HANDLERS + (
        "import glob, subprocess, sys\n"
        "def linger(event, context):\n"
        "    if event:\n"
        "        subprocess.Popen(['sleep', '3600'], start_new_session=True)\n"
        "        print('lingers', flush=True)\n"
        "        time.sleep(60)\n"
        "    found = [open(p, 'rb').read() for p in glob.glob('/proc/[0-9]*/cmdline')]\n"
        "    return sum(b'3600' in each for each in found)\n"
    )
    if lacks(backend, Limitation.HOST_FILE_SYSTEM):
        pytest.skip("all processes of the machine are seen")
    async with world(backend, tmp_path) as here:
        key = await here.deploy("linger", code=code, timeout=60)
        lingering = asyncio.create_task(here.invoke(key, 1))
        await here.logged("linger-0", "lingers")
        here.clock.skip(60)
        timed_out = await lingering
        after = await here.invoke(key, 0)
    assert timed_out.function_error
    assert timed_out.sandbox == after.sandbox
    assert json.loads(after.payload) == 0
