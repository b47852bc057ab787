"""Keeps the deployed function versions, and the packages of revisions that may still run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.core.function_configuration import FunctionConfiguration
    from emulator.core.model import FunctionVersion, VersionKey


@dataclass(frozen=True, slots=True)
class Prepared:
    """Holds a version whose package is made, and which is not deployed yet."""

    configuration: FunctionConfiguration
    package: str
    package_mb: float = 0.0
    """Size of the code as a zip, where that decides something."""
    snapshot: str = ""
    """Name of the snapshot from which sandboxes start; empty: none was taken."""
    snapshot_mb: int = 0
    """MB that the snapshot has; 0 where that is unknown."""
    stem: str = ""
    """Runtime whose stem cells may become sandboxes; empty: none may."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Holds one revision of a version: what is configured, and the backend's package."""

    configuration: FunctionConfiguration
    package: str
    revision: int
    arn: str
    snapshot: str = ""


class Deployments:
    """Numbers the revisions of each version, from 0."""

    def __init__(self) -> None:
        self._current: dict[VersionKey, Deployment] = {}
        self._all: dict[tuple[VersionKey, int], Deployment] = {}
        self._revisions: dict[VersionKey, int] = {}
        """The last of each version; the count goes on when a version is retired and deployed."""

    def add(
        self, configuration: FunctionConfiguration, package: str, snapshot: str = ""
    ) -> Deployment:
        """Puts a new revision in the place of the version's earlier one."""
        key = configuration.key
        revision = self._revisions[key] = self._revisions.get(key, -1) + 1
        deployment = Deployment(configuration, package, revision, configuration.arn, snapshot)
        self._current[key] = self._all[key, revision] = deployment
        return deployment

    def get(self, key: VersionKey) -> Deployment | None:
        """Returns a version's present revision; None where the version is not deployed."""
        return self._current.get(key)

    def of(self, function: FunctionVersion) -> Deployment:
        """Returns the revision that a sandbox of the scheduler runs, retired or not."""
        return self._all[function.key, function.revision]

    def retire(self, key: VersionKey) -> None:
        """Forgets a version; its revisions may still run."""
        del self._current[key]

    @property
    def every(self) -> list[FunctionConfiguration]:
        """Returns the configuration of every revision, retired ones included, in their order."""
        return [deployment.configuration for deployment in self._all.values()]

    @property
    def configurations(self) -> Mapping[VersionKey, FunctionConfiguration]:
        """Returns every deployed version's configuration."""
        return {key: deployment.configuration for key, deployment in self._current.items()}
