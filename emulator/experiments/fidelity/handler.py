"""Handles requests of the function that spins, in a sandbox; imports nothing of ours.

An event without `iterations` asks where the sandbox is: its cgroups, and what the cgroup says of
its CPU where the sandbox can see that. An event with `read_cpu_stat` has the cgroup's record
before and after the task in its answer, which takes some of the sandbox's own quota.
"""

import os
import time
from typing import Any

CGROUPS = "/sys/fs/cgroup"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Spins for `iterations` turns, and answers with the ms of wall and CPU time that they took."""
    if "iterations" not in event:
        return _place()
    reads = bool(event.get("read_cpu_stat"))
    before = _read(f"{CGROUPS}/cpu.stat") if reads else ""
    cpu, wall = time.process_time(), time.perf_counter()
    _spin(event["iterations"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = _read(f"{CGROUPS}/cpu.stat") if reads else ""
    return {"wall_ms": wall * 1000, "cpu_ms": cpu * 1000, "cpu_stat": [before, after]}


def _place() -> dict[str, Any]:
    unified = os.path.exists(f"{CGROUPS}/cgroup.controllers")  # noqa: PTH110  # pathlib is slow to import
    return {
        "cgroup": _read("/proc/self/cgroup"),
        "inode": os.stat(CGROUPS).st_ino if unified else None,  # noqa: PTH116
        "cpu_stat": _read(f"{CGROUPS}/cpu.stat") if unified else "",
    }


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


def _spin(turns: int) -> int:
    value = 0
    for turn in range(turns):
        value = (value * 31 + turn) & 0xFFFF
    return value
