"""Tells the backend which packages versions and sandboxes need, so that the others may go.

A version's earlier package is needed as long as a sandbox of that revision waits for its start or
lives: the requests that came before a deployment end as they would have. Where packages are, and
how they go, is the backend's matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from emulator.core.model import Sandbox, VersionKey
    from emulator.live.backends.interface import SandboxBackend
    from emulator.live.deployments import Deployment
    from emulator.live.sandbox.live_sandbox import LiveSandbox


@dataclass(frozen=True, slots=True)
class _Earlier:
    """Holds a revision that no version has any more, and its sandboxes that are not gone."""

    package: str
    sandboxes: set[int]


class PackageKeeper:
    """Holds the packages of earlier revisions; `scheduled` and `live` are all sandboxes by id."""

    def __init__(
        self,
        backend: SandboxBackend,
        scheduled: Mapping[int, Sandbox],
        live: Mapping[int, LiveSandbox],
    ) -> None:
        self._packages = backend.packages
        self._scheduled = scheduled
        self._live = live
        self._earlier: list[_Earlier] = []

    def put(self, key: VersionKey, package: str) -> None:
        """Tells that a version has a package that `deploy` returned; see `hold_earlier`."""
        if self._packages is not None:
            self._packages.put(key, package)

    def forget(self, key: VersionKey) -> None:
        """Tells that a version is no more; see `hold_earlier`."""
        if self._packages is not None:
            self._packages.forget(key)

    def unasked(self, package: str) -> None:
        """Tells that no version will have a package that `deploy` returned."""
        if self._packages is not None:
            self._packages.unasked(package)

    def keep_only(self, keys: Collection[VersionKey]) -> None:
        """Tells which versions there are, ready or not."""
        if self._packages is not None:
            self._packages.keep_only(keys)

    def hold_earlier(self, deployment: Deployment) -> None:
        """Holds the package of a revision that is replaced or retired, for its sandboxes.

        To be called before anything is awaited, when the scheduler knows of the change: from then
        on the revision gets no new sandbox.
        """
        if self._packages is None:
            return
        self._drop_unstarted()
        revision = deployment.configuration.key, deployment.revision
        sandboxes = {
            number
            for number, sandbox in self._scheduled.items()
            if (sandbox.function.key, sandbox.function.revision) == revision
        }
        package = deployment.package
        sandboxes |= {number for number, live in self._live.items() if live.package == package}
        if sandboxes:
            self._packages.hold(package)
            self._earlier.append(_Earlier(package, sandboxes))

    def sandbox_gone(self, sandbox: int) -> None:
        """Takes that a sandbox was taken away."""
        for earlier in self._earlier:
            earlier.sandboxes.discard(sandbox)
        self._let_go()

    def _drop_unstarted(self) -> None:
        """Looks for sandboxes that went without ever being started, which nobody tells of."""
        for earlier in self._earlier:
            earlier.sandboxes.intersection_update(self._scheduled.keys() | self._live.keys())
        self._let_go()

    def _let_go(self) -> None:
        if self._packages is None or all(earlier.sandboxes for earlier in self._earlier):
            return
        unused = [earlier for earlier in self._earlier if not earlier.sandboxes]
        self._earlier = [earlier for earlier in self._earlier if earlier.sandboxes]
        for earlier in unused:
            self._packages.release(earlier.package)
