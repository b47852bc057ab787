"""What happens to sandboxes whose emulator was killed: nothing of them stays behind.

Most die with their parent by themselves. A sandbox that is frozen on cgroup v1 cannot, so a shell
waits for the emulator's end and kills what it then finds in the cgroups of this one run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = r"""
trap '' HUP INT TERM
read -r line && exit 0
run=$1; tmp=$2; shift 2
for base; do
  for cgroup in "$base/$run"*; do
    while read -r pid; do kill -9 "$pid"; done <"$cgroup/cgroup.procs"
    [ -f "$cgroup/freezer.state" ] && echo THAWED >"$cgroup/freezer.state"
  done
done
sleep 1
rm -rf "$tmp/$run"*
for base; do rmdir "$base/$run"* "$base"; done
"""
_PATIENCE = 5.0


class Guard:
    """The shell that outlives this process by a second, unless it is told to end."""

    def __init__(self, run: str, tmp: Path, bases: list[Path]) -> None:
        """`run` begins the names of this run's cgroups and temporary folders."""
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "testbed-guard", run, str(tmp), *map(str, bases)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def dismiss(self) -> None:
        """Ends it: everything was taken away."""
        await asyncio.to_thread(self._dismiss)

    def _dismiss(self) -> None:
        with suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self._shell.communicate(b"\n", timeout=_PATIENCE)
        self._shell.kill()
        self._shell.wait()


def kill_orphans(mark: str) -> None:
    """Kills the processes with an argument that begins with `mark`; blocks for `ps`.

    For machines without cgroups, where a stopped runtime may outlive its emulator.
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
