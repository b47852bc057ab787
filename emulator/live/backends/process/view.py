"""Declares what decides how much a sandbox sees of this machine.

There are two views: bubblewrap's, with Lambda's own paths on a read-only file system, and the plain
view of a process of this host. Neither starts anything, and neither knows of limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.live.backends.process.packages import Package
    from emulator.live.backends.sandbox_spec import SandboxSpec


class View(Protocol):
    """Declares what `Bubblewrap` and `Plain` have in common."""

    launchers: int
    """How many processes stay above the supervisor."""

    def tmp(self, name: str) -> Path | None:
        """Returns the folder for temporary files of a sandbox; None where it has its own /tmp."""

    def script(self, spec: SandboxSpec, package: Package, name: str) -> bytes:
        """Returns the shell script that becomes the sandbox `name`.

        Raises:
            SandboxStartError: The environment cannot be handed to a process.
        """
