"""Becomes a template's first process: namespaces, the image's root, and the image's own command.

This file is a program of its own, which this machine's Python runs as root with nothing of the
testbed but the module beside it in its folder. It reads its plan as JSON on standard input, shows
the layers of an image as the root, read-only, with the /proc, /dev and /tmp that a container has,
and starts the command as the functions' user, without a right and under the kernel filter of
templates. It is the process 1 that takes in what ends, and ends with the command.

Nothing of it outlives its processes: mounts go with the namespace that they are in.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import sys

import snapshot_runtime as calls  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC, _BIND, _REMOUNT = 1, 2, 4, 8, 4096, 32
_PRIVATE = 0x44000
"""MS_REC and MS_PRIVATE."""
_NETWORK = 0x40000000
_OTHERS = 0x00020000 | 0x08000000 | 0x04000000 | 0x20000000
"""CLONE_NEWNS, NEWIPC, NEWUTS and NEWPID."""
_DETACH = 2
_DIE_WITH_PARENT = 1
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"))
_CPUS = "/sys/devices/system/cpu"


def main() -> NoReturn:
    """Becomes the template, as the module's docstring says."""
    plan: dict[str, Any] = json.load(sys.stdin)
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    calls._call("prctl", _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)  # noqa: SLF001
    network = os.open(plan["network"], os.O_RDONLY)
    calls._call("setns", network, _NETWORK)  # noqa: SLF001
    os.close(network)
    calls._call("unshare", _OTHERS)  # noqa: SLF001
    first = os.fork()
    if first:
        _wait_for(first)
    calls._call("prctl", _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)  # noqa: SLF001
    _show(plan)
    runtime = os.fork()
    if not runtime:
        _become(plan)
    _drop_capabilities()
    _wait_for(runtime)


def _wait_for(child: int) -> NoReturn:
    """Takes in what ends, and ends as the child does; nothing else stays open."""
    os.closerange(3, 1024)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _mount(source: str | None, target: str, kind: str, flags: int, data: str = "") -> None:
    words = [word.encode() if word else None for word in (source, target, kind)]
    calls._call("mount", *words, flags, data.encode() if data else None)  # noqa: SLF001


def _show(plan: dict[str, Any]) -> None:
    """Puts the image's layers in the place of this machine's files."""
    root: str = plan["root"]
    _mount(None, "/", "", _PRIVATE)
    layers = ":".join(plan["layers"])
    _mount("overlay", root, "overlay", _READ_ONLY | _NO_SUID | _NO_DEV, f"lowerdir={layers}")
    _mount("proc", f"{root}/proc", "proc", _NO_SUID | _NO_DEV | _NO_EXEC)
    own = f"{root}/tmp"  # noqa: S108  # its own
    _mount("tmpfs", own, "tmpfs", _NO_SUID | _NO_DEV, plan["tmp"])
    _show_devices(f"{root}/dev")
    _show_cpus(root)
    os.chdir(root)
    # the old root is put over the new one, and let go of there: pivot_root(2)
    calls._call("syscall", _PIVOT_ROOT[os.uname().machine], b".", b".")  # noqa: SLF001
    calls._call("umount2", b".", _DETACH)  # noqa: SLF001
    os.chdir("/")
    name: bytes = plan["host_name"].encode()
    calls._call("sethostname", name, len(name))  # noqa: SLF001


def _show_devices(folder: str) -> None:
    _mount("tmpfs", folder, "tmpfs", _NO_SUID | _NO_EXEC, "mode=755,size=64k")
    for name in _DEVICES:
        os.close(os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        _mount(f"/dev/{name}", f"{folder}/{name}", "", _BIND)
    for name, target in _LINKS:
        os.symlink(f"/proc/self/{target}", f"{folder}/{name}")  # noqa: PTH211
    _mount(None, folder, "", _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_EXEC)


def _show_cpus(root: str) -> None:
    _mount("tmpfs", f"{root}/sys", "tmpfs", _NO_SUID | _NO_DEV | _NO_EXEC, "mode=755,size=64k")
    os.makedirs(root + _CPUS)  # noqa: PTH103
    _mount(_CPUS, root + _CPUS, "", _BIND)
    flags = _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEV | _NO_EXEC
    for folder in (root + _CPUS, f"{root}/sys"):
        _mount(None, folder, "", flags)


def _become(plan: dict[str, Any]) -> NoReturn:
    """Becomes the image's command, as the functions' user."""
    channel: int = plan["channel"]
    os.closerange(3, channel)
    os.closerange(channel + 1, 1024)
    os.setsid()
    os.chdir(plan["folder"])
    with open(f"/{plan['filter']}", "rb") as file:  # noqa: PTH123
        instructions = file.read()
    for capability in range(64):
        if calls._libc.prctl(24, capability, 0, 0, 0):  # noqa: SLF001
            break
    os.setgroups([])
    os.setgid(plan["group"])
    os.setuid(plan["user"])
    calls.take_on(instructions)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvpe(plan["words"][0], plan["words"], plan["environment"])  # noqa: S606
    except OSError as error:
        os.write(2, f"{plan['words'][0]}: {error}\n".encode())
    os._exit(127)


def _drop_capabilities() -> None:
    head = struct.pack("=Ii", 0x20080522, 0)
    number = calls._CAPSET[os.uname().machine]  # noqa: SLF001
    calls._call("syscall", number, head, ctypes.create_string_buffer(24))  # noqa: SLF001


if __name__ == "__main__":
    main()
