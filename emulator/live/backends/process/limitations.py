"""What Lambda enforces and processes of this machine do not: a sentence for each."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def shortcomings(
    controllers: Collection[str], *, bubblewrap_fault: str, as_root: bool
) -> tuple[str, ...]:
    """`controllers` can be used here; `bubblewrap_fault` says why it cannot, empty where it can.

    `as_root`: functions run as root, since no other user could reach their files.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [
        f"Functions run on this host's Python {version}, whatever Runtime they name.",
        "A function has boto3 only from its own requirements or a layer.",
        "An image function is its Dockerfile's COPY, ENV and pip steps over this host's libraries.",
        "Functions share this host's network, and can reach what listens on 127.0.0.1.",
        *_memory(controllers, bubblewrap=not bubblewrap_fault),
        *_others(controllers),
    ]
    if bubblewrap_fault:
        found += _plain(bubblewrap_fault, as_root=as_root)
    if "freezer" not in controllers:
        end = ", as it escapes its end" if bubblewrap_fault else ""
        found.append(
            "A sandbox is frozen by SIGSTOP to its process group, which a process that leaves "
            f"the group escapes{end}."
        )
    return tuple(found)


def _memory(controllers: Collection[str], *, bubblewrap: bool) -> list[str]:
    if "memory" not in controllers:
        found = "Memory is not limited, and Max Memory Used leaves out a function's children"
        return [f"{found}: no memory cgroup can be written."]
    if bubblewrap:
        return ["What a function writes to /tmp counts against its memory."]
    return []


def _others(controllers: Collection[str]) -> list[str]:
    found = []
    if "cpu" not in controllers:
        found.append("No CPU share is set, whatever the memory size: no cpu cgroup can be written.")
    if "pids" not in controllers:
        found.append("The number of processes and threads is not limited to 1,024.")
    return found


def _plain(fault: str, *, as_root: bool) -> list[str]:
    seen = "Functions see and may write this host's file system, and /tmp is the host's"
    found = [f"{seen}, without a limit (TMPDIR names a folder of the sandbox's own): {fault}."]
    if as_root:
        found.append("Functions run as root, since no other user can reach their files.")
    elif os.geteuid() != 0:
        found.append("Functions run as the user who started the emulator.")
    return found
