"""Tells in a sentence each what Lambda enforces and processes of this machine do not."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.live.backends.limitations import Limitation

if TYPE_CHECKING:
    from collections.abc import Collection

_PEERS_UNTOLD = (
    "A function may dial the Runtime API of another and take its work, since this process may not "
    "see which process made a connection."
)


@dataclass(frozen=True, slots=True)
class Isolation:
    """Holds what came of the trial of bubblewrap."""

    bubblewrap_fault: str = ""
    """Why bubblewrap cannot be used; empty where it can."""
    filtered: bool = True
    """Whether the kernel refuses functions user namespaces and keyrings."""
    forks_fault: str = ""
    """Why a process cannot make namespaces for a fork of its own; empty where it can."""


def shortcomings(
    controllers: Collection[str],
    isolation: Isolation,
    *,
    as_root: bool,
    advice: str = "",
    tells_peers: bool = True,
) -> dict[Limitation, str]:
    """Returns each limitation with its sentence.

    `controllers` are those of cgroups that can be used here, and `advice` is a sentence on how to
    have more of them. `as_root`: functions run as root, since no other user could reach their
    files. `tells_peers`: this process sees whose a connection is.
    """
    fault = isolation.bubblewrap_fault
    found = _always() | _memory(controllers, advice, bubblewrap=not fault) | _others(controllers)
    if fault:
        found |= _plain(fault, as_root=as_root)
    if "freezer" not in controllers:
        end = ", as it escapes its end" if fault else ""
        found[Limitation.ESCAPABLE_FREEZE] = (
            "A sandbox is frozen by SIGSTOP to its process group, which a process that leaves "
            f"the group escapes{end}."
        )
    if not isolation.filtered:
        found[Limitation.KERNEL_UNFILTERED] = (
            "Functions may make user namespaces and use the kernel's keyrings, which Lambda "
            "refuses."
        )
    if not tells_peers:
        found[Limitation.SHARED_RUNTIME_API] = _PEERS_UNTOLD
    return found


def snapshots_fault(controllers: Collection[str], isolation: Isolation) -> str:
    """Returns why no snapshot can be restored here, as half a sentence; empty where one can."""
    missing = [name for name in ("cpu", "memory", "pids", "freezer") if name not in controllers]
    if isolation.bubblewrap_fault:
        return isolation.bubblewrap_fault
    if missing:
        return f"no {' and '.join(missing)} cgroup can be written"
    if isolation.forks_fault:
        return f"a process can make no namespaces of its own here ({isolation.forks_fault})"
    return ""


def stem_cells_fault(controllers: Collection[str], *, bubblewrap: bool) -> str:
    """Returns why no stem cell can be kept here, as half a sentence; empty where one can."""
    missing = [name for name in ("memory", "freezer") if name not in controllers]
    if not bubblewrap:
        return "bubblewrap cannot be used, and a sandbox would have no files of its own"
    if missing:
        return f"no {' and '.join(missing)} cgroup can be written"
    return ""


def _always() -> dict[Limitation, str]:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {
        Limitation.HOST_PYTHON: (
            f"Functions run on this host's Python {version}, whatever Runtime they name."
        ),
        Limitation.NO_BUNDLED_SDK: (
            "A function has boto3 only from its own requirements or a layer."
        ),
        Limitation.PARTIAL_IMAGES: (
            "An image function is its Dockerfile's COPY, ENV and pip steps over this host's "
            "libraries."
        ),
        Limitation.SHARED_NETWORK: (
            "Functions share this host's network: they can reach what listens on 127.0.0.1, and "
            "two sandboxes cannot listen on the same port."
        ),
    }


def _memory(
    controllers: Collection[str], advice: str, *, bubblewrap: bool
) -> dict[Limitation, str]:
    if "memory" not in controllers:
        found = "Memory is not limited, and Max Memory Used leaves out a function's children"
        sentence = f"{found}: no memory cgroup can be written. {advice}"
        return {Limitation.MEMORY_UNLIMITED: sentence.rstrip()}
    if bubblewrap:
        return {
            Limitation.TMP_COUNTS_AS_MEMORY: (
                "What a function writes to /tmp counts against its memory."
            )
        }
    return {}


def _others(controllers: Collection[str]) -> dict[Limitation, str]:
    found = {}
    if "cpu" not in controllers:
        found[Limitation.CPU_UNLIMITED] = (
            "No CPU share is set, whatever the memory size: no cpu cgroup can be written."
        )
    if "pids" not in controllers:
        found[Limitation.PROCESSES_UNLIMITED] = (
            "The number of processes and threads is not limited to 1,024."
        )
    return found


def _plain(fault: str, *, as_root: bool) -> dict[Limitation, str]:
    seen = "Functions see and may write this host's file system, and /tmp is the host's"
    own = "without a limit (TMPDIR names a folder of the sandbox's own)"
    found = {Limitation.HOST_FILE_SYSTEM: f"{seen}, {own}: {fault}."}
    if as_root:
        found[Limitation.RUNS_AS_ROOT] = (
            "Functions run as root, since no other user can reach their files."
        )
    elif os.geteuid() != 0:
        found[Limitation.RUNS_AS_CALLER] = "Functions run as the user who started the emulator."
    return found
