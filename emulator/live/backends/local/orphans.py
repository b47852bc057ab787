"""Removes the sandboxes of an emulator that was killed.

Most sandboxes die with their parent by themselves. A sandbox that is frozen on cgroup v1 cannot, so
a shell (guard.sh) waits for the emulator's end and kills what it then finds in the cgroups of that
one run. What a machine without cgroups leaves, the next emulator finds by its arguments.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 5.0
"""Seconds that a dismissed guard may take to end."""


class Guard:
    """Owns the shell that outlives this process by a second, unless it was dismissed."""

    def __init__(self, run: str, tmp: Path, bases: list[Path]) -> None:
        """Starts the shell. `run` begins the names of this run's cgroups and temporary folders."""
        program = resources.files(__package__).joinpath("guard.sh").read_text()
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", program, "testbed-guard", run, str(tmp), *map(str, bases)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def dismiss(self) -> None:
        """Ends the shell, when nothing is left to remove."""
        await asyncio.to_thread(self._dismiss)

    def _dismiss(self) -> None:
        with suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self._shell.communicate(b"\n", timeout=_PATIENCE)
        self._shell.kill()
        self._shell.wait()


def kill_orphans(mark: str) -> None:
    """Kills the processes with an argument that begins with `mark`; blocks for `ps`.

    Without cgroups, a stopped runtime may outlive its emulator.
    """
    if not (ps := shutil.which("ps")):
        return
    command = [ps, "-axww", "-o", "pid=,command="]
    listed = subprocess.run(command, capture_output=True, check=False).stdout
    for line in listed.decode(errors="replace").splitlines():
        pid, _, arguments = line.strip().partition(" ")
        if any(word.startswith(mark) for word in arguments.split()) and pid != str(os.getpid()):
            with suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)


def remove_orphans(tmp: Path, mark: str) -> None:
    """Removes the temporary folders whose names begin with `mark`."""
    for folder in tmp.glob(f"{mark}*"):
        shutil.rmtree(folder, ignore_errors=True)
