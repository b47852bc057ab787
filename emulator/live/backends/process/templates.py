"""Has packages of processes become templates, of which snapshots are forks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.live.backends.process.bubblewrap import Bubblewrap
    from emulator.live.backends.process.packages import Packages
    from emulator.live.backends.sandbox_spec import SandboxSpec


class ProcessTemplates:
    """Implements `Templates` with packages of this backend, under bubblewrap."""

    def __init__(self, view: Bubblewrap, packages: Packages) -> None:
        self._view = view
        self._packages = packages

    def script(self, spec: SandboxSpec, name: str, channel: int) -> bytes:
        """Returns the shell script that becomes a template; see `Templates`."""
        return self._view.template_script(spec, self._packages.read(spec.package), name, channel)

    def environment(self, spec: SandboxSpec) -> Mapping[str, str]:
        """Returns all variables of a restored sandbox's runtime; see `Templates`."""
        return self._view.environment(spec, self._packages.read(spec.package))
