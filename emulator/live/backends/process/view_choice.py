"""Chooses what sandboxes see of this machine: bubblewrap's view where that works, or all."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.live.backends.local.seccomp import seccomp_filter
from emulator.live.backends.process.bubblewrap import Bubblewrap
from emulator.live.backends.process.limitations import Isolation
from emulator.live.backends.process.plain_view import Plain
from emulator.live.backends.process.runtime_folder import others_can_enter

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.process.runtime_folder import Runtime
    from emulator.live.backends.process.view import View

_PROBE_LIMIT = 10.0
"""Seconds that the trial start of bubblewrap may take."""


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """Tries what this machine has; every trial blocks."""

    runtime: Runtime
    state: Path
    """Folder that a function's user must reach where there is no bubblewrap."""
    tmp: Path
    """Folder for sandboxes' temporary files, where they have no /tmp of their own."""

    def view(self, bubblewrap: str | None) -> tuple[View, Isolation]:
        """Returns a view, and what came of the trial of a program; None: bubblewrap is not used."""
        if bubblewrap is None:
            return self._plain("bubblewrap is not used")
        if (program := shutil.which(bubblewrap)) is None:
            return self._plain("bubblewrap is not installed")
        fault = ""
        for filtered in (True, False) if seccomp_filter() else (False,):
            view = Bubblewrap(program, self.runtime, filtered=filtered)
            if not (fault := _fault(view.probe())):
                forks = _fault(view.fork_probe()) if filtered else "no kernel filter"
                return view, Isolation(filtered=filtered, forks_fault=forks)
        return self._plain(fault)

    def _plain(self, fault: str) -> tuple[View, Isolation]:
        reachable = all(map(others_can_enter, (self.state, self.runtime.prefix)))
        view = Plain(self.runtime, self.tmp, drop_root=os.geteuid() == 0 and reachable)
        return view, Isolation(fault, filtered=False)


def _fault(command: list[str]) -> str:
    """Returns why a trial start failed, in its own last words; empty where it did not fail."""
    try:
        tried = subprocess.run(
            command, env={}, capture_output=True, timeout=_PROBE_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here ({error})"
    if tried.returncode == 0:
        return ""
    said = tried.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    return f"bubblewrap does not work here ({said[-1]})"
