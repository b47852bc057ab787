"""Tells what a running process costs its machine: CPU time, and calls of the kernel by name.

Both depend little on what else the machine does, which times of day do not.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ATTACHED_WITHIN = 5.0
_ENDED_WITHIN = 10.0
_LOOK_EVERY = 0.02
_NAME, _CALLS = -1, 3
"""Columns of strace's summary; `errors`, the last but one, is empty in most rows."""


def cpu_seconds(pid: int) -> float:
    """Returns the CPU time of a process's present threads, in seconds.

    The scheduler's own account is read (Documentation/scheduler/sched-stats.rst), in nanoseconds;
    /proc/PID/stat, which a kernel without that account has, counts in ticks of 10 ms.

    Raises:
        OSError: there is no such process.
    """
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def system_calls(pid: int, work: Callable[[], object]) -> dict[str, int] | None:
    """Counts a process's calls of the kernel during some work, by name.

    Returns:
        The counts; None where strace is not installed or may not attach. The work is done anyway.
    """
    strace = shutil.which("strace")
    if strace is None:
        work()
        return None
    with tempfile.NamedTemporaryFile() as summary:
        command = [strace, "-c", "-f", "-p", str(pid), "-o", summary.name]
        counting = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_traced(pid, counting)
            work()
        finally:
            _end(counting)
        return parse_summary(Path(summary.name).read_text(encoding="utf-8")) or None


def parse_summary(text: str) -> dict[str, int]:
    """Reads the table that `strace -c` writes; empty where there is none."""
    rows = [line.split() for line in text.splitlines()]
    return {
        row[_NAME]: int(row[_CALLS])
        for row in rows
        if len(row) > _CALLS + 1 and row[_CALLS].isdigit() and row[_NAME] != "total"
    }


def _wait_until_traced(pid: int, counting: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _ATTACHED_WITHIN
    while counting.poll() is None and time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        if f"TracerPid:\t{counting.pid}\n" in status:
            return
        time.sleep(_LOOK_EVERY)


def _end(counting: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        counting.send_signal(signal.SIGINT)  # at which strace writes its table
    try:
        counting.wait(_ENDED_WITHIN)
    except subprocess.TimeoutExpired:
        counting.kill()
        counting.wait()
