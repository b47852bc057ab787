"""Lists what an emulator has made on this machine, to see what is left when the emulator is gone.

Everything that an emulator makes bears the id of its state folder or the folder's path: cgroups,
processes, containers, networks, mounts. Rules of the packet filter bear nothing, so all are listed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")
_INSTANCE_LABEL = "serverless-testbed.instance"
_PATIENCE = 20.0
"""Seconds that a program which lists something may take."""


def leftovers(state: Path, identity: str = "") -> set[str]:
    """Returns a line for each thing that the emulators of a state folder have made and left.

    Their `identity` is read from the folder where it is not given.
    """
    identity = identity or instance(state)
    marks = (f"testbed-{identity}", str(state.resolve()))
    return {
        *_processes(marks),
        *_cgroups(marks[0]),
        *_mounts(marks),
        *_containers(identity),
    }


def packet_filter_rules() -> set[str]:
    """Returns the rules of the packet filter; none where they cannot be read."""
    if os.geteuid() != 0 or (program := shutil.which("iptables-save")) is None:
        return set()
    return {f"rule {line}" for line in _lines([program]) if line.startswith("-A")}


def instance(state: Path) -> str:
    """Returns the id under which the emulators of a state folder make everything.

    Raises:
        OSError: No emulator has ever served from the folder.
    """
    identity: dict[str, str] = json.loads((state / "instance").read_text(encoding="utf-8"))
    return identity["id"]


def sandbox_processes(state: Path) -> list[int]:
    """Returns the processes within cgroups of a state folder's sandboxes, in no order."""
    mark = f"testbed-{instance(state)}"
    return [int(folder.name) for folder in _process_folders() if mark in _text(folder / "cgroup")]


def _processes(marks: tuple[str, ...]) -> Iterator[str]:
    for folder in _process_folders():
        command = _text(folder / "cmdline").replace("\0", " ").strip()
        if folder.name == str(os.getpid()) or _is_zombie(folder):
            continue
        if any(mark in command or mark in _text(folder / "cgroup") for mark in marks):
            yield f"process {folder.name}: {command[:120]}"


def _process_folders() -> Iterable[Path]:
    return (folder for folder in _PROC.iterdir() if folder.name.isdigit())


def _is_zombie(folder: Path) -> bool:
    return ") Z" in _text(folder / "stat")


def _cgroups(mark: str) -> Iterator[str]:
    for path, folders, _ in os.walk(_CGROUPS):
        yield from (f"cgroup {path}/{name}" for name in folders if mark in name)


def _mounts(marks: tuple[str, ...]) -> Iterator[str]:
    for line in _text(_PROC / "self" / "mountinfo").splitlines():
        if any(mark in line for mark in marks):
            yield f"mount {line.split()[4]}"


def _containers(instance: str) -> Iterator[str]:
    if (program := shutil.which("docker")) is None:
        return
    chosen = ["--filter", f"label={_INSTANCE_LABEL}={instance}"]
    for line in _lines([program, "ps", "--all", *chosen, "--format", "{{.Names}} {{.Status}}"]):
        yield f"container {line}"
    for line in _lines([program, "network", "ls", *chosen, "--format", "{{.Name}}"]):
        yield f"network {line}"


def _lines(command: list[str]) -> list[str]:
    try:
        told = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return [f"({command[0]} did not answer within {_PATIENCE:g} s)"]
    return told.stdout.decode(errors="replace").splitlines()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process has ended meanwhile
        return ""
